"""The cache of the dynamic loader, as `ldconfig` writes it: which library is in which file.

The loader finds libraries in its own folders without it. Programs that ask for a library by its
bare name (`ctypes.util.find_library`) ask `ldconfig`, which reads nothing but this cache, and
folders of `/etc/ld.so.conf.d` count only through it.
"""

from __future__ import annotations

import functools
import posixpath
import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from mooring.build.embedded.system.spool import Spool, Stored
from mooring.build.embedded.system.tree import Node, Tree, merged

LOADER_CACHE = "/etc/ld.so.cache"

_CONFIGURATION = re.compile(r"/etc/ld\.so\.conf\.d/[^/]+\.conf")
_DEFAULT_FOLDERS = ("/usr/lib", "/usr/lib64")
_LIBRARY = re.compile(r"(?:lib|ld-).*\.so(?:\.|$).*")
_LARGEST_TEXT = 1 << 16
_MOST_HEADERS, _LARGEST_DYNAMIC, _LONGEST_NAME = 64, 1 << 16, 255
_SONAME = re.compile(rb"([!-.0-~]*)\0")
_PT_LOAD, _PT_DYNAMIC, _DT_STRTAB, _DT_SONAME = 1, 2, 5, 14
_ELF_64 = b"\x7fELF\x02"
_MAGIC = b"glibc-ld.so.cache1.1"
_ENTRY = 24
_DIGITS = re.compile(rb"\d+|\D")


class _Machine(NamedTuple):
    """What the loader has for an architecture: number in ELF, flags in the cache, byte order."""

    number: int
    flags: int
    order: str = "<"


_MACHINES = {
    "amd64": _Machine(62, 0x0303),
    "arm64": _Machine(183, 0x0A03),
    "ppc64el": _Machine(21, 0x0503),
    "s390x": _Machine(22, 0x0403, ">"),
}


def loader_cache(tree: Tree, spool: Spool, architecture: str) -> bytes:
    """Return the content of the cache for the libraries of a tree; empty when there are none.

    Args:
        tree: All packages.
        spool: Has the contents.
        architecture: As the distribution names it.
    """
    machine = _MACHINES[architecture]
    found: dict[str, str] = {}
    for folder in _folders(tree, spool):
        for path in sorted(path for path in tree.nodes if posixpath.dirname(path) == folder):
            name = _name_of(tree, spool, path, machine)
            # The folder that stands first counts.
            if name is not None:
                found.setdefault(name, path)
    for name, path in list(found.items()):
        # The file that has the name itself is the one that is linked against.
        own = f"{posixpath.dirname(path)}/{name}"
        found[name] = own if own in tree.nodes else path
    return _written(found, machine) if found else b""


def _folders(tree: Tree, spool: Spool) -> Iterator[str]:
    """Yield the folders of the configuration, then the loader's own, each once."""
    seen = set()
    for path in sorted(filter(_CONFIGURATION.fullmatch, tree.nodes)):
        stored = tree.nodes[path].stored
        text = spool.read(stored, _LARGEST_TEXT).decode("utf-8", "replace") if stored else ""
        for line in text.splitlines():
            folder = merged(line.partition("#")[0].strip().rstrip("/"))
            if folder.startswith("/") and folder not in seen:
                seen.add(folder)
                yield folder
    yield from (folder for folder in _DEFAULT_FOLDERS if folder not in seen)


def _name_of(tree: Tree, spool: Spool, path: str, machine: _Machine) -> str | None:
    """Return the name that a library is asked for by, or None when it is none for this machine."""
    own = posixpath.basename(path)
    if not _LIBRARY.fullmatch(own):
        return None
    node = _real(tree, path)
    if node is None or node.stored is None:
        return None
    soname = _soname(spool, node.stored, machine)
    if soname is None:
        return None
    # Links for compilers (`libz.so`) have a name of their own.
    return own if own.endswith(".so") and node.path != path else soname or own


def _real(tree: Tree, path: str) -> Node | None:
    for _ in range(10):
        node = tree.nodes.get(path)
        if node is None or node.kind != "symlink":
            return node
        path = merged(posixpath.normpath(posixpath.join(posixpath.dirname(path), node.target)))
    return None


def _soname(spool: Spool, stored: Stored, machine: _Machine) -> str | None:
    """Return the SONAME of a shared library, empty when it has none; None when it is none."""
    head = spool.part(stored, 0, 64)
    if len(head) < 64 or not head.startswith(_ELF_64):
        return None
    order = machine.order
    kind, number = struct.unpack_from(f"{order}HH", head, 16)
    if kind != 3 or number != machine.number:  # ET_DYN
        return None
    (start,) = struct.unpack_from(f"{order}Q", head, 32)
    size, count = struct.unpack_from(f"{order}HH", head, 54)
    if size != 56 or count > _MOST_HEADERS:
        return None
    table = spool.part(stored, start, size * count)
    segments = [
        struct.unpack_from(f"{order}IIQQQQ", table, offset)
        for offset in range(0, len(table) - size + 1, size)
    ]
    for type_, _, offset, _, _, length in segments:
        if type_ == _PT_DYNAMIC:
            data = spool.part(stored, offset, min(length, _LARGEST_DYNAMIC))
            pairs = dict(reversed(list(struct.iter_unpack(f"{order}QQ", data[: len(data) & ~15]))))
            return _text_at(spool, stored, segments, pairs)
    return None


def _text_at(
    spool: Spool, stored: Stored, segments: list[tuple[int, ...]], pairs: dict[int, int]
) -> str | None:
    if _DT_SONAME not in pairs or _DT_STRTAB not in pairs:
        return ""
    address = pairs[_DT_STRTAB] + pairs[_DT_SONAME]
    for type_, _, offset, start, _, length in segments:
        if type_ == _PT_LOAD and start <= address < start + length:
            text = spool.part(stored, offset + address - start, _LONGEST_NAME)
            match = _SONAME.match(text)
            return match[1].decode("ascii") if match else None
    return None


def _written(found: dict[str, str], machine: _Machine) -> bytes:
    order = machine.order
    names = sorted(found, key=functools.cmp_to_key(_compare), reverse=True)
    start = 48 + _ENTRY * len(names)
    entries, strings = bytearray(), bytearray()
    for name in names:
        key = start + len(strings)
        strings += name.encode() + b"\0"
        value = start + len(strings)
        strings += found[name].encode() + b"\0"
        entries += struct.pack(f"{order}iIIIQ", machine.flags, key, value, 0, 0)
    endian = 2 if order == "<" else 3
    head = struct.pack(f"{order}IIB3xI12x", len(names), len(strings), endian, 0)
    return _MAGIC + head + bytes(entries) + bytes(strings)


def _compare(one: str, other: str) -> int:
    """Compare as the loader does when it searches: numbers by their value (`_dl_cache_libcmp`)."""
    left = [_key(part) for part in _DIGITS.findall(one.encode())]
    right = [_key(part) for part in _DIGITS.findall(other.encode())]
    return (left > right) - (left < right)


def _key(part: bytes) -> tuple[int, int]:
    # A number comes after every other character.
    return (1, int(part)) if part.isdigit() else (0, part[0])
