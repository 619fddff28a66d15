"""The project's files: where they go, that they are those of the recipe, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.build.embedded.environments_made import drained, scan, text

from mooring.build.context import collect, hashed
from mooring.build.embedded.interface import Entry
from mooring.build.embedded.plan.project import absolute, check_places, place_paths, project_entries
from mooring.build.interface import ContextFile
from mooring.errors import InputError, MooringError


def entries(root: Path, declared: list[str], workdir: str = "/app") -> dict[str, Entry]:
    files = collect(root, declared)
    digests = {file.path: file.digest for file in hashed(files)}
    found = project_entries(files, workdir, scan=scan(), digests=digests)
    assert [e.path for e in found] == sorted(e.path for e in found)
    assert tuple(e.path for e in found) == place_paths(files, workdir, scan())
    return {entry.path: entry for entry in found}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src" / "pkg").mkdir(parents=True)
    (tmp_path / "src" / "pkg" / "main.py").write_text("print(1)\n")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o700)
    (tmp_path / "src" / "link.py").symlink_to("pkg/main.py")
    (tmp_path / "src" / "copy").symlink_to("pkg")
    return tmp_path


def test_files_are_below_the_working_folder_with_links_as_copies(root: Path) -> None:
    found = entries(root, ["src", "run.sh"])
    assert {path: entry.mode for path, entry in found.items()} == {
        "/app": 0o755,
        "/app/run.sh": 0o755,
        "/app/src/copy/main.py": 0o644,
        "/app/src/link.py": 0o644,
        "/app/src/pkg/main.py": 0o644,
    }
    assert text(found["/app/src/link.py"]) == "print(1)\n"
    assert {entry.kind for entry in found.values()} == {"file", "directory"}
    assert {(entry.uid, entry.gid) for entry in found.values()} == {(0, 0)}


def test_a_working_folder_of_the_base_is_left_as_it_is(root: Path) -> None:
    files = collect(root, ["run.sh"])
    there = scan(links={"/app": "srv/app"}, directories=["/srv", "/srv/app"])
    assert place_paths(files, "/app", there) == ("/app/run.sh",)
    assert place_paths((), "/app", there) == ()
    assert place_paths((), "/app", scan()) == ("/app",)
    assert place_paths((), "/", scan()) == ()


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("/app", "/app"),
        ("/app/", "/app"),
        ("//app//x/./y", "/app/x/y"),
        ("/", "/"),
        ("/.", "/"),
        ("/.x/", "/.x"),
    ],
)
def test_a_working_folder_has_one_form(written: str, path: str) -> None:
    assert absolute(written) == path


@pytest.mark.parametrize("content", ["print(2)\n", "print(10)\n", ""])
def test_a_file_that_changed_is_refused(root: Path, content: str) -> None:
    found = entries(root, ["src"])
    (root / "src" / "pkg" / "main.py").write_text(content)
    entry = found["/app/src/pkg/main.py"]
    with pytest.raises(MooringError, match="changed while"):
        drained(entry, 4)
    (root / "src" / "pkg" / "main.py").unlink()
    with pytest.raises(MooringError, match="changed while"):
        drained(entry, 4)


def test_a_file_that_was_replaced_before_is_refused(root: Path) -> None:
    files = collect(root, ["run.sh"])
    other = {"run.sh": f"sha256:{'0' * 64}"}
    [entry, *_] = project_entries(files, "/", scan=scan(), digests=other)
    with pytest.raises(MooringError, match="changed while"):
        drained(entry, -1)


@pytest.mark.parametrize(
    ("workdir", "path", "reason"),
    [
        ("/opt", "env/x.py", "the environment is there"),
        ("/opt", "env", "the environment is there"),
        ("/", "opt", "the environment is there"),
        ("/", "usr", "a folder of that name"),
        ("/", "bin", "a folder of that name"),
        ("/lib", "../bin", "a folder of that name"),
        ("/app", "src/.wh.main.py", "delete files of an image"),
        ("/app", ".wh..wh..opq", "delete files of an image"),
    ],
)
def test_what_would_hide_the_environment_or_the_base_is_refused(
    workdir: str, path: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        check_places([ContextFile(path=path, source=b"")], workdir, scan=scan(), root="/opt/env")


def test_all_such_files_are_named_together() -> None:
    files = [ContextFile(path=path, source=b"") for path in ("usr", "opt", "fine")]
    with pytest.raises(InputError, match="2 problems") as caught:
        check_places(files, "/", scan=scan(), root="/opt/env")
    assert "'usr'" in caught.value.message
    assert "fine" not in caught.value.message


@pytest.mark.parametrize("workdir", ["/opt/env", "/opt/env/lib", "/app"])
def test_a_working_folder_in_the_environment_is_refused(workdir: str) -> None:
    linked = scan(links={"/app": "opt/env/app"})
    with pytest.raises(InputError, match="is in the environment"):
        check_places((), workdir, scan=linked, root="/opt/env")


def test_files_beside_the_environment_are_fine() -> None:
    files = [ContextFile(path="environment/x", source=b"")]
    check_places(files, "/opt", scan=scan(), root="/opt/env")
