"""`mooring lock --record-ids`, and what verification makes of them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.environments import record_row
from tests.fakes import FakeIndex
from tests.functional.command import Mooring, manifest
from tests.wheels import wheel

from mooring.artifacts.record import RECORD_HEADER, document_id
from mooring.artifacts.wheel_record import read_local
from mooring.uv import uv_binary

pytestmark = [pytest.mark.process, pytest.mark.network]

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"


def locked_ids(project: Path) -> dict[str, str]:
    raw = tomllib.loads((project / "pylock.toml").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for row in raw["packages"]:
        found |= row.get("tool", {}).get("mooring", {}).get("record-ids", {})
    return found


def write(project: Path, index: FakeIndex, dependencies: str = '"alpha"', more: str = "") -> None:
    text = manifest(index, dependencies=dependencies, more=more)
    (project / "pyproject.toml").write_text(text.replace('"3.11"', f'"{HERE}"'))


def files_asked(index: FakeIndex) -> list[str]:
    return [request.path for request in index.log if request.path.endswith(".whl")]


def test_every_selected_wheel_gets_the_id_of_its_record(
    project: Path, stocked: FakeIndex, mooring: Mooring, tmp_path: Path
) -> None:
    write(project, stocked)
    said = mooring("lock", "--record-ids", "--format", "json")
    assert said.code == 0, said.err
    assert said.document["record_ids"] == 3
    expected = {}
    for files in stocked.projects.values():
        for published in files:
            (tmp_path / published.filename).write_bytes(published.data)
            lines = read_local(tmp_path / published.filename).lines
            expected[published.filename] = document_id(RECORD_HEADER, lines)
    names = {f"{name}-py3-none-any.whl" for name in ("alpha-1.1", "beta-2.0", "winonly-0.5")}
    assert locked_ids(project) == {name: expected[name] for name in names}


def test_twice_gives_the_same_bytes_and_the_second_asks_nobody(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    write(project, stocked)
    assert mooring("lock", "--record-ids").code == 0
    first = (project / "pylock.toml").read_bytes()
    stocked.log.clear()
    assert mooring("lock", "--record-ids").code == 0
    assert stocked.log == []
    assert (project / "pylock.toml").read_bytes() == first
    (project / "pylock.toml").unlink()
    assert mooring("lock", "--record-ids").code == 0
    assert (project / "pylock.toml").read_bytes() == first
    assert files_asked(stocked) == []  # cached by the wheel's hash


def test_ids_change_nothing_else_in_a_lock(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    write(project, stocked)
    mooring("lock")
    plain = (project / "pylock.toml").read_text(encoding="utf-8")
    assert mooring("lock", "--record-ids").code == 0
    text = (project / "pylock.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "record-ids" not in line and line]
    kept = [line for line in lines if '" = "sha256:' not in line]
    assert kept == [line for line in plain.splitlines() if line]
    assert mooring("lock", "--check").code == 0


def test_ids_of_unchanged_wheels_stay_without_the_option(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    write(project, stocked, '"alpha<1.1"')
    mooring("lock", "--record-ids")
    before = locked_ids(project)
    stocked.log.clear()
    write(project, stocked, '"alpha", "extra-one"')
    assert mooring("lock", "--upgrade").code == 0
    kept = {name: value for name, value in before.items() if not name.startswith("alpha")}
    assert locked_ids(project) == kept
    assert files_asked(stocked) == []


def test_offline_uses_the_cache_only(project: Path, stocked: FakeIndex, mooring: Mooring) -> None:
    write(project, stocked)
    mooring("lock")
    before = (project / "pylock.toml").read_bytes()
    said = mooring("lock", "--record-ids", "--offline")
    assert said.code == 3
    assert "alpha-1.1-py3-none-any.whl and 2 more is not in the cache" in said.err
    assert (project / "pylock.toml").read_bytes() == before
    assert mooring("lock", "--record-ids").code == 0
    complete = (project / "pylock.toml").read_bytes()
    (project / "pylock.toml").write_bytes(before)
    assert mooring("lock", "--record-ids", "--offline").code == 0
    assert (project / "pylock.toml").read_bytes() == complete


@pytest.mark.parametrize("status", [404, 503])
def test_a_wheel_that_cannot_be_read_leaves_the_old_lock(
    project: Path, stocked: FakeIndex, mooring: Mooring, status: int
) -> None:
    write(project, stocked)
    mooring("lock")
    before = (project / "pylock.toml").read_bytes()
    stocked.failing = {"/files/beta/beta-2.0-py3-none-any.whl": status}
    said = mooring("lock", "--record-ids")
    assert said.code == 3
    assert str(status) in said.err
    assert (project / "pylock.toml").read_bytes() == before


def test_a_refusal_says_how_to_log_in(project: Path, stocked: FakeIndex, mooring: Mooring) -> None:
    write(project, stocked)
    mooring("lock")
    stocked.auth = "ann:s3cret"
    said = mooring("lock", "--record-ids")
    assert said.code == 3
    assert "401" in said.err
    assert "_PASSWORD" in said.err


def test_a_server_without_ranges(project: Path, stocked: FakeIndex, mooring: Mooring) -> None:
    write(project, stocked)
    mooring("lock", "--record-ids")
    by_ranges = (project / "pylock.toml").read_bytes()
    (project / "pylock.toml").unlink()
    Path(project / "cache").mkdir()
    stocked.ranges = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOORING_CACHE_DIR", str(project / "cache"))
        assert mooring("lock", "--record-ids").code == 0
    assert (project / "pylock.toml").read_bytes() == by_ranges


def install(env: Path, tool: str, *words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", env], check=True)
    commands: dict[str, tuple[str | Path, ...]] = {
        "pip": (sys.executable, "-m", "pip", "--python", env / "bin/python", "install", "-q"),
        "uv": (uv_binary(), "pip", "install", "-q", "--python", env),
        "uv-bytecode": (uv_binary(), "pip", "install", "-q", "--compile-bytecode", "--python", env),
    }
    subprocess.run([*commands[tool], *words], check=True)


RICH = {
    "alpha/__init__.py": b"x = 1\n",
    "alpha/__pycache__/shipped.cpython-311.pyc": b"old",
    "alpha/_vendor/other-1.dist-info/METADATA": b"",
    "alpha-1.0.data/scripts/tool": b"#!python\nprint(1)\n",
    "alpha-1.0.data/purelib/alpha_more/__init__.py": b"",
    "alpha-1.0.data/data/share/alpha.txt": b"text",
    "alpha-1.0.dist-info/licenses/LICENSE": b"free",
}


@pytest.fixture
def rich(project: Path, fake_index: FakeIndex, mooring: Mooring) -> Path:
    """Return a locked project whose one wheel holds what installers treat differently."""
    fake_index.add("alpha", "1.0", files=RICH, entry_points={"alpha": "alpha:main"})
    write(project, fake_index)
    said = mooring("lock", "--record-ids")
    assert said.code == 0, said.err
    assert len(locked_ids(project)) == 1
    return project


def drifts(mooring: Mooring, env: Path) -> list[tuple[str, str]]:
    said = mooring("verify", env, "--format", "json")
    return [(finding["rule"], finding["package"]) for finding in said.document["findings"]]


@pytest.mark.parametrize("tool", ["pip", "uv", "uv-bytecode"])
def test_a_clean_environment_has_the_locked_id(
    rich: Path, fake_index: FakeIndex, mooring: Mooring, tool: str
) -> None:
    install(rich / "env", tool, "--index-url", fake_index.url, "alpha")
    assert drifts(mooring, rich / "env") == []


def test_a_clean_environment_by_sync(rich: Path, mooring: Mooring) -> None:
    assert mooring("sync").code == 0
    assert drifts(mooring, rich / ".venv") == []


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_the_same_version_from_another_build(
    rich: Path, fake_index: FakeIndex, mooring: Mooring, tool: str
) -> None:
    files = {**RICH, "alpha/__init__.py": b"x = 1\nimport os\n"}
    with FakeIndex() as other:
        other.add("alpha", "1.0", files=files, entry_points={"alpha": "alpha:main"})
        install(rich / "env", tool, "--index-url", other.url, "alpha")
    said = mooring("verify", rich / "env", "--format", "json")
    assert said.code == 1
    [finding] = said.document["findings"]
    assert (finding["rule"], finding["severity"]) == ("MOR104", "error")
    assert finding["expected"] == locked_ids(rich)["alpha-1.0-py3-none-any.whl"]
    assert finding["actual"].startswith("sha256:")
    assert finding["actual"] != finding["expected"]
    assert mooring("sync", rich / "env").code == 0
    assert drifts(mooring, rich / "env") == []


def test_an_index_that_lies_about_a_wheel_does_not_speak_for_others(
    rich: Path, fake_index: FakeIndex, mooring: Mooring
) -> None:
    honest = locked_ids(rich)
    built = wheel("alpha", "1.0", files={"alpha/__init__.py": b"evil"})
    with FakeIndex() as liar:
        published = liar.add("alpha", "1.0", files=RICH, entry_points={"alpha": "alpha:main"})[0]
        (rich / "pylock.toml").unlink()
        write(rich, liar)
        mooring("lock")
        # The page announces the right hash, and what is sent is something else of the same size.
        data = built.data + b"\0" * (len(published.data) - len(built.data))
        liar.projects["alpha"][0] = type(published)(
            **{name: getattr(published, name) for name in published.__dataclass_fields__}
            | {"data": data}
        )
        assert mooring("lock", "--record-ids").code == 0
        assert locked_ids(rich) != honest
    (rich / "pylock.toml").unlink()
    write(rich, fake_index)
    assert mooring("lock", "--record-ids").code == 0
    assert locked_ids(rich) == honest


def test_a_wheel_that_newer_machines_prefer_has_its_id_too(
    project: Path, fake_index: FakeIndex, mooring: Mooring
) -> None:
    newer, elsewhere = f"{TAG}-{TAG}-manylinux_2_99_x86_64", f"{TAG}-{TAG}-win32"
    fake_index.add("alpha", "1.0", tag=["py3-none-any", newer, elsewhere])
    write(project, fake_index)
    assert mooring("lock", "--record-ids").code == 0
    names = {f"alpha-1.0-{tag}.whl" for tag in ("py3-none-any", newer)}
    assert set(locked_ids(project)) == names


def test_a_wheel_without_an_id_is_named_once(
    project: Path, fake_index: FakeIndex, mooring: Mooring
) -> None:
    # Its RECORD lists a file of the machine that built it.
    fake_index.add("alpha", "1.0", files={"/usr/lib/alpha.py": b""})
    fake_index.add("beta", "1.0")
    write(project, fake_index, '"alpha", "beta"')
    said = mooring("lock", "--record-ids")
    assert said.code == 0
    assert "no record id for alpha-1.0-py3-none-any.whl: '/usr/lib/alpha.py' leaves" in said.err
    assert list(locked_ids(project)) == ["beta-1.0-py3-none-any.whl"]
    fake_index.log.clear()
    assert mooring("lock", "--record-ids").code == 0
    assert fake_index.log == []


def test_a_file_and_its_row_edited_together(rich: Path, mooring: Mooring) -> None:
    assert mooring("sync").code == 0
    [site] = (rich / ".venv/lib").glob("python*/site-packages")
    module, record = site / "alpha/__init__.py", site / "alpha-1.0.dist-info/RECORD"
    data = b"import os\n"
    module.unlink()
    module.write_bytes(data)
    rows = record.read_text().splitlines()
    kept = [row for row in rows if not row.startswith("alpha/__init__.py,")]
    record.unlink()
    record.write_text("\n".join([*kept, record_row("alpha/__init__.py", data)]) + "\n")
    assert drifts(mooring, rich / ".venv") == [("MOR104", "alpha")]
    # A row without a digest would let the file be anything.
    record.write_text("\n".join([*kept, "alpha/__init__.py,,"]) + "\n")
    assert ("MOR111", "alpha") in drifts(mooring, rich / ".venv")
    assert mooring("sync").code == 0
    assert drifts(mooring, rich / ".venv") == []


def test_sync_adds_what_the_lock_lacks_and_verifies_with_it(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    write(project, stocked)
    assert mooring("lock").code == 0
    assert locked_ids(project) == {}
    said = mooring("sync", "--record-ids")
    assert said.code == 0, said.err
    assert set(locked_ids(project)) == {
        f"{name}-py3-none-any.whl" for name in ("alpha-1.1", "beta-2.0", "winonly-0.5")
    }
    assert mooring("lock", "--check").code == 0
    before = (project / "pylock.toml").read_bytes()
    assert mooring("lock", "--record-ids").code == 0
    assert (project / "pylock.toml").read_bytes() == before
    asked = len(files_asked(stocked))
    assert mooring("sync", "--record-ids").code == 0
    assert len(files_asked(stocked)) == asked


def test_sync_takes_no_record_id_from_what_is_installed(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    """An environment that was edited together with its RECORD must not become the truth."""
    write(project, stocked)
    assert mooring("lock").code == 0
    assert mooring("sync").code == 0
    site = project / ".venv" / f"lib/python{HERE}/site-packages"
    (site / "beta/__init__.py").write_bytes(b"mine = 1\n")
    record = site / "beta-2.0.dist-info/RECORD"
    rows = record.read_text().splitlines()
    row = record_row("beta/__init__.py", b"mine = 1\n")
    record.write_text("\n".join(row if r.startswith("beta/__i") else r for r in rows) + "\n")
    assert mooring("verify").code == 0  # by itself it is clean
    said = mooring("sync", "--record-ids", "--format", "json")
    assert said.code == 0, said.err
    assert said.document["reinstalled"] == ["beta"]
    assert (site / "beta/__init__.py").read_bytes() != b"mine = 1\n"


def test_sync_offline_says_that_it_cannot(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    write(project, stocked)
    assert mooring("lock").code == 0
    said = mooring("sync", "--record-ids", "--offline")
    assert said.code == 3
    assert locked_ids(project) == {}


def test_record_ids_of_a_lock_without_a_project(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    write(project, stocked)
    assert mooring("lock").code == 0
    said = mooring("sync", "--record-ids", "--lock", project / "pylock.toml")
    assert said.code == 2
    assert "mooring lock --record-ids" in said.err
