"""Headers of a tar's members, as other readers see them."""

from __future__ import annotations

import io
import tarfile

import pytest

from mooring.build.embedded.interface import LAYER_TIME, Entry
from mooring.build.embedded.layers.tar_header import END, header_of, padding


def read_back(entry: Entry) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(header_of(entry) + END), mode="r:") as archive:
        [found] = archive.getmembers()
    return found


def of_length(length: int) -> str:
    """Return a path of so many bytes without its first slash, in folders of ten letters."""
    return "/" + ("abcdefghi/" * 40)[: length - 1].replace("//", "/") + "z"


@pytest.mark.parametrize("length", [1, 99, 100, 101, 155, 156, 200, 250, 255, 256, 257, 300])
def test_a_path_of_any_length_comes_back(length: int) -> None:
    path = of_length(length)
    for entry in (Entry(path=path), Entry(path=path, kind="directory", mode=0o755)):
        found = read_back(entry)
        assert f"/{found.name}" == path
        assert len(header_of(entry)) % 512 == 0


def test_paths_that_fit_need_one_block_and_long_names_three() -> None:
    assert len(header_of(Entry(path=of_length(250)))) == 512
    assert len(header_of(Entry(path="/" + "x" * 101))) == 3 * 512


@pytest.mark.parametrize("path", ["/é", "/usr/日本/" + "ü" * 90, "/" + "x" * 99 + "é"])
def test_a_path_that_is_not_ascii_comes_back(path: str) -> None:
    assert f"/{read_back(Entry(path=path)).name}" == path


@pytest.mark.parametrize("target", ["python", "../" * 60 + "x", "/é", "x" * 100, "x" * 101])
def test_a_link_comes_back(target: str) -> None:
    found = read_back(Entry(path="/bin/python", kind="symlink", mode=0o777, target=target))
    assert (found.type, found.linkname, found.size) == (tarfile.SYMTYPE, target, 0)


def test_modes_owners_and_the_one_time_come_back() -> None:
    found = read_back(Entry(path="/tmp", kind="directory", mode=0o1777, uid=65532, gid=7))
    assert (found.mode, found.uid, found.gid) == (0o1777, 65532, 7)
    assert (found.mtime, found.uname, found.gname) == (LAYER_TIME, "", "")


def test_numbers_too_large_for_their_fields_come_back() -> None:
    found = read_back(Entry(path="/home", kind="directory", uid=4294967294, gid=2**21))
    assert (found.uid, found.gid) == (4294967294, 2**21)
    header = header_of(Entry(path="/big", size=9 << 30))
    record = header[512:1024].rstrip(b"\0")
    assert record == b"19 size=9663676416\n"


@pytest.mark.parametrize("length", range(85, 100))
def test_a_record_counts_its_own_length(length: int) -> None:
    path = "/" + "é" * length
    assert f"/{read_back(Entry(path=path)).name}" == path


def test_a_plain_header_is_what_the_standard_library_writes() -> None:
    info = tarfile.TarInfo("opt/env/pyvenv.cfg")
    info.size, info.mtime = 200, LAYER_TIME
    expected = info.tobuf(tarfile.USTAR_FORMAT)
    assert header_of(Entry(path="/opt/env/pyvenv.cfg", size=200)) == expected


def test_content_is_filled_up_to_whole_blocks() -> None:
    assert [len(padding(size)) for size in (0, 1, 511, 512, 513)] == [0, 511, 1, 0, 511]


def test_a_name_that_is_not_utf8_is_an_error() -> None:
    with pytest.raises(UnicodeEncodeError):
        header_of(Entry(path="/\udc80"))
