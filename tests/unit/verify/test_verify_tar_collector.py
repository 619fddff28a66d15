"""The collector for tar streams: the same truth as on disk, and no stream leads it astray."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO

import pytest
from tests.environments import install, locked, make_venv, record_row, selection

from mooring.manifest.model import VerifyPolicy
from mooring.verify.collectors.path import NoEnvironmentError, PathCollector
from mooring.verify.collectors.tar import TarCollector
from mooring.verify.collectors.tar_stream import TarError, TarStream
from mooring.verify.compare import compare
from mooring.verify.inventory import Inventory, SeenFile
from mooring.verify.tiers import CONTENT, METADATA, Tiers

ROOT = "/opt/env"


class Dribble(io.RawIOBase):
    """A pipe that gives a few bytes at a time, and knows whether it was read to its end."""

    def __init__(self, data: bytes, step: int = 700) -> None:
        self._data = io.BytesIO(data)
        self._step = step

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(self._step, size) if size >= 0 else self._step)

    @property
    def at_end(self) -> bool:
        return self._data.tell() == len(self._data.getvalue())


def collect(data: bytes | IO[bytes], root: str = ROOT, tiers: Tiers = CONTENT) -> Inventory:
    @contextmanager
    def stream() -> Iterator[IO[bytes]]:
        yield io.BytesIO(data) if isinstance(data, bytes) else data

    return TarCollector(stream, "container", "web", root, tiers=tiers).collect()


def packed(
    folder: Path, arcname: str, add: Callable[[tarfile.TarFile], None] | None = None
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(folder, arcname)
        if add is not None:
            add(archive)
    return out.getvalue()


def member(name: str, data: bytes = b"", **fields: object) -> Callable[[tarfile.TarFile], None]:
    def add(archive: tarfile.TarFile) -> None:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        for key, value in fields.items():
            setattr(entry, key, value)
        archive.addfile(entry, io.BytesIO(data))

    return add


def file_of(inventory: Inventory, path: str) -> SeenFile:
    [file] = [f for d in inventory.distributions for f in d.files if f.path == path]
    return file


@pytest.mark.parametrize("arcname", ["env", "./env", "opt/env", "./opt/env", "/opt/env"])
def test_the_same_as_on_disk(tmp_path: Path, arcname: str) -> None:
    site = make_venv(tmp_path)
    long = "deep/" * 30 + "module.py"  # longer than a header holds
    files = {long: b"x", "naïve.py": b"", "big.bin": b"b" * 3_000_000}
    install(site, "pkg", files=files, tags=["cp311-cp311-linux_x86_64"])
    (tmp_path / "lib64").symlink_to("lib")
    there = PathCollector(tmp_path).collect()
    seen = collect(packed(tmp_path, arcname))
    assert seen.distributions == there.distributions
    assert seen.interpreter == there.interpreter
    assert (seen.files_hashed, seen.bytes_hashed) == (there.files_hashed, there.bytes_hashed)
    assert (seen.kind, seen.target, seen.root) == ("container", "web", ROOT)
    assert seen.files_hashed == 6


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_long_names(tmp_path: Path, form: int) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files={"d/" * 90 + "a.py": b"x"})
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        archive.add(tmp_path, "env")
    file = file_of(collect(out.getvalue()), "d/" * 90 + "a.py")
    assert file.actual == file.recorded


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg")
    pipe = Dribble(packed(tmp_path, "env") + bytes(10240))
    assert collect(pipe).files_hashed == 4  # type: ignore[arg-type]
    assert pipe.at_end


def test_a_whole_filesystem(tmp_path: Path) -> None:
    install(make_venv(tmp_path / "opt" / "env"), "pkg")
    install(make_venv(tmp_path / "usr"), "other")
    (tmp_path / "env").write_text("a file of the same name")
    inventory = collect(packed(tmp_path, "."))
    assert [d.name for d in inventory.distributions] == ["pkg"]
    assert [d.name for d in collect(packed(tmp_path, "."), "/usr").distributions] == ["other"]


def test_no_environment(tmp_path: Path) -> None:
    with pytest.raises(NoEnvironmentError) as caught:
        collect(packed(tmp_path, "env"))
    assert caught.value.exit_code == 3
    assert "/opt/env" in str(caught.value)


def test_hard_links(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    rows = [record_row("second.py", b"x"), record_row("outside.py", b"x")]
    install(site, "pkg", files={"first.py": b"x"}, rows=rows)
    (site / "second.py").hardlink_to(site / "first.py")
    place = "env/lib/python3.11/site-packages/outside.py"
    stream = packed(
        tmp_path, "env", member(place, type=tarfile.LNKTYPE, linkname="root/.cache/first.py")
    )
    inventory = collect(stream)
    assert file_of(inventory, "second.py").actual == file_of(inventory, "first.py").actual
    unknown = file_of(inventory, "outside.py")
    assert unknown.actual is None
    assert "hard link" in (unknown.problem or "")


@pytest.mark.parametrize(
    ("target", "inside"),
    [
        ("real.py", True),
        ("../site-packages/real.py", True),
        ("/opt/env/lib/python3.11/site-packages/real.py", True),
        ("/etc/passwd", False),
        ("../../../../../etc/passwd", False),
        ("link.py", False),
    ],
)
def test_symbolic_links(tmp_path: Path, target: str, inside: bool) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files={"real.py": b"x"}, rows=[record_row("link.py", b"x")])
    (site / "link.py").symlink_to(target)
    file = file_of(collect(packed(tmp_path, "env")), "link.py")
    assert file.kind == "link"
    assert (file.actual == file.recorded) is inside
    assert (file.problem is None) is inside


def test_linked_folders(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    rows = [record_row("link/data", b"x"), record_row("loop/data", b"x")]
    install(site, "pkg", files={"real/data": b"x"}, rows=rows)
    (site / "link").symlink_to("real")
    (site / "loop").symlink_to("loop/loop")
    inventory = collect(packed(tmp_path, "env"))
    assert file_of(inventory, "link/data").actual == file_of(inventory, "real/data").actual
    assert file_of(inventory, "loop/data").problem


def test_entries_that_leave_are_not_seen(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg", rows=[record_row("x.py", b"x")])
    place = "env/../env/lib/python3.11/site-packages/x.py"
    assert file_of(collect(packed(tmp_path, "env", member(place, b"x"))), "x.py").actual
    outside = packed(tmp_path, "env", member("env/../../x.py", b"x"))
    assert file_of(collect(outside), "x.py").kind == "missing"


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_what_is_no_file(tmp_path: Path, kind: bytes) -> None:
    install(make_venv(tmp_path), "pkg", rows=[record_row("odd", b"x")])
    place = "env/lib/python3.11/site-packages/odd"
    file = file_of(collect(packed(tmp_path, "env", member(place, type=kind))), "odd")
    assert file.kind == "other"
    assert file.problem


def test_a_sparse_file_is_not_expanded(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg", rows=[record_row("holes", b"x")])
    headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": str(1 << 60),
    }
    place = "env/lib/python3.11/site-packages/holes"
    stream = packed(tmp_path, "env", member(place, b"0\n" + bytes(510), pax_headers=headers))
    inventory = collect(stream)
    file = file_of(inventory, "holes")
    assert file.actual is None
    verification = compare(selection(locked("pkg")), inventory, VerifyPolicy())
    assert [f.rule.id for f in verification.failing] == ["MOR109"]


@pytest.mark.parametrize("share", [0.001, 0.3, 0.7, 0.999])
def test_a_stream_that_breaks_off(tmp_path: Path, share: float) -> None:
    install(make_venv(tmp_path), "pkg", files={"big.bin": b"b" * 100_000})
    data = packed(tmp_path, "env").rstrip(b"\0")
    with pytest.raises(TarError, match="breaks off") as caught:
        collect(data[: int(len(data) * share)])
    assert caught.value.exit_code == 3
    assert caught.value.where == "web"


def test_a_stream_cut_between_two_entries(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg")
    data = packed(tmp_path, "env")
    whole = len(data.rstrip(b"\0"))
    with pytest.raises(TarError, match="breaks off"):
        collect(data[: whole + -whole % 512])
    with pytest.raises(TarError, match="breaks off"):
        collect(b"")


@pytest.mark.parametrize("data", [b"x" * 2048, b"\x1f\x8b" + b"z" * 2048, b"PK\3\4" + bytes(2048)])
def test_what_is_no_tar(data: bytes) -> None:
    with pytest.raises(TarError):
        collect(data)


def entry(kind: bytes, size: int, data: bytes = b"") -> bytes:
    info = tarfile.TarInfo("env/x")
    info.type = kind
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT) + data


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)
def test_an_endless_header_is_not_held(kind: bytes) -> None:
    with pytest.raises(TarError, match="extended header claims"):
        collect(entry(kind, 1 << 40))


@pytest.mark.parametrize(
    "pax", [b"nonsense", b"5 a=b\n6", b"99 path=x\n", b"0 =\n", b"17 size=-1abcdef\n", b"3 =\n"]
)
def test_a_damaged_pax_header(pax: bytes) -> None:
    data = entry(tarfile.XHDTYPE, len(pax), pax + bytes(-len(pax) % 512))
    with pytest.raises(TarError):
        collect(data + entry(tarfile.REGTYPE, 0) + bytes(1024))


def test_too_many_entries(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg")
    data = packed(tmp_path, "env")
    collector = TarCollector(
        lambda: nullcontext(io.BytesIO(data)), "container", "web", ROOT, most_entries=5
    )
    with pytest.raises(TarError, match="more than 5 files"):
        collector.collect()


def test_memory_is_bounded() -> None:
    """A file of 64 MiB passes through; 1 MiB pieces are all that is held of it."""
    size = 64 << 20
    header = entry(tarfile.REGTYPE, size)

    class Stream(io.RawIOBase):
        left = size

        def __init__(self) -> None:
            self.head = io.BytesIO(header)

        def read(self, count: int = -1) -> bytes:
            if data := self.head.read(count):
                return data
            data = bytes(min(count, self.left))
            self.left -= len(data)
            return data or bytes(count)

    tracemalloc.start()
    try:
        stream = TarStream(Stream(), "web")  # type: ignore[arg-type]
        total = sum(len(piece) for _ in stream.entries() for piece in stream.pieces())
        assert total == size
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_metadata_alone(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    install(site, "pkg")
    (site / "stowaway.py").write_text("")
    seen = collect(packed(tmp_path / "env", "env"), tiers=METADATA)
    assert (seen.looked, seen.hashed, seen.strays, seen.files_hashed) == (False, False, (), 0)
    [distribution] = seen.distributions
    assert {file.kind for file in distribution.files} == {"unexamined"}
    assert compare(selection(locked("pkg")), seen, VerifyPolicy()).findings == ()
