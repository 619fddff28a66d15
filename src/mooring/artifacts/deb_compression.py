"""The compressed parts of Debian packages, unpacked a little at a time."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import importlib
import lzma
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Protocol, cast

from mooring.artifacts.deb_tar import DebRefused
from mooring.oci.store import Source
from mooring.process import streamed

_PIECE = 1 << 18
_XZ_MEMORY = 128 << 20
"""What the strongest preset of xz takes to unpack, and some more."""
_ZSTD_MODULES = ("compression.zstd", "zstandard")
"""The standard library's from Python 3.14 on, and the package that came before."""
_BY_DPKG = {"control.tar": "--ctrl-tarfile", "data.tar": "--fsys-tarfile"}


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


@contextlib.contextmanager
def unpacked(name: str, part: Source, *, path: Path, where: str) -> Iterator[Source]:
    """Give what a compressed part of a package holds.

    Args:
        name: Its name in the package: `data.tar.xz`.
        part: The part.
        path: The package as a file, for dpkg where this Python cannot unpack the part.
        where: How messages name the package.

    Raises:
        DebRefused: It is compressed in an unknown way, or damaged.
    """
    stem, ending = name[: name.index(".tar") + 4], name[name.index(".tar") + 4 :]
    match ending:
        case "":
            yield part
        case ".gz":
            # It asks its file for nothing but `read`.
            plain = gzip.GzipFile(fileobj=cast("IO[bytes]", part), mode="rb")
            yield _Translated(plain, where)
        case ".xz" | ".lzma":
            yield _Translated(_Plain(part, lzma.LZMADecompressor(memlimit=_XZ_MEMORY)), where)
        case ".bz2":
            yield _Translated(_Plain(part, bz2.BZ2Decompressor()), where)
        case ".zst":
            with _zstd(stem, part, path, where) as stream:
                yield stream
        case _:
            raise DebRefused(f"{name[:40]!r} is compressed in no known way", where=where)


@contextlib.contextmanager
def _zstd(stem: str, part: Source, path: Path, where: str) -> Iterator[Source]:
    module = _zstd_module()
    if module is None:
        if shutil.which("dpkg-deb") is None:
            raise DebRefused(
                "the package is packed with zstd, which this Python cannot unpack",
                where=where,
                hint="install the package zstandard beside Mooring, or use Python 3.14",
            )
        with streamed(["dpkg-deb", _BY_DPKG[stem], path]) as stream:
            yield stream
    elif hasattr(module, "ZstdFile"):
        yield _Translated(module.ZstdFile(part, "rb"), where, module.ZstdError)
    else:
        reader = module.ZstdDecompressor(max_window_size=1 << 27).stream_reader(part)
        yield _Translated(reader, where, module.ZstdError)


def _zstd_module() -> ModuleType | None:
    for name in _ZSTD_MODULES:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    return None


class _Plain:
    """What a compressed stream holds; a small piece cannot unpack to a large one."""

    def __init__(self, part: Source, decompressor: _Decompressor) -> None:
        self._part = part
        self._decompressor = decompressor

    def read(self, size: int = -1, /) -> bytes:
        most = _PIECE if size < 0 else min(size, _PIECE)
        while not self._decompressor.eof:
            packed = self._part.read(_PIECE) if self._decompressor.needs_input else b""
            if not packed and self._decompressor.needs_input:
                raise EOFError("it breaks off")
            if data := self._decompressor.decompress(packed, max_length=most):
                return data
        return b""


class _Translated:
    """An unpacking stream whose own errors become ours."""

    def __init__(self, stream: Source, where: str, error: type[Exception] = lzma.LZMAError) -> None:
        self._stream = stream
        self._where = where
        self._errors = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, error)

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(size)
        except self._errors as error:
            raise DebRefused(
                f"the package cannot be unpacked: {error}", where=self._where
            ) from error
