"""The collector for folders: what it sees, and that a hostile folder leads it nowhere."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.environments import install, make_venv, record_row

from mooring.errors import MooringError
from mooring.verify.collectors.folder import LEAVES, UNRECORDED_FILE
from mooring.verify.collectors.path import NoEnvironmentError, PathCollector
from mooring.verify.collectors.recorded import RecordedFiles
from mooring.verify.inventory import Distribution, Inventory, SeenFile
from mooring.verify.tiers import METADATA, QUICK

SITE = "lib/python3.11/site-packages"


def collect(root: Path) -> Inventory:
    return PathCollector(root).collect()


def one(root: Path) -> Distribution:
    [distribution] = collect(root).distributions
    return distribution


def seen(root: Path, path: str) -> SeenFile:
    [file] = [file for file in one(root).files if file.path == path]
    return file


def test_what_is_seen(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "My.Package", "2.0", tags=["cp311-cp311-linux_x86_64", "py3-none-any"])
    inventory = collect(tmp_path)
    [distribution] = inventory.distributions
    assert (inventory.kind, inventory.root) == ("path", str(tmp_path))
    assert (distribution.name, distribution.version) == ("My.Package", "2.0")
    assert (distribution.site, distribution.info) == (SITE, "my_package-2.0.dist-info")
    assert distribution.installer == "test"
    assert distribution.tags == ("cp311-cp311-linux_x86_64", "py3-none-any")
    assert distribution.problem is None
    digest = f"sha256:{hashlib.sha256(b'x = 1' + bytes([10])).hexdigest()}"
    file = next(f for f in distribution.files if f.path == "my_package/__init__.py")
    assert (file.kind, file.recorded, file.actual, file.size) == ("file", digest, digest, 6)
    hashed = [f for f in distribution.files if f.actual]
    assert inventory.files_hashed == len(hashed) == 4
    assert inventory.bytes_hashed == sum(f.size or 0 for f in hashed)


def test_without_contents(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg")
    inventory = PathCollector(tmp_path, tiers=QUICK).collect()
    assert not inventory.hashed
    assert inventory.files_hashed == 0
    assert [f.actual for d in inventory.distributions for f in d.files] == [None] * 5
    assert {f.kind for d in inventory.distributions for f in d.files} == {"file"}


@pytest.mark.parametrize("kind", ["absent", "file", "empty folder"])
def test_no_environment(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "env"
    if kind == "file":
        path.write_text("")
    elif kind == "empty folder":
        path.mkdir()
    with pytest.raises(NoEnvironmentError) as caught:
        collect(path)
    assert isinstance(caught.value, MooringError)
    assert caught.value.exit_code == 3
    assert caught.value.hint
    assert str(path) in str(caught.value)


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    install(make_venv(tmp_path / "real"), "pkg")
    (tmp_path / "env").symlink_to("real")
    inventory = collect(tmp_path / "env")
    assert inventory.files_hashed == 4
    assert inventory.target == str(tmp_path / "env")


def test_a_second_way_to_the_same_file_is_read_once(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    row = record_row("shared/__init__.py", b"x")
    for name in ("one", "two"):
        install(site, name, files={"shared/__init__.py": b"x"}, rows=[row, row])
    inventory = collect(tmp_path)
    assert inventory.files_hashed == 7
    for distribution in inventory.distributions:
        assert [f.actual == f.recorded for f in distribution.files if "shared" in f.path] == [
            True
        ] * 3


def test_files_that_are_gone(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    rows = [record_row("gone.py", b""), record_row("pkg/__init__.py/x.py", b"")]
    install(site, "pkg", rows=rows)
    assert seen(tmp_path, "gone.py").kind == "missing"
    assert seen(tmp_path, "pkg/__init__.py/x.py").kind == "missing"


@pytest.mark.parametrize("kind", ["fifo", "folder", "device link"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", rows=[record_row("odd", b"x")])
    match kind:
        case "fifo":
            os.mkfifo(site / "odd")
        case "folder":
            (site / "odd").mkdir()
        case _:
            (site / "odd").symlink_to("/dev/zero")
    file = seen(tmp_path, "odd")
    assert file.kind in ("other", "link")
    assert file.problem
    assert file.actual is None


def test_links_inside_are_followed(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files={"real/data": b"x"}, rows=[record_row("link/data", b"x")])
    (site / "link").symlink_to("real")
    file = seen(tmp_path, "link/data")
    assert file.actual == file.recorded


@pytest.mark.parametrize("what", ["file", "folder", "parent folder", "loop", "relative"])
def test_links_out_are_not_followed(tmp_path: Path, what: str) -> None:
    outside = tmp_path / "outside"
    (outside / "sub").mkdir(parents=True)
    (outside / "data").write_bytes(b"x")
    (outside / "sub" / "data").write_bytes(b"x")
    root = tmp_path / "env"
    site = make_venv(root)
    path = {"file": "data", "loop": "loop/data", "relative": "data"}.get(what, "link/data")
    if what == "parent folder":
        path = "link/sub/data"
    install(site, "pkg", rows=[record_row(path, b"x")])
    match what:
        case "file":
            (site / "data").symlink_to(outside / "data")
        case "relative":
            (site / "data").symlink_to("../../../../outside/data")
        case "loop":
            (site / "loop").symlink_to("loop")
        case _:
            (site / "link").symlink_to(outside)
    file = seen(root, path)
    assert file.actual is None
    assert file.kind in ("link", "missing")
    if what != "loop":
        assert file.problem == LEAVES


def test_a_sibling_with_the_same_beginning_is_outside(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    (tmp_path / "env2").mkdir()
    (tmp_path / "env2" / "data").write_bytes(b"x")
    install(site, "pkg", rows=[record_row("data", b"x")])
    (site / "data").symlink_to(tmp_path / "env2" / "data")
    assert seen(tmp_path / "env", "data").problem == LEAVES


@pytest.mark.parametrize("path", ["../../../../outside", "/etc/hostname"])
def test_rows_that_leave_are_not_looked_at(tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").write_bytes(b"x")
    install(make_venv(tmp_path / "env"), "pkg", rows=[record_row(path, b"x")])
    file = seen(tmp_path / "env", path)
    assert (file.kind, file.actual, file.size) == ("unexamined", None, None)


def test_a_huge_file_in_place_of_a_small_one_is_not_read(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", rows=[record_row("big", b"x")])
    with (site / "big").open("wb") as stream:
        stream.truncate(UNRECORDED_FILE + 1)
    file = seen(tmp_path, "big")
    assert file.actual is None
    assert "was not read" in (file.problem or "")


def test_a_path_of_thousands_of_folders(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg", rows=[record_row("a/" * 5000 + "b", b"x")])
    file = seen(tmp_path, "a/" * 5000 + "b")
    assert file.actual is None
    assert file.problem


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    info = install(site, "pkg")
    name = os.fsdecode(b"caf\xe9.py")
    (site / name).write_bytes(b"x")
    with (info / "RECORD").open("ab") as record:
        record.write(os.fsencode(record_row(name, b"x")) + b"\n")
    file = seen(tmp_path, name)
    assert file.actual == file.recorded


@pytest.mark.parametrize("damage", ["absent", "not csv", "fifo", "link out", "folder"])
def test_a_record_that_cannot_be_read(tmp_path: Path, damage: str) -> None:
    info = install(make_venv(tmp_path / "env"), "pkg")
    record = info / "RECORD"
    text = record.read_bytes()
    record.unlink()
    match damage:
        case "not csv":
            record.write_bytes(b"x" * 200_000)
        case "fifo":
            os.mkfifo(record)
        case "link out":
            (tmp_path / "RECORD").write_bytes(text)
            record.symlink_to(tmp_path / "RECORD")
        case "folder":
            record.mkdir()
    distribution = one(tmp_path / "env")
    assert (distribution.name, distribution.has_record) == ("pkg", False)
    assert distribution.problem
    assert distribution.files == ()


@pytest.mark.parametrize("metadata", [None, b"", b"Name: -bad-\nVersion: 1\n\n", b"\xff\xfe"])
def test_metadata_that_names_nothing(tmp_path: Path, metadata: bytes | None) -> None:
    info = install(make_venv(tmp_path), "pkg", "1.5")
    (info / "METADATA").unlink()
    if metadata is not None:
        (info / "METADATA").write_bytes(metadata)
    distribution = one(tmp_path)
    assert (distribution.name, distribution.version) == ("pkg", "1.5")
    assert distribution.problem


def test_a_name_that_stands_far_down(tmp_path: Path) -> None:
    info = install(make_venv(tmp_path), "pkg")
    long = (
        b"Metadata-Version: 2.1\nSummary: "
        + b"s" * 9000
        + b"\nName: Late\nVersion: 3\n\nName: no\n"
    )
    (info / "METADATA").write_bytes(long)
    assert (one(tmp_path).name, one(tmp_path).version) == ("Late", "3")


def test_old_kinds_of_metadata(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    (site / "old-1.0-py3.11.egg-info").mkdir()
    (site / "old-1.0-py3.11.egg-info" / "PKG-INFO").write_text("Name: Old\nVersion: 1.0\n")
    (site / "single-2.0.egg-info").write_text("Name: single\nVersion: 2.0\n")
    (site / "dev.egg-link").write_text("/src\n.")
    (site / "bare.egg-info").mkdir()
    found = {d.name: d for d in collect(tmp_path).distributions}
    assert {name: d.version for name, d in found.items()} == {
        "Old": "1.0",
        "single": "2.0",
        "dev": "",
        "bare": "",
    }
    assert not any(d.has_record for d in found.values())
    assert all(d.problem for d in found.values())


def test_leftovers_and_nested_metadata(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files={"pkg/_vendor/other-1.0.dist-info/METADATA": b"Name: other\n"})
    (site / "~kg-0.9.dist-info").mkdir()
    inventory = collect(tmp_path)
    assert [d.name for d in inventory.distributions] == ["pkg"]
    assert inventory.leftovers == (f"{SITE}/~kg-0.9.dist-info",)


def test_nothing_is_written(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg")
    before = sorted((p, p.lstat().st_mtime_ns) for p in tmp_path.rglob("*"))
    collect(tmp_path)
    assert sorted((p, p.lstat().st_mtime_ns) for p in tmp_path.rglob("*")) == before


def metadata(root: Path, *, records: bool = True) -> Inventory:
    return PathCollector(root, tiers=replace(METADATA, records=records)).collect()


def test_metadata_alone(tmp_path: Path) -> None:
    """No file of a package is looked at: what is told of it is what metadata says."""
    site = make_venv(tmp_path)
    info = install(site, "pkg", tags=["py3-none-any"])
    (info / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {}}')
    whole, some = collect(tmp_path), metadata(tmp_path, records=False)
    assert (some.looked, some.hashed, some.strays, some.files_hashed) == (False, False, (), 0)
    assert (some.interpreter, some.facts) == (whole.interpreter, whole.facts)
    assert list(some.distributions) == [replace(each, files=()) for each in whole.distributions]


def test_metadata_with_records(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg")
    (site / "pkg" / "__init__.py").unlink()
    [distribution] = metadata(tmp_path).distributions
    assert {file.kind for file in distribution.files} == {"unexamined"}
    assert [f.recorded for f in distribution.files] == [f.recorded for f in one(tmp_path).files]


@pytest.mark.parametrize("records", [True, False])
def test_metadata_without_a_record(tmp_path: Path, records: bool) -> None:
    site = make_venv(tmp_path)
    (install(site, "pkg") / "RECORD").unlink()
    (install(site, "other") / "METADATA").unlink()
    other, pkg = metadata(tmp_path, records=records).distributions
    assert (pkg.has_record, pkg.problem) == (False, "it has no RECORD")
    assert (other.has_record, other.problem) == (True, "it has no METADATA")


def test_only_what_differs_is_kept(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files={f"pkg/m{n}.py": b"x" for n in range(50)})
    (site / "pkg" / "m7.py").write_bytes(b"y")
    (site / "pkg" / "m8.py").unlink()
    files = one(tmp_path).files
    assert isinstance(files, RecordedFiles)
    odd = ["pkg/m7.py", "pkg/m8.py", "pkg-1.0.dist-info/RECORD"]
    assert [file.path for _, file in files.odd()] == odd
    read = [file for file in files if file.actual is not None]
    assert files.compared == (len(read), sum(file.size or 0 for file in read))
    assert files == tuple(files)
    assert [files[n] for n in range(len(files))] == list(files)


def test_a_file_that_grew_is_read_to_its_end(tmp_path: Path) -> None:
    """Sizes around those at which it is read in another way."""
    site = make_venv(tmp_path)
    sizes = [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20]
    install(site, "pkg", files={f"pkg/f{n}": b"z" * n for n in sizes})
    [distribution] = collect(tmp_path).distributions
    assert all(f.actual == f.recorded for f in distribution.files if f.path.startswith("pkg/"))
    for n in sizes:
        with (site / f"pkg/f{n}").open("ab") as stream:
            stream.write(b"!")
    [distribution] = collect(tmp_path).distributions
    found = {f.path: (f.size, f.actual == f.recorded) for f in distribution.files}
    assert {found[f"pkg/f{n}"] for n in sizes} == {(n + 1, False) for n in sizes}
