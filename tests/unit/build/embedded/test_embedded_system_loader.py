"""The loader's cache: which libraries, under which names, in the order in which it searches."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.debs import File, deb, symlink

from mooring.artifacts.deb import open_deb
from mooring.build.embedded.system.loader import loader_cache
from mooring.build.embedded.system.spool import Spool
from mooring.build.embedded.system.tree import Tree

FOLDER = "/usr/lib/x86_64-linux-gnu"


def library(soname: str | None, *, machine: int = 62, kind: int = 3) -> bytes:
    """Return a shared library as far as the loader's cache looks at one."""
    strings = b"\0" + (soname or "").encode() + b"\0"
    start = 64 + 2 * 56
    dynamic = [(5, start), (14, 1)] if soname is not None else [(5, start)]
    body = strings + b"".join(struct.pack("<QQ", *pair) for pair in (*dynamic, (0, 0)))
    offset = start + len(strings)
    segments = ((1, 0, len(body) + start), (2, offset, len(body) - len(strings)))
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    table = b"".join(
        struct.pack("<IIQQQQQQ", which, 4, where, where, where, size, size, 8)
        for which, where, size in segments
    )
    return head + table + body


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path) as spool:
        yield spool


def cached(spool: Spool, *files: File, architecture: str = "amd64") -> list[tuple[str, str]]:
    """Return the names and paths of the cache in its order."""
    data = deb("x", files)
    tree = Tree(spool)
    with open_deb(io.BytesIO(data), Path("none"), where="x", size=len(data)) as package:
        tree.add(package)
    spool.seal()
    cache = loader_cache(tree, spool, architecture)
    if not cache:
        return []
    assert cache.startswith(b"glibc-ld.so.cache1.1")
    count, strings, endian = struct.unpack_from("<IIB", cache, 20)
    assert endian == 2
    assert len(cache) == 48 + 24 * count + strings
    found = []
    for number in range(count):
        flags, key, value, version, capability = struct.unpack_from(
            "<iIIIQ", cache, 48 + 24 * number
        )
        assert (version, capability) == (0, 0)
        assert flags == {"amd64": 0x303, "arm64": 0xA03}[architecture]
        texts = [cache[at:].partition(b"\0")[0].decode() for at in (key, value)]
        found.append((texts[0], texts[1]))
    return found


def test_libraries_are_known_by_what_they_call_themselves(spool: Spool) -> None:
    assert cached(
        spool,
        File("./etc/ld.so.conf.d/x86_64-linux-gnu.conf", b"# Multiarch\n/lib/x86_64-linux-gnu\n"),
        File("./lib/x86_64-linux-gnu/libz.so.1.2.13", library("libz.so.1")),
        symlink("./lib/x86_64-linux-gnu/libz.so.1", "libz.so.1.2.13"),
        symlink("./usr/lib/x86_64-linux-gnu/libz.so", "/lib/x86_64-linux-gnu/libz.so.1.2.13"),
        File("./usr/lib/libplain.so", library(None)),
        File("./usr/lib/x86_64-linux-gnu/liba-2.10.so", library("liba-2.10.so")),
        File("./usr/lib/x86_64-linux-gnu/liba-2.9.so", library("liba-2.9.so")),
    ) == [
        ("libz.so.1", f"{FOLDER}/libz.so.1"),
        ("libz.so", f"{FOLDER}/libz.so"),
        ("libplain.so", "/usr/lib/libplain.so"),
        ("liba-2.10.so", f"{FOLDER}/liba-2.10.so"),
        ("liba-2.9.so", f"{FOLDER}/liba-2.9.so"),
    ]


@pytest.mark.parametrize("name", ["../x", "a\nb", "a b", "\u00e4", "x" * 300])
def test_names_that_no_library_has_are_left_out(spool: Spool, name: str) -> None:
    assert cached(spool, File("./usr/lib/libx.so.1", library(name))) == []


def test_what_is_no_library_of_this_machine_is_left_out(spool: Spool) -> None:
    folder = "./usr/lib"
    files = [
        File(f"{folder}/libtext.so", b"INPUT(libx.so.1)\n"),
        File(f"{folder}/libshort.so.1", b"\x7fELF\x02"),
        File(f"{folder}/libforeign.so.1", library("libforeign.so.1", machine=183)),
        File(f"{folder}/libprogram.so.1", library("x", kind=2)),
        File(f"{folder}/plugin.so", library("plugin.so")),
        File(f"{folder}/deeper/libdeep.so.1", library("libdeep.so.1")),
        symlink(f"{folder}/libloop.so.1", "libloop.so.1"),
        symlink(f"{folder}/libnone.so.1", "nowhere"),
    ]
    assert cached(spool, *files) == []
    foreign = File(f"{folder}/libx.so.1", library("libx.so.1", machine=183))
    assert cached(spool, foreign, architecture="arm64") == [("libx.so.1", "/usr/lib/libx.so.1")]


@pytest.mark.parametrize("cut", range(64, 260, 13))
def test_libraries_that_lie_break_nothing(spool: Spool, cut: int) -> None:
    data = library("libx.so.1")
    broken = data[:cut] + b"\xff" * 8 + data[cut + 8 :]
    for each in (broken, data[:cut]):
        for name, path in cached(spool, File("./usr/lib/libx.so.1", each)):
            assert name.isascii()
            assert name.isprintable()
            assert "/" not in name
            assert path == "/usr/lib/libx.so.1"
