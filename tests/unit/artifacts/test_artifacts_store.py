"""Wheels that are on this machine already: in the cache, or in the project."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import RecordingReporter
from tests.unit.build.embedded.environments_made import selected, selection, with_artifact
from tests.wheels import wheel

from mooring.artifacts.store import ArtifactStore
from mooring.artifacts.wheels_only import ArtifactError
from mooring.errors import MooringError
from mooring.lock.model import Selected

BUILT = {name: wheel(name, "1.0") for name in ("a", "b", "c")}


def local(name: str) -> Selected:
    each = selected(name, BUILT[name])
    return with_artifact(each, url=None, path=f"vendor/{BUILT[name].filename}")


LOCAL = selection([local(name) for name in BUILT])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "vendor").mkdir(parents=True)
    for built in BUILT.values():
        (folder / "vendor" / built.filename).write_bytes(built.data)
    return folder


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store")


def names(store: ArtifactStore) -> set[str]:
    folder = store.root / "sha256"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_wheels_of_the_project_are_copied_and_then_not_needed(
    store: ArtifactStore, project: Path, reporter: RecordingReporter
) -> None:
    found = store.fetch(LOCAL, folder=project, reporter=reporter)
    assert {name: path.read_bytes() for name, path in found.items()} == {
        name: built.data for name, built in BUILT.items()
    }
    assert names(store) == {each.artifact.sha256 for each in LOCAL.packages}
    assert {path.name for path in found.values()} == names(store)
    for path in (project / "vendor").iterdir():
        path.unlink()
    again = ArtifactStore(store.root)
    assert again.fetch(LOCAL, folder=project, offline=True, reporter=reporter) == found
    assert reporter.steps == []


def test_a_lock_that_lies_about_a_size_is_refused(store: ArtifactStore, project: Path) -> None:
    size = len(BUILT["a"].data)
    right, wrong = (selection([with_artifact(local("a"), size=each)]) for each in (size, 2 * size))
    assert store.fetch(right, folder=project).keys() == {"a"}
    with pytest.raises(ArtifactError, match=f"has {size} bytes, the lock says {2 * size}"):
        store.fetch(wrong, folder=project)


@pytest.mark.parametrize("content", [b"", b"other", BUILT["b"].data + b"x"])
def test_a_wheel_that_was_built_again_is_refused_and_not_kept(
    store: ArtifactStore, project: Path, content: bytes
) -> None:
    (project / "vendor" / BUILT["b"].filename).write_bytes(content)
    with pytest.raises(
        ArtifactError, match=r"b 1\.0 is another file than the locked one"
    ) as caught:
        store.fetch(LOCAL, folder=project)
    assert "mooring lock" in (caught.value.hint or "")
    assert names(store) == {LOCAL.packages[0].artifact.sha256}


def test_a_wheel_that_is_gone_or_no_file_is_refused(store: ArtifactStore, project: Path) -> None:
    path = project / "vendor" / BUILT["a"].filename
    path.unlink()
    with pytest.raises(ArtifactError, match=r"a 1\.0: the file cannot be read: No such file"):
        store.fetch(LOCAL, folder=project)
    os.mkfifo(path)
    with pytest.raises(ArtifactError, match=r"a 1\.0: this is not a file"):
        store.fetch(LOCAL, folder=project)


@pytest.mark.parametrize("damage", [b"", b"x", BUILT["a"].data[:-1]])
def test_a_cached_file_that_was_changed_is_had_again(
    store: ArtifactStore, project: Path, damage: bytes
) -> None:
    path = store.fetch(LOCAL, folder=project)["a"]
    path.write_bytes(damage)
    for user in (store, ArtifactStore(store.root)):
        assert user.fetch(LOCAL, folder=project)["a"].read_bytes() == BUILT["a"].data
        path.write_bytes(damage)
    (project / "vendor" / BUILT["a"].filename).unlink()
    with pytest.raises(ArtifactError, match=r"a 1\.0"):
        store.fetch(LOCAL, folder=project)
    assert LOCAL.packages[0].artifact.sha256 not in names(store)


def test_a_file_is_hashed_once_in_a_run(store: ArtifactStore, project: Path) -> None:
    path = store.fetch(LOCAL, folder=project)["a"]
    found = path.stat()
    # Same inode, size and time: the content is not read again by this process, but by others.
    path.write_bytes(b"x" * found.st_size)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert store.fetch(LOCAL, folder=project)["a"].read_bytes()[:1] == b"x"
    assert ArtifactStore(store.root).fetch(LOCAL, folder=project)["a"].read_bytes()[:1] != b"x"


def test_offline_names_what_is_missing(store: ArtifactStore, tmp_path: Path) -> None:
    remote = selection([selected(name, built) for name, built in BUILT.items()])
    with pytest.raises(ArtifactError, match=r"a-1\.0-py3-none-any\.whl and 2 more is not in"):
        store.fetch(remote, folder=tmp_path, offline=True)
    assert names(store) == set()


def test_two_packages_may_have_one_file(store: ArtifactStore, project: Path) -> None:
    other = local("a")
    other = replace(other, package=replace(other.package, name="other"))
    found = store.fetch(selection([local("a"), other]), folder=project)
    assert found["a"] == found["other"]


def test_a_cache_that_cannot_be_written_is_one_clear_error(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MooringError, match="cannot be kept") as caught:
        ArtifactStore(tmp_path / "file").fetch(LOCAL, folder=project)
    assert "MOORING_CACHE_DIR" in (caught.value.hint or "")
