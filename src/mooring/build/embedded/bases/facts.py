"""The files of a base image that tell something, and what is read of each while it passes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from mooring.build.embedded.bases.tree import refused

_TEXT_LIMIT = 1 << 20
_LINE_LIMIT = 4096
_SEARCH_LIMIT = 96 << 20
"""Bytes of one program that are searched; the largest libpython with debug data has 40 MB."""
_OVERLAP = 256
_MOST_MATCHES = 64

FactKind = Literal["python", "libpython", "patchlevel", "glibc", "musl", "venv"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a file says by its bytes.

    Attributes:
        versions: Version texts that were found in it.
        loaders: Of a program: the libc that starts it, `glibc` or `musl`.
    """

    kind: FactKind
    versions: frozenset[str] = frozenset()
    loaders: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Packages:
    """What a package database says of Python and libc: (name, upstream version) pairs."""

    versions: tuple[tuple[str, str], ...]


Pieces = Iterable[bytes]
Reader = Callable[[Pieces], object]

_MULTIARCH = r"[a-z0-9_]+-linux-[a-z0-9]+"
# What may not stand before it is looked at behind the first literal: searching starts with that.
_PYTHON = re.compile(rb"(3\.(?<![0-9.]3\.)\d{1,2}\.\d{1,2})\0")
_DEFINED = re.compile(rb'#define PY_VERSION\s+"(3\.\d{1,2}\.\d{1,2})"')
_GLIBC = re.compile(rb"GNU C Library [^\n\0]{0,100}version (2\.\d{1,2})")
_MUSL = re.compile(rb"\0(1\.\d{1,2}\.\d{1,3})(?:-git[^\0]{0,64})?\0")
_LOADER = re.compile(rb"/(ld-musl-|ld-linux|ld64\.so|ld\.so)[^\0/]{0,40}\0")
_PACKAGE = re.compile(r"python3(?:\.\d{1,2}(?:-minimal)?)?|libc6|musl|glibc")
_FIELD = re.compile(r"(?:Package: |P:)(?P<name>\S+)|(?:Version: |V:)(?P<version>\S+)")


def reader_of(path: str, mode: int) -> Reader | None:
    """Return what reads a file, or None when its content does not matter.

    Args:
        path: Absolute in the image.
        mode: Permission bits.
    """
    # Nearly all files are done with here: a pattern for each kind would take longer.
    if not (path.startswith(_FOLDERS) or path.rpartition("/")[2].startswith(_NAMES)):
        return None
    for pattern, reader in _READERS:
        if pattern.fullmatch(path):
            return None if reader is _program and not mode & 0o111 else reader
    return None


def _program(pieces: Pieces) -> Found:
    versions, loaders = _search(pieces, _PYTHON, _LOADER)
    return Found(
        kind="python",
        versions=versions,
        loaders=frozenset("musl" if each == "ld-musl-" else "glibc" for each in loaders),
    )


def _searching(kind: FactKind, pattern: re.Pattern[bytes]) -> Reader:
    return lambda pieces: Found(kind=kind, versions=_search(pieces, pattern)[0])


def _text(pieces: Pieces) -> str:
    text = b""
    for piece in pieces:
        text += piece
        if len(text) > _TEXT_LIMIT:
            raise refused("its passwd or group file is larger than 1 MiB")
    return text.decode("utf-8", "surrogateescape")


def _packages(pieces: Pieces) -> Packages:
    """Read the fields of dpkg's status (deb822) and of apk's database that name packages."""
    found: dict[str, str] = {}
    name = ""
    for line in _lines(pieces):
        field = _FIELD.match(line)
        if field is None:
            name = name if line.strip() else ""
        elif field["name"]:
            name = field["name"]
        elif _PACKAGE.fullmatch(name):
            found[name] = _upstream(field["version"])
    return Packages(versions=tuple(sorted(found.items())))


def _upstream(version: str) -> str:
    """Return a package's version without epoch and revision."""
    return version.rpartition(":")[2].partition("-")[0]


def _lines(pieces: Pieces) -> Iterator[str]:
    """Yield lines; of those that are too long, the beginning."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line[:_LINE_LIMIT].decode("utf-8", "replace")
        rest = rest[:_LINE_LIMIT]
    yield rest.decode("utf-8", "replace")


def _search(pieces: Pieces, *patterns: re.Pattern[bytes]) -> list[frozenset[str]]:
    """Return the first groups of all matches, a set for each pattern."""
    found: list[set[str]] = [set() for _ in patterns]
    rest, left = b"", _SEARCH_LIMIT
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            break
        data = rest + piece
        for pattern, texts in zip(patterns, found):
            for match in pattern.finditer(data):
                if len(texts) < _MOST_MATCHES:
                    texts.add(match[1].decode("ascii"))
        rest = data[-_OVERLAP:]
    return [frozenset(texts) for texts in found]


_LIB = rf"/(?:usr/)?lib(?:64)?/(?:{_MULTIARCH}/)?"
_READERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (re.compile(r"/etc/(?:passwd|group)"), _text),
    (
        re.compile(r"/var/lib/dpkg/status(?:\.d/[^/]+)?|/(?:usr/)?lib/apk/db/installed"),
        _packages,
    ),
    (re.compile(r"/(?:.+/)?bin/python3(?:\.\d{1,2})?"), _program),
    (
        re.compile(rf"/.+/lib(?:64)?/(?:{_MULTIARCH}/)?libpython3\.\d{{1,2}}\.so\.1\.0"),
        _searching("libpython", _PYTHON),
    ),
    (
        re.compile(r"/.+/include/python3\.\d{1,2}/patchlevel\.h"),
        _searching("patchlevel", _DEFINED),
    ),
    (re.compile(_LIB + r"libc(?:\.so\.6|-2\.\d{1,3}\.so)"), _searching("glibc", _GLIBC)),
    (
        re.compile(r"/(?:usr/)?lib/(?:ld-musl|libc\.musl)-[a-z0-9_]+\.so\.1"),
        _searching("musl", _MUSL),
    ),
    (re.compile(r"/.+/pyvenv\.cfg"), lambda _: Found(kind="venv")),
)
_FOLDERS = ("/etc/", "/var/lib/dpkg/status")
_NAMES = ("python3", "libpython3", "libc", "ld-musl-", "patchlevel.h", "installed", "pyvenv.cfg")
