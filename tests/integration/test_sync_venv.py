"""`sync_venv` with the real uv against an index on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.environments import selection
from tests.fakes import FakeIndex, PublishedFile, RecordingReporter

from mooring.errors import InputError
from mooring.install.failures import SyncError
from mooring.install.folder import MARK_NAME
from mooring.install.venv import SyncResult, SyncSettings, sync_venv
from mooring.lock.formats import pylock
from mooring.lock.model import Artifact, Lock, Package, Selected, Selection
from mooring.manifest.model import Index, VerifyPolicy
from mooring.platforms import Platform, PythonVersion
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare
from mooring.verify.findings import Verification

pytestmark = [pytest.mark.process, pytest.mark.network]

HERE = PythonVersion(minor=sys.version_info.minor)
SETTINGS = SyncSettings(interpreter=Path(sys.executable))
SITE = f"lib/python{HERE}/site-packages"


def locked(index: FakeIndex, file: PublishedFile, *, sha256: str | None = None) -> Selected:
    wheel = file.filename.endswith(".whl")
    artifact = Artifact(
        kind="wheel" if wheel else "sdist",
        name=file.filename,
        url=f"{index.root}{file.path}",
        hashes=(("sha256", sha256 or file.sha256),),
        size=len(file.data),
    )
    package = Package(
        name=file.filename.split("-")[0].replace("_", "-"),
        version=file.version,
        index=index.url,
        wheels=(artifact,) if wheel else (),
        sdist=None if wheel else artifact,
    )
    return Selected(package=package, artifact=artifact)


def chosen(*packages: Selected) -> Selection:
    return selection(*packages, python=HERE, platform=Platform.current())


def sync(
    path: Path,
    wanted: Selection,
    reporter: RecordingReporter,
    *,
    index: Index | None = None,
    reinstall: tuple[str, ...] = (),
    offline: bool = False,
) -> SyncResult:
    return sync_venv(
        path,
        wanted,
        indexes=(index,) if index else (),
        reinstall=reinstall,
        offline=offline,
        reporter=reporter,
        settings=SETTINGS,
    )


def verified(path: Path, wanted: Selection) -> Verification:
    return compare(wanted, PathCollector(path).collect(), VerifyPolicy())


def test_create_change_and_nothing_to_do(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    [one] = fake_index.add("one", "1.0", entry_points={"one-tool": "one:main"})
    [two] = fake_index.add("two-parts", "2.0")
    [newer] = fake_index.add("one", "1.1")
    env = tmp_path / "new" / ".venv"
    first = chosen(locked(fake_index, one), locked(fake_index, two))
    result = sync(env, first, reporter)
    assert (result.created, result.installed, result.removed) == (True, ("one", "two-parts"), ())
    assert result.python.startswith(f"{HERE}.")
    assert (env / "bin" / "one-tool").exists()
    assert verified(env, first).findings == ()
    assert not list(env.glob(MARK_NAME))

    fake_index.log.clear()
    result = sync(env, first, reporter)
    assert (result.created, result.installed, result.removed) == (False, (), ())
    assert fake_index.log == []

    second = chosen(locked(fake_index, newer))
    result = sync(env, second, reporter)
    assert (result.installed, result.removed) == (("one",), ("two-parts",))
    assert verified(env, second).findings == ()

    result = sync(env, chosen(), reporter)
    assert result.removed == ("one",)
    assert verified(env, chosen()).findings == ()


def test_only_the_locked_files_are_asked_for(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    """No index page: another index, a newer release or a cached build has no say."""
    [one] = fake_index.add("one", "1.0")
    fake_index.add("one", "9.0")
    sync(tmp_path / "env", chosen(locked(fake_index, one)), reporter)
    assert {request.path for request in fake_index.log} == {one.path}


def test_extras_and_drift_of_versions_are_removed(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    [one] = fake_index.add("one", "1.0")
    [stray] = fake_index.add("stray", "1.0")
    env = tmp_path / "env"
    sync(env, chosen(locked(fake_index, one), locked(fake_index, stray)), reporter)
    wanted = chosen(locked(fake_index, one))
    assert [f.rule.id for f in verified(env, wanted).findings] == ["MOR102"]
    assert sync(env, wanted, reporter).removed == ("stray",)
    assert verified(env, wanted).findings == ()


@pytest.mark.parametrize("etag", [True, False])
def test_drifted_packages_come_fresh_from_the_index(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter, etag: bool
) -> None:
    """The unpacked copy in uv's cache was altered through a hard link, as installers make them."""
    fake_index.etag = etag
    [one] = fake_index.add("one", "1.0", files={"one.py": b"x = 1\n"})
    wanted = chosen(locked(fake_index, one))
    env = tmp_path / "env"
    sync(env, wanted, reporter)
    _cached("one.py").write_bytes(b"import evil\n")
    (env / SITE / "one.py").write_bytes(b"import evil\n")
    assert [f.rule.id for f in verified(env, wanted).failing] == ["MOR106"]

    result = sync(env, wanted, reporter, reinstall=("one",))
    assert result.installed == ("one",)
    assert verified(env, wanted).findings == ()
    shutil.rmtree(env)
    sync(env, wanted, reporter)
    assert verified(env, wanted).findings == ()


def test_a_fresh_environment_from_a_poisoned_cache_is_found_and_healed(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    [one] = fake_index.add("one", "1.0", files={"one.py": b"x = 1\n"})
    wanted = chosen(locked(fake_index, one))
    sync(tmp_path / "first", wanted, reporter)
    _cached("one.py").write_bytes(b"import evil\n")
    env = tmp_path / "second"
    sync(env, wanted, reporter)
    assert [f.rule.id for f in verified(env, wanted).failing] == ["MOR106"]
    assert verified(tmp_path / "first", wanted).findings == (), "copies do not share their bytes"
    sync(env, wanted, reporter, reinstall=("one",))
    assert verified(env, wanted).findings == ()


def _cached(name: str) -> Path:
    [found] = Path(os.environ["UV_CACHE_DIR"]).glob(f"archive-*/*/{name}")
    return found


def test_another_artifact_of_the_same_version_is_installed(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    [old] = fake_index.add("one", "1.0", files={"one.py": b"old\n"})
    env = tmp_path / "env"
    sync(env, chosen(locked(fake_index, old)), reporter)
    fake_index.projects.clear()
    [new] = fake_index.add("one", "1.0", files={"one.py": b"new\n"})
    result = sync(env, chosen(locked(fake_index, new)), reporter)
    assert result.installed == ("one",)
    assert (env / SITE / "one.py").read_bytes() == b"new\n"


def test_offline(tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter) -> None:
    [one] = fake_index.add("one", "1.0")
    wanted = chosen(locked(fake_index, one))
    with pytest.raises(SyncError) as caught:
        sync(tmp_path / "env", wanted, reporter, offline=True)
    assert "--offline" in (caught.value.hint or "")
    assert fake_index.log == []
    sync(tmp_path / "env", wanted, reporter)
    fake_index.log.clear()
    sync(tmp_path / "other", wanted, reporter, offline=True)
    assert fake_index.log == []
    assert verified(tmp_path / "other", wanted).findings == ()


def test_a_private_index(
    tmp_path: Path,
    fake_index: FakeIndex,
    reporter: RecordingReporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [one] = fake_index.add("one", "1.0")
    wanted = chosen(locked(fake_index, one))
    fake_index.auth = "user:hunter2"
    index = Index(name="own", url=fake_index.url, explicit=True, packages=("one",))
    monkeypatch.setenv("UV_INDEX_OWN_USERNAME", "user")
    monkeypatch.setenv("UV_INDEX_OWN_PASSWORD", "wrong-secret")
    with pytest.raises(SyncError) as caught:
        sync(tmp_path / "env", wanted, reporter, index=index)
    told = f"{caught.value} {caught.value.hint} {reporter.details}"
    assert "UV_INDEX_OWN_PASSWORD" in told
    assert "wrong-secret" not in told
    monkeypatch.setenv("UV_INDEX_OWN_PASSWORD", "hunter2")
    sync(tmp_path / "env", wanted, reporter, index=index)
    assert verified(tmp_path / "env", wanted).findings == ()
    assert "hunter2" not in (tmp_path / "env" / ".mooring-sync.json").read_text()


def test_a_wrong_hash(tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter) -> None:
    [one] = fake_index.add("one", "1.0")
    with pytest.raises(SyncError) as caught:
        sync(tmp_path / "env", chosen(locked(fake_index, one, sha256="0" * 64)), reporter)
    assert "one==1.0 is not the artifact in the lock" in caught.value.message
    assert one.sha256 in caught.value.message
    # It goes on where it stopped.
    wanted = chosen(locked(fake_index, one))
    assert sync(tmp_path / "env", wanted, reporter).installed == ("one",)
    assert verified(tmp_path / "env", wanted).findings == ()


@pytest.mark.parametrize(("status", "text"), [(404, "is gone"), (500, "cannot be reached")])
def test_an_index_that_fails(
    tmp_path: Path,
    fake_index: FakeIndex,
    reporter: RecordingReporter,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    text: str,
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    [one] = fake_index.add("one", "1.0")
    fake_index.failing[one.path] = status
    with pytest.raises(SyncError, match=text) as caught:
        sync(tmp_path / "env", chosen(locked(fake_index, one)), reporter)
    assert caught.value.exit_code == 3
    fake_index.failing.clear()
    assert sync(tmp_path / "env", chosen(locked(fake_index, one)), reporter).installed == ("one",)


def test_a_wheel_for_another_machine(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    [one] = fake_index.add("one", "1.0", tag="cp38-cp38-win_amd64")
    with pytest.raises(SyncError, match="does not fit this Python or machine"):
        sync(tmp_path / "env", chosen(locked(fake_index, one)), reporter)


def test_a_locked_sdist_is_built(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    [source] = fake_index.add("src", "1.0", tag=None, sdist=True)
    [one] = fake_index.add("one", "1.0")
    wanted = chosen(locked(fake_index, one), locked(fake_index, source))
    assert sync(tmp_path / "env", wanted, reporter).installed == ("one", "src")
    assert verified(tmp_path / "env", wanted).findings == ()


def test_a_local_folder_of_the_lock(
    tmp_path: Path, reporter: RecordingReporter, fake_index: FakeIndex
) -> None:
    [built] = fake_index.add("own", "1.0", files={"own.py": b"x = 1\n"})
    project = tmp_path / "project"
    (project / "wheels").mkdir(parents=True)
    (project / "wheels" / built.filename).write_bytes(built.data)
    artifact = Artifact(
        kind="wheel",
        name=built.filename,
        path=f"wheels/{built.filename}",
        hashes=(("sha256", built.sha256),),
    )
    package = Package(name="own", version="1.0", wheels=(artifact,))
    wanted = chosen(Selected(package=package, artifact=artifact))
    sync(project / ".venv", wanted, reporter)
    assert verified(project / ".venv", wanted).findings == ()


def test_a_broken_or_unfinished_environment_is_made_anew(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    [one] = fake_index.add("one", "1.0")
    wanted = chosen(locked(fake_index, one))
    env = tmp_path / "env"
    sync(env, wanted, reporter)
    (env / "bin" / "python").unlink()
    (env / "bin" / "python").symlink_to("/nowhere/python")
    assert sync(env, wanted, reporter).created
    assert "not complete" in reporter.notes[-1]
    (env / MARK_NAME).write_text("")
    (env / "pyvenv.cfg").unlink()
    assert sync(env, wanted, reporter).created
    assert verified(env, wanted).findings == ()


def test_another_python_is_made_anew_and_said(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    [one] = fake_index.add("one", "1.0")
    wanted = chosen(locked(fake_index, one))
    env = tmp_path / "env"
    sync(env, wanted, reporter)
    config = env / "pyvenv.cfg"
    config.write_text(config.read_text().replace(f"version_info = {HERE}.", "version_info = 3.7."))
    assert sync(env, wanted, reporter).created
    assert f"has Python 3.7.{sys.version_info.micro}, the lock is for {HERE}" in reporter.notes[-1]


def test_a_python_that_is_not_there_removes_nothing(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    [one] = fake_index.add("one", "1.0")
    env = tmp_path / "env"
    sync(env, chosen(locked(fake_index, one)), reporter)
    missing = selection(python=PythonVersion(minor=99), platform=Platform.current())
    with pytest.raises(SyncError, match=r"no usable Python 3\.99") as caught:
        sync_venv(env, missing, indexes=(), reporter=reporter)
    assert caught.value.hint
    with pytest.raises(InputError, match=r"the lock is for 3\.99"):
        sync_venv(env, missing, indexes=(), reporter=reporter, settings=SETTINGS)
    assert (env / SITE / "one").is_dir()


def test_a_folder_with_other_things_is_refused(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("")
    with pytest.raises(InputError, match="no virtual environment"):
        sync(tmp_path / "src", chosen(), reporter)
    assert [p.name for p in (tmp_path / "src").iterdir()] == ["main.py"]
    assert fake_index.log == []


_SCRIPT = """\
import sys
from pathlib import Path
from mooring.install.venv import SyncSettings, sync_venv
from mooring.lock.formats import pylock
from mooring.lock.select import select
from mooring.platforms import Platform, PythonVersion
from mooring.reporting import SILENT
lock = pylock.read(Path(sys.argv[1]).read_text(), "lock")
python = PythonVersion(minor=sys.version_info.minor)
selection = select(lock, platform=Platform.current(), python=python)
settings = SyncSettings(interpreter=Path(sys.executable))
sync_venv(Path(sys.argv[2]), selection, indexes=(), reporter=SILENT, settings=settings)
"""


@pytest.mark.parametrize("after", ["python", "first request"])
def test_a_killed_sync_is_repaired_by_the_next(
    tmp_path: Path, fake_index: FakeIndex, reporter: RecordingReporter, after: str
) -> None:
    files = [fake_index.add(f"pkg{n}", "1.0")[0] for n in range(6)]
    wanted = chosen(*(locked(fake_index, file) for file in files))
    lock = Lock(created_by="test", packages=tuple(s.package for s in wanted.packages))
    (tmp_path / "pylock.toml").write_text(pylock.write(lock))
    fake_index.latency = 0.1
    env = tmp_path / "env"
    words = [sys.executable, "-c", _SCRIPT, str(tmp_path / "pylock.toml"), str(env)]
    process = subprocess.Popen(words, start_new_session=True)
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        if (env / "bin").exists() if after == "python" else fake_index.log:
            break
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    fake_index.latency = 0
    sync(env, wanted, reporter)
    assert verified(env, wanted).findings == ()
    assert not (env / MARK_NAME).exists()
