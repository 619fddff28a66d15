"""A tar as a stream of entries: one pass, bounded memory, whatever the stream holds.

`tarfile` reads the headers; it is not asked to read members, because it keeps extended headers of
any size and expands sparse members.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Literal, Protocol, runtime_checkable

from mooring.errors import MooringError

EntryKind = Literal["file", "folder", "symlink", "hardlink", "sparse", "other"]

BLOCK = 512
PIECE = 1 << 20
_HEADER_LIMIT = 1 << 20
"""Bytes that one extended header may have: a path has 4096 at most."""
_PADDING_LIMIT = 1 << 20
_OLD_SPARSE_MORE, _OLD_SPARSE_EXTENSION = 482, 504
_KINDS: dict[bytes, EntryKind] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
    tarfile.GNUTYPE_SPARSE: "sparse",
}
_HEADER_ONLY = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)


class TarError(MooringError):
    """A tar stream that is damaged, cut off, or larger than what is accepted (exit code 3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One member of a tar.

    Attributes:
        path: As the tar writes it.
        size: Bytes that `pieces` gives.
        target: Where a link leads.
        sha256: Of the content, where the source hashed it itself; `pieces` then gives nothing.
        head: The first bytes of such a file, where they matter.
        mode: Permission bits, as the header has them.
        mtime: When it was changed, whole seconds since 1970.
    """

    path: str
    kind: EntryKind
    size: int
    target: str = ""
    sha256: bytes | None = None
    head: bytes = b""
    mode: int = 0
    mtime: int = 0


@runtime_checkable
class EntryReader(Protocol):
    """Gives entries in an order in which a hard link comes after its target."""

    def entries(self) -> Iterator[Entry]:
        """Yield each entry."""

    def pieces(self) -> Iterator[bytes]:
        """Yield the content of the current entry in pieces; gone when the next is asked for."""


@dataclass(kw_only=True, slots=True)
class _Extended:
    """What headers before a member say about it."""

    path: str | None = None
    target: str | None = None
    size: int | None = None
    mtime: int | None = None
    sparse: bool = False


class TarStream:
    """Reads entries in their order; the pieces of one are gone when the next is asked for.

    Args:
        stream: The tar, not compressed.
        where: How messages name it.
    """

    def __init__(self, stream: IO[bytes], where: str) -> None:
        self._stream = stream
        self._where = where
        self._left = 0
        self._padding = 0

    def entries(self) -> Iterator[Entry]:
        """Yield each entry.

        Raises:
            TarError: The stream ends before its end marker, or holds what is no tar.
        """
        extended = _Extended()
        while (info := self._header()) is not None:
            if info.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                _apply_pax(self._extended_header(info.size), extended, self._damaged)
            elif info.type == tarfile.XGLTYPE:
                self._extended_header(info.size)
            elif info.type == tarfile.GNUTYPE_LONGNAME:
                extended.path = _text(self._extended_header(info.size))
            elif info.type == tarfile.GNUTYPE_LONGLINK:
                extended.target = _text(self._extended_header(info.size))
            else:
                yield self._entry(info, extended)
                for _ in self.pieces():
                    pass
                self._read(self._padding)
                extended = _Extended()
        self._drain()

    def pieces(self) -> Iterator[bytes]:
        """Yield the content of the current entry in pieces of at most 1 MiB."""
        while self._left:
            piece = self._read(min(self._left, PIECE))
            self._left -= len(piece)
            yield piece

    def _entry(self, info: tarfile.TarInfo, extended: _Extended) -> Entry:
        kind = "sparse" if extended.sparse else _KINDS.get(info.type, "other")
        # What has no content may still claim a size.
        size = info.size if extended.size is None else extended.size
        if info.type in _HEADER_ONLY:
            size = 0
        if size < 0:
            raise self._damaged("a member has a negative size")
        self._left, self._padding = size, -size % BLOCK
        return Entry(
            path=info.name if extended.path is None else extended.path,
            kind=kind,
            size=size,
            target=info.linkname if extended.target is None else extended.target,
            mode=info.mode,
            mtime=int(info.mtime) if extended.mtime is None else extended.mtime,
        )

    def _header(self) -> tarfile.TarInfo | None:
        block = self._read(BLOCK)
        if not block.strip(b"\0"):
            return None
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            raise self._damaged(f"a header is invalid: {error}") from error
        if info.type == tarfile.GNUTYPE_SPARSE:
            more = block[_OLD_SPARSE_MORE]
            while more:
                more = self._read(BLOCK)[_OLD_SPARSE_EXTENSION]
        return info

    def _extended_header(self, size: int) -> bytes:
        if not 0 <= size <= _HEADER_LIMIT:
            raise self._damaged(f"an extended header claims {size} bytes")
        return self._read(size + -size % BLOCK)[:size]

    def _read(self, size: int) -> bytes:
        data = self._stream.read(size)
        while len(data) < size:
            more = self._stream.read(size - len(data))
            if not more:
                raise TarError(
                    "the stream breaks off before the end of the tar",
                    where=self._where,
                    hint="whoever writes it ended early; try again",
                )
            data += more
        return data

    def _drain(self) -> None:
        """Read the padding after the end, so that the writer is not cut off."""
        left = _PADDING_LIMIT
        while left > 0 and (piece := self._stream.read(min(left, PIECE))):
            left -= len(piece)

    def _damaged(self, message: str) -> TarError:
        return TarError(f"the tar is damaged: {message}", where=self._where)


def _apply_pax(data: bytes, extended: _Extended, damaged: Callable[[str], TarError]) -> None:
    """Take from a pax header what decides names, links and sizes."""
    position = 0
    while position < len(data):
        length_text, space, _ = data[position : position + 12].partition(b" ")
        if not space or not length_text.isdigit():
            raise damaged("a pax header is invalid")
        length = int(length_text)
        record = data[position + len(length_text) + 1 : position + length]
        if length <= len(length_text) + 1 or position + length > len(data):
            raise damaged("a pax header is invalid")
        key, _, value = record.removesuffix(b"\n").partition(b"=")
        _apply(key, value, extended, damaged)
        position += length


def _apply(
    key: bytes, value: bytes, extended: _Extended, damaged: Callable[[str], TarError]
) -> None:
    match key:
        case b"path":
            extended.path = _text(value)
        case b"linkpath":
            extended.target = _text(value)
        case b"size":
            if not value.isdigit() or len(value) > 20:
                raise damaged("a pax header gives no valid size")
            extended.size = int(value)
        case b"mtime":
            # The plain header has this rounded, and byte code knows whole seconds, cut off.
            seconds = value.partition(b".")[0]
            extended.mtime = int(seconds) if seconds.isdigit() and len(seconds) < 20 else None
        case _ if key.startswith(b"GNU.sparse."):
            extended.sparse = True


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "surrogateescape")
