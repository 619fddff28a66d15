"""Artifacts from an index on this machine: what is fetched, what is refused, what stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import FakeIndex, PublishedFile, RecordingReporter
from tests.integration.images_fixtures import http_server
from tests.unit.build.embedded.environments_made import selection

from mooring.artifacts.store import ArtifactStore
from mooring.artifacts.wheels_only import ArtifactError
from mooring.errors import MooringError
from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.manifest.model import Index

pytestmark = pytest.mark.network

TREE = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def locked(
    index: FakeIndex, published: PublishedFile, *, url: str | None = "", size: bool = True
) -> Selected:
    artifact = Artifact(
        kind="wheel",
        name=published.filename,
        url=f"{index.root}{published.path}" if url == "" else url,
        hashes=(("sha256", published.sha256),),
        size=len(published.data) if size else None,
    )
    name = published.path.split("/")[2]
    package = Package(name=name, version=published.version, wheels=(artifact,))
    return Selected(package=package, artifact=artifact)


def published(index: FakeIndex, *names: str, size: bool = True) -> Selection:
    """Publish packages and return them as they are locked."""
    files = [file for name in names for file in index.add(name, "1.0")]
    return selection([locked(index, file, size=size) for file in files])


def kept(store: ArtifactStore) -> set[str]:
    folder = store.root / "sha256"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_all_are_fetched_once_and_then_without_a_network(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path, reporter: RecordingReporter
) -> None:
    wanted = published(fake_index, *(f"p{number}" for number in range(20)))
    found = store.fetch(wanted, folder=tmp_path, reporter=reporter)
    for each in wanted.packages:
        file = fake_index.find(f"/files/{each.package.name}/{each.artifact.name}")
        assert file is not None
        assert found[each.package.name].read_bytes() == file.data
    assert sorted(fake_index.downloads) == sorted(p.artifact.name for p in wanted.packages)
    assert reporter.steps == ["Downloading 20 wheels (0.0 MB)"]
    assert sorted(reporter.details) == sorted(fake_index.downloads)
    fake_index.stop()
    again = ArtifactStore(store.root).fetch(wanted, folder=tmp_path, offline=True)
    assert again == found


def test_only_what_is_missing_is_fetched(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path
) -> None:
    store.fetch(published(fake_index, "a", "b"), folder=tmp_path)
    more = published(fake_index, "c")
    fake_index.log.clear()
    store.fetch(more, folder=tmp_path)
    assert fake_index.downloads == ["c-1.0-py3-none-any.whl"]


def test_downloads_happen_at_once_and_are_bounded(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path
) -> None:
    wanted = published(fake_index, *(f"p{number}" for number in range(8)))
    fake_index.latency = 0.2
    started = time.monotonic()
    store.fetch(wanted, folder=tmp_path)
    assert time.monotonic() - started < 1.2, "one after another takes 1.6 s"


def test_a_lock_without_addresses_asks_the_index(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path
) -> None:
    [file] = fake_index.add("a", "1.0")
    bare = locked(fake_index, file, url=None)
    declared = [Index(name="own", url=fake_index.url)]
    found = store.fetch(selection([bare]), folder=tmp_path, indexes=declared)
    assert found["a"].read_bytes() == file.data
    fake_index.json = False
    named = replace(bare, package=replace(bare.package, index=fake_index.url))
    found = ArtifactStore(tmp_path / "2").fetch(selection([named]), folder=tmp_path)
    assert found["a"].read_bytes() == file.data


def test_a_lock_without_addresses_and_an_index_without_the_file(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path
) -> None:
    [file] = fake_index.add("a", "1.0")
    fake_index.add("b", "1.0")
    bare = locked(fake_index, file, url=None)
    with pytest.raises(ArtifactError, match="no index has it: none is declared"):
        store.fetch(selection([bare]), folder=tmp_path)
    other = replace(bare, package=replace(bare.package, name="b"))
    declared = [Index(name="own", url=fake_index.url.replace("//", "//ann:s3cret@"))]
    with pytest.raises(ArtifactError, match="no index has it: http://") as caught:
        store.fetch(selection([other]), folder=tmp_path, indexes=declared)
    assert "s3cret" not in str(caught.value) + str(caught.value.hint)


def test_credentials_are_those_of_the_index(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = published(fake_index, "a")
    fake_index.auth = "ann:s3cret"
    declared = [Index(name="own", url=fake_index.url)]
    with pytest.raises(ArtifactError, match=r"a 1\.0 cannot be downloaded: .* 401") as caught:
        store.fetch(wanted, folder=tmp_path, indexes=declared)
    assert caught.value.exit_code == 3
    monkeypatch.setenv("UV_INDEX_OWN_USERNAME", "ann")
    monkeypatch.setenv("UV_INDEX_OWN_PASSWORD", "s3cret")
    assert store.fetch(wanted, folder=tmp_path, indexes=declared)["a"].is_file()


@pytest.mark.parametrize("status", [401, 403, 404, 410, 418, 429, 500, 503])
def test_every_refusal_is_one_error_that_names_the_package(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path, status: int
) -> None:
    wanted = published(fake_index, "a", "b")
    bad = wanted.packages[1].artifact.url or ""
    fake_index.failing[bad.removeprefix(fake_index.root)] = status
    with pytest.raises(ArtifactError, match=rf"b 1\.0 cannot be downloaded: .*{status}") as caught:
        store.fetch(wanted, folder=tmp_path)
    assert caught.value.hint
    assert wanted.packages[1].artifact.sha256 not in kept(store)
    assert not any(name.startswith(".") for name in kept(store))


def test_a_file_that_breaks_off_is_asked_for_again_then_refused(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path
) -> None:
    wanted = published(fake_index, "a")
    fake_index.truncated.add(wanted.packages[0].artifact.name)
    with pytest.raises(ArtifactError, match=r"a 1\.0 cannot be downloaded"):
        store.fetch(wanted, folder=tmp_path)
    assert len(fake_index.downloads) == 3
    assert kept(store) == set()
    fake_index.truncated.clear()
    assert store.fetch(wanted, folder=tmp_path)["a"].is_file()


def test_another_file_than_the_locked_one_is_refused(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path
) -> None:
    [file] = fake_index.add("a", "1.0")
    forged = replace(
        locked(fake_index, file),
        artifact=replace(locked(fake_index, file).artifact, hashes=(("sha256", "0" * 64),)),
    )
    with pytest.raises(ArtifactError, match=f"its SHA-256 is {file.sha256}, the locked one 0000"):
        store.fetch(selection([forged]), folder=tmp_path)
    assert kept(store) == set()


@pytest.mark.parametrize("size", [10, 1000])
def test_a_file_that_is_larger_than_locked_is_not_read_to_its_end(
    store: ArtifactStore, tmp_path: Path, size: int
) -> None:
    def respond(
        method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        asked.append(path)
        return 200, {}, b"x" * (1 << 20)

    asked: list[str] = []
    with http_server(respond) as address:
        artifact = Artifact(
            kind="wheel",
            name="a-1.0-py3-none-any.whl",
            url=f"http://{address}/a.whl",
            hashes=(("sha256", "0" * 64),),
            size=size,
        )
        each = Selected(package=Package(name="a", version="1.0"), artifact=artifact)
        with pytest.raises(ArtifactError, match=f"a 1.0 .* larger than {size} bytes"):
            store.fetch(selection([each]), folder=tmp_path)
    assert asked == ["/a.whl"]
    assert kept(store) == set()


def test_redirects_to_another_host_get_no_credentials(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path
) -> None:
    [file] = fake_index.add("a", "1.0")

    def respond(
        method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        seen.append((path, "Authorization" in headers))
        if path == "/simple/a.whl":
            port = address.rpartition(":")[2]
            return 302, {"Location": f"http://localhost:{port}/storage"}, b""
        return 200, {}, file.data

    seen: list[tuple[str, bool]] = []
    with http_server(respond) as address:
        own = Index(name="own", url=f"http://ann:s3cret@{address}/simple")
        each = locked(fake_index, file, url=f"http://{address}/simple/a.whl")
        found = store.fetch(selection([each]), folder=tmp_path, indexes=[own])
    assert found["a"].read_bytes() == file.data
    assert seen == [("/simple/a.whl", True), ("/storage", False)]


def test_a_host_that_is_down_is_one_error(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path
) -> None:
    wanted = published(fake_index, "a", "b", "c")
    fake_index.stop()
    with pytest.raises(ArtifactError, match=r"[abc] 1\.0 cannot be downloaded: 127\.0\.0\.1:"):
        store.fetch(wanted, folder=tmp_path)


def test_two_at_once_share_the_cache(fake_index: FakeIndex, tmp_path: Path) -> None:
    wanted = published(fake_index, *(f"p{number}" for number in range(10)))
    fake_index.latency = 0.02
    results: list[Mapping[str, Path]] = []

    def fetch() -> None:
        results.append(ArtifactStore(tmp_path / "store").fetch(wanted, folder=tmp_path))

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == 3
    assert results[0] == results[1] == results[2]
    assert kept(ArtifactStore(tmp_path / "store")) == {p.artifact.sha256 for p in wanted.packages}


PROGRAM = """
import sys
from pathlib import Path
from mooring.artifacts.store import ArtifactStore
from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.platforms import Platform, PythonVersion
url, sha256, size, root = sys.argv[1:]
artifact = Artifact(kind="wheel", name="a-1.0-py3-none-any.whl", url=url,
                    hashes=(("sha256", sha256),), size=int(size))
package = Selected(package=Package(name="a", version="1.0"), artifact=artifact)
selection = Selection(platform=Platform.parse("linux-64"), python=PythonVersion(minor=11),
                      extras=(), groups=(), packages=(package,))
{before}
try:
    print(ArtifactStore(Path(root)).fetch(selection, folder=Path(root))["a"].stat().st_size)
except Exception as error:
    print(type(error).__name__, error, error.hint)
"""


def program(before: str = "") -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(PROGRAM).replace("{before}", before)]


@pytest.mark.process
def test_two_processes_at_once_share_the_cache(fake_index: FakeIndex, store: ArtifactStore) -> None:
    [file] = fake_index.add("a", "1.0", files={"a.bin": os.urandom(3 << 20)})
    words = [f"{fake_index.root}{file.path}", file.sha256, str(len(file.data)), str(store.root)]
    children = [
        subprocess.Popen([*program(), *words], cwd=TREE, stdout=subprocess.PIPE) for _ in range(2)
    ]
    assert {child.communicate(timeout=60)[0] for child in children} == {b"%d\n" % len(file.data)}
    assert kept(store) == {file.sha256}


@pytest.mark.process
def test_a_killed_download_leaves_nothing_that_is_used(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path
) -> None:
    [file] = fake_index.add("a", "1.0", files={"a.bin": os.urandom(3 << 20)})
    half = threading.Event()

    def respond(
        method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        half.set()
        time.sleep(0.5)
        return 200, {}, file.data

    with http_server(respond) as address:
        words = [f"http://{address}/a.whl", file.sha256, str(len(file.data)), str(store.root)]
        child = subprocess.Popen([*program(), *words], cwd=TREE)
        assert half.wait(30)
        child.send_signal(signal.SIGKILL)
        child.wait(30)
    assert {name for name in kept(store) if not name.startswith(".")} == set()
    found = store.fetch(selection([locked(fake_index, file)]), folder=tmp_path)
    assert found["a"].read_bytes() == file.data


@pytest.mark.process
def test_a_full_disk_is_one_clear_error(fake_index: FakeIndex, store: ArtifactStore) -> None:
    [file] = fake_index.add("a", "1.0", files={"a.bin": os.urandom(3 << 20)})
    words = [
        f"{fake_index.root}{file.path}",
        file.sha256,
        str(len(file.data)),
        str(store.root),
    ]
    # A limit of file sizes fails a write the way a full disk does.
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))"
    )
    done = subprocess.run(
        [*program(limit), *words], cwd=TREE, capture_output=True, text=True, timeout=60, check=False
    )
    assert "BlobError" in done.stdout, done.stderr
    assert "cannot be kept: File too large" in done.stdout
    assert "free some space" in done.stdout
    assert "cannot be reached" not in done.stdout
    assert kept(store) == set()


def test_a_user_who_gives_up_does_not_wait_for_the_rest(
    fake_index: FakeIndex, store: ArtifactStore, tmp_path: Path
) -> None:
    wanted = published(fake_index, *(f"p{number:02}" for number in range(40)))
    fake_index.latency = 0.1
    bad = wanted.packages[0].artifact.url or ""
    fake_index.failing[bad.removeprefix(fake_index.root)] = 404
    with pytest.raises(MooringError, match=r"p00 1\.0"):
        store.fetch(wanted, folder=tmp_path)
    assert len(fake_index.downloads) < 30
