"""Base images made by hand: tars with modes, and layers that are opened like real ones."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import IO

from mooring.build.embedded.bases.scan import scan_layers
from mooring.build.embedded.interface import BaseScan

Member = tuple[tarfile.TarInfo, bytes]


def file(path: str, data: bytes = b"", mode: int = 0o644) -> Member:
    """Return a file."""
    return _member(path, tarfile.REGTYPE, mode, data=data)


def program(path: str, data: bytes = b"") -> Member:
    """Return a file that can be started."""
    return file(path, data, 0o755)


def folder(path: str, mode: int = 0o755) -> Member:
    """Return a directory."""
    return _member(path, tarfile.DIRTYPE, mode)


def link(path: str, target: str) -> Member:
    """Return a symbolic link."""
    return _member(path, tarfile.SYMTYPE, 0o777, target=target)


def hard(path: str, target: str, mode: int = 0o755) -> Member:
    """Return a hard link."""
    return _member(path, tarfile.LNKTYPE, mode, target=target)


def device(path: str) -> Member:
    """Return a character device."""
    return _member(path, tarfile.CHRTYPE, 0o600)


def _member(path: str, kind: bytes, mode: int, *, data: bytes = b"", target: str = "") -> Member:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.linkname, info.size = kind, mode, target, len(data)
    return info, data


def tar(*members: Member) -> bytes:
    """Return a layer of these members, in their order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def opener(data: bytes) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    """Return what opens a layer."""

    @contextlib.contextmanager
    def opened() -> Iterator[IO[bytes]]:
        yield io.BytesIO(data)

    return opened


def scan(*layers: tuple[Member, ...] | list[Member]) -> BaseScan:
    """Return the scan of layers, lowest first."""
    return scan_layers([opener(tar(*members)) for members in layers])


GLIBC_236 = (
    b"\0GNU C Library (Debian GLIBC 2.36-9+deb12u13) stable release version 2.36.\nCopyright"
)
LOADED_BY_GLIBC = b"\x7fELF" + bytes(60) + b"/lib64/ld-linux-x86-64.so.2\0"
LOADED_BY_MUSL = b"\x7fELF" + bytes(60) + b"/lib/ld-musl-x86_64.so.1\0"

PYTHON_312 = (
    program("usr/local/bin/python3.12", LOADED_BY_GLIBC + b"\x003.12.8\0"),
    link("usr/local/bin/python3", "python3.12"),
    file("usr/lib/x86_64-linux-gnu/libc.so.6", GLIBC_236, 0o755),
    file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"),
    file("etc/group", b"root:x:0:\n"),
)
"""The members of a small base with a Python."""
