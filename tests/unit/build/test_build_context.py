from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from mooring.build.context import FILE_TIME, collect, hashed, spooled, with_generated, write_tar
from mooring.build.interface import ContextFile
from mooring.build.recipe import HashedFile
from mooring.errors import InputError, InputProblems, MooringError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name in (
        "app.py",
        "src/app/__init__.py",
        "src/app/__pycache__/x.pyc",
        "src/app/data/a.csv",
        "src/.git/config",
        "src/env/pyvenv.cfg",
        "src/env/lib/x.py",
        "run.sh",
        "pylock.toml",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (root / "run.sh").chmod(0o700)
    return root


def paths(root: Path, *declared: str, **options: object) -> list[str]:
    return [file.path for file in collect(root, declared, **options)]  # type: ignore[arg-type]


def test_folders_are_taken_whole_without_caches_and_environments(project: Path) -> None:
    assert paths(project, "src") == ["src/app/__init__.py", "src/app/data/a.csv"]


def test_declared_twice_is_sent_once_and_sorted(project: Path) -> None:
    assert paths(project, "src/app/data/", "app.py", "./app.py", "src/app") == [
        "app.py",
        "src/app/__init__.py",
        "src/app/data/a.csv",
    ]


def test_the_whole_project_without_what_is_left_out(project: Path) -> None:
    found = paths(project, ".", leave_out={"pylock.toml"})
    assert found == ["app.py", "run.sh", "src/app/__init__.py", "src/app/data/a.csv"]
    assert "pylock.toml" in paths(project, "pylock.toml", leave_out={"pylock.toml"})


def test_a_name_that_looks_like_a_pattern_is_a_name(project: Path) -> None:
    (project / "data[1].csv").write_text("x")
    assert paths(project, "data[1].csv") == ["data[1].csv"]


def test_the_executable_bit_is_all_that_is_kept_of_the_mode(project: Path) -> None:
    (project / "app.py").chmod(0o666)
    modes = {file.path: file.executable for file in collect(project, ["app.py", "run.sh"])}
    assert modes == {"app.py": False, "run.sh": True}


def test_links_inside_become_copies(project: Path) -> None:
    (project / "linked.py").symlink_to("app.py")
    (project / "folder").symlink_to("src/app/data")
    found = collect(project, ["linked.py", "folder"])
    assert [file.path for file in found] == ["folder/a.csv", "linked.py"]
    assert hashed(found)[1].digest == "sha256:" + hashlib.sha256(b"app.py").hexdigest()


def test_links_that_multiply_folders_have_an_end(project: Path) -> None:
    for number in range(1, 30):
        folder = project / f"bomb{number}"
        folder.mkdir()
        for name in ("a", "b"):
            (folder / name).symlink_to(f"../bomb{number - 1}")
    (project / "bomb0").mkdir()
    with pytest.raises(InputError, match="more than 1,000 files and folders"):
        collect(project, ["bomb29"], most=1000)


def test_everything_that_is_wrong_is_reported_together(project: Path) -> None:
    outside = project.parent / "secret"
    outside.write_text("x")
    (project / "leaving").symlink_to(outside)
    (project / "broken").symlink_to("nowhere")
    (project / "loop").mkdir()
    (project / "loop" / "up").symlink_to(".")
    os.mkfifo(project / "pipe")
    (project / "odd").mkdir()
    (project / "odd" / "a\nb").write_text("x")
    declared = [
        "leaving",
        "broken",
        "loop",
        "pipe",
        "odd",
        "absent",
        "/etc/passwd",
        "../secret",
        "a\\b",
        "",
        "none*",
        "**x",
        "app.py",
    ]
    with pytest.raises(InputProblems) as caught:
        collect(project, declared, where="mooring.toml: image.files")
    told = {problem.where: problem.message for problem in caught.value.problems}
    assert [where.rpartition("files")[2] for where in told] == [f"[{n}]" for n in range(12)]
    assert "leaves the project" in told["mooring.toml: image.files[0]"]
    assert "neither a file nor a folder" in told["mooring.toml: image.files[3]"]
    assert caught.value.exit_code == 2


def test_generated_files_win() -> None:
    project = (ContextFile(path="b", source=b"old"), ContextFile(path="c", source=b"c"))
    merged = with_generated(project, {"b": b"new", "a": b"a"})
    assert [(file.path, file.source) for file in merged] == [
        ("a", b"a"),
        ("b", b"new"),
        ("c", b"c"),
    ]


def test_two_files_of_one_path_are_refused() -> None:
    with pytest.raises(InputError, match="two files"):
        hashed([ContextFile(path="a", source=b"1"), ContextFile(path="a", source=b"2")])


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        hashed([ContextFile(path="gone", source=tmp_path / "gone")])
    assert caught.value.where == "gone"


def archive(files: tuple[ContextFile, ...]) -> bytes:
    out = io.BytesIO()
    write_tar(files, out, {})
    return out.getvalue()


def test_the_tar_is_the_same_whatever_the_machine_did(project: Path) -> None:
    files = collect(project, ["src", "run.sh"])
    before = archive(files)
    for path in project.rglob("*"):
        os.utime(path, (1, 1))
    (project / "src/app/__init__.py").chmod(0o664)
    assert archive(files[::-1]) == before
    with tarfile.open(fileobj=io.BytesIO(before)) as tar:
        members = tar.getmembers()
    assert [(m.name, oct(m.mode)) for m in members] == [
        ("run.sh", "0o755"),
        ("src", "0o755"),
        ("src/app", "0o755"),
        ("src/app/__init__.py", "0o644"),
        ("src/app/data", "0o755"),
        ("src/app/data/a.csv", "0o644"),
    ]
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {
        (0, 0, "", "", FILE_TIME)
    }


def test_golden_tar() -> None:
    files = (
        ContextFile(path="Dockerfile", source=b"FROM scratch\n"),
        ContextFile(path="bin/run", source=b"x", executable=True),
    )
    assert hashlib.sha256(archive(files)).hexdigest() == (
        "782b3398a0adf23d7e2db4390d8e39996498108fcfc7edc9f9b4732d09eaa563"
    )


def test_the_spooled_context_is_deleted() -> None:
    files = (ContextFile(path="a", source=b"1"),)
    with spooled(files, hashed(files)) as path:
        assert tarfile.is_tarfile(path)
    assert not path.exists()


@pytest.mark.parametrize("content", ["longer than before", "", "other!"])
def test_a_file_edited_after_it_was_hashed_is_not_sent(project: Path, content: str) -> None:
    files = collect(project, ["app.py"])
    expected = hashed(files)
    (project / "app.py").write_text(content)
    with pytest.raises(MooringError, match="changed while") as caught, spooled(files, expected):
        pytest.fail("it was sent")
    assert caught.value.where == "app.py"


def test_a_file_that_vanishes_is_not_sent(project: Path) -> None:
    files = collect(project, ["app.py"])
    expected = hashed(files)
    (project / "app.py").unlink()
    with pytest.raises(MooringError, match="changed while"), spooled(files, expected):
        pytest.fail("it was sent")


def test_a_full_disk_is_an_error_with_a_place() -> None:
    files = (ContextFile(path="a", source=b"x" * (1 << 20)),)
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with full.open("wb", buffering=0) as out, pytest.raises(OSError, match="No space"):
        write_tar(files, out, {})


def test_errors_of_the_caller_are_not_mistaken_for_a_full_disk() -> None:
    with pytest.raises(FileNotFoundError, match="mine"), spooled((), ()):
        raise FileNotFoundError("mine")


def test_hashed_is_sorted() -> None:
    found = hashed(
        [ContextFile(path="b", source=b""), ContextFile(path="a", source=b"", executable=True)]
    )
    empty = "sha256:" + hashlib.sha256(b"").hexdigest()
    assert found == (
        HashedFile(path="a", executable=True, digest=empty),
        HashedFile(path="b", executable=False, digest=empty),
    )
