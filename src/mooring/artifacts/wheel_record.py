"""RECORD of a wheel, of which only the end is read: a file of this machine, or one of an index."""

from __future__ import annotations

import errno
import hashlib
import io
import stat
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from mooring.artifacts.fetch import Fetcher, FetchError
from mooring.artifacts.record import NoIdentity, is_kept, quoted, wheel_lines
from mooring.errors import MooringError
from mooring.urls import redact

TAIL = 64 << 10
"""How much of the end of a wheel is asked for first: mostly, its RECORD is in there."""

RECORD_LIMIT = 16 << 20
_DIRECTORY_LIMIT = 8 << 20
_READ_LIMIT = 32 << 20
_WHEEL_LIMIT = 16 << 30
_PIECE = 1 << 20
_LOCAL_HEADER = 30 + (2 << 16)
"""A member's own header at its longest: fixed fields, name and extra field."""

# What zipfile and zlib raise for damaged archives, whichever step meets the damage.
_DAMAGED = (
    BadZipFile,
    EOFError,
    LookupError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
    struct.error,
    zlib.error,
)


class WheelError(MooringError):
    """A wheel cannot be had as it is locked (exit code 3)."""


class RefusedError(FetchError):
    """A server has no such file or wants credentials; `status` is its answer."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"the server answers {status}", where=redact(url))
        self.status = status
        self.url = url


class Damaged(NoIdentity):
    """A wheel is no intact zip file; unlike other reasons, that may be the fault of the moment."""


class WheelRecord(NamedTuple):
    """What a wheel publishes of its files.

    Attributes:
        info: The name of its dist-info folder.
        lines: The body of its record document.
        checked: Whether the whole wheel was there and has the locked SHA-256; a wheel that is
            read in parts is believed to its server.
    """

    info: str
    lines: dict[str, str]
    checked: bool


def read_local(path: Path, sha256: str | None = None) -> WheelRecord:
    """Read the RECORD of a wheel on this machine.

    Args:
        path: The wheel.
        sha256: Of the file, when it is known.

    Raises:
        WheelError: The file is absent, cannot be read, or is another one.
        NoIdentity: It has no usable RECORD.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise WheelError("this is not a file", where=str(path))
        with path.open("rb") as stream:
            return _read_whole(stream, sha256, str(path))
    except OSError as error:
        raise WheelError(f"the wheel cannot be read: {error.strerror}", where=str(path)) from error


def read_remote(
    fetcher: Fetcher, url: str, *, sha256: str | None = None, size: int | None = None
) -> WheelRecord:
    """Read the RECORD of a wheel of an index, by ranges where the server knows them.

    Args:
        fetcher: Asks the server.
        url: The address of the wheel.
        sha256: Of the wheel, when it is known; compared when the whole wheel had to be fetched.
        size: Of the wheel in bytes, when it is known.

    Raises:
        FetchError: The server does not answer, or has no such file.
        WheelError: The file there is another one than the locked one.
        NoIdentity: The wheel has no usable RECORD.
    """
    span = f"-{TAIL}" if size is None else f"{max(0, size - TAIL)}-{max(0, size - 1)}"
    tail = fetcher.get_part(url, span, limit=TAIL)
    if tail.status == 206:
        if size is not None and tail.total != size:
            raise _other(url, f"it has {tail.total} bytes, the locked one {size}")
        if tail.start + len(tail.body) != tail.total:
            raise FetchError("the server does not send the end of a file", where=redact(url))

        def fetch(start: int, length: int) -> bytes:
            part = fetcher.get_part(url, f"{start}-{start + length - 1}", limit=length)
            if (part.status, part.start, part.total) != (206, start, tail.total):
                raise FetchError("the file changed while it was read", where=redact(url))
            return part.body

        window = _Window(fetch, tail.total)
        window.keep(tail.start, tail.body)
        return _read(window, checked=False)
    # 416 comes from servers that do not know the form, and for empty files.
    if tail.status not in (200, 400, 416):
        raise RefusedError(url, tail.status)
    with tempfile.TemporaryFile() as stream:
        status = fetcher.download(url, stream, limit=size or _WHEEL_LIMIT)
        if status != 200:
            raise RefusedError(url, status)
        return _read_whole(stream, sha256, url)


class _Window(io.RawIOBase):
    """A file of which only the parts are fetched that are read, and not without end."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._fetch = fetch
        self._parts: list[tuple[int, bytes]] = []
        self._room = _READ_LIMIT
        self._at = 0
        self.size = size

    def keep(self, start: int, body: bytes) -> None:
        """Keep a part that was fetched."""
        self._parts.append((start, body))

    def want(self, start: int, end: int) -> None:
        """Fetch a part, unless it is there."""
        end = min(end, self.size)
        for first, body in self._parts:
            if first <= start < first + len(body):
                start = first + len(body)
            if first < end <= first + len(body):
                end = first
        if start >= end:
            return
        self._room -= end - start
        if self._room < 0:
            raise NoIdentity("its directory or RECORD is too large")
        body = self._fetch(start, end - start)
        if len(body) != end - start:
            raise Damaged("it breaks off")
        self.keep(start, body)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "before the start of the file")  # as files do
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes, fewer than asked for only at the end of the file."""
        left = max(0, self.size - self._at)
        count = left if size is None or size < 0 else min(size, left)
        if count > _DIRECTORY_LIMIT:
            raise NoIdentity("its directory is too large")
        self.want(self._at, self._at + count)
        pieces = []
        while count:
            start, body = next(p for p in self._parts if p[0] <= self._at < p[0] + len(p[1]))
            piece = body[self._at - start :][:count]
            pieces.append(piece)
            self._at += len(piece)
            count -= len(piece)
        return b"".join(pieces)


def _read_whole(stream: BinaryIO, sha256: str | None, where: str) -> WheelRecord:
    """Read an open file, after it was compared with what is locked."""
    stream.seek(0)
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
    actual = digest.hexdigest()
    if sha256 is not None and actual != sha256:
        raise _other(where, f"its SHA-256 is {actual}, the locked one {sha256}")
    size = stream.seek(0, io.SEEK_END)

    def fetch(start: int, length: int) -> bytes:
        stream.seek(start)
        return stream.read(length)

    return _read(_Window(fetch, size), checked=sha256 is not None)


def _read(window: _Window, *, checked: bool) -> WheelRecord:
    try:
        with ZipFile(window) as archive:
            member = _member(archive)
            info = member.filename.partition("/")[0]
            start = member.header_offset
            # In one piece: zipfile reads the data 4 KiB at a time.
            window.want(start, start + _LOCAL_HEADER + member.compress_size)
            with archive.open(member) as stream:
                record = stream.read(RECORD_LIMIT + 1)
            names = archive.namelist()
    except _DAMAGED as error:
        raise Damaged(f"it is no intact zip file: {quoted(str(error))}") from error
    if len(record) > RECORD_LIMIT:
        raise NoIdentity("its RECORD is too large")
    lines = wheel_lines(record, info)
    _require_listed(names, lines, info)
    return WheelRecord(info=info, lines=lines, checked=checked)


def _member(archive: ZipFile) -> ZipInfo:
    """Return the one RECORD of the wheel's own dist-info folder."""
    found = [
        member
        for member in archive.infolist()
        if member.filename.endswith(".dist-info/RECORD") and member.filename.count("/") == 1
    ]
    if len(found) != 1:
        raise NoIdentity(f"it has {len(found)} files .dist-info/RECORD")
    [member] = found
    if member.flag_bits & 1 or member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        # Other methods can unpack a few bytes into gigabytes at one step.
        raise NoIdentity("its RECORD is packed in an unusual way")
    if max(member.file_size, member.compress_size) > RECORD_LIMIT:
        raise NoIdentity("its RECORD is too large")
    return member


def _require_listed(names: list[str], lines: dict[str, str], info: str) -> None:
    """Refuse a wheel with a file that RECORD leaves out: pip adds a row for it, uv does not."""
    for name in names:
        path = name.replace("\\", "/")
        if path.endswith("/") or path in lines or not is_kept(path, info):
            continue
        data = info.removesuffix(".dist-info") + ".data/"
        if path.removeprefix(data).partition("/")[2] not in lines:
            raise NoIdentity(f"its RECORD does not list {quoted(path)}")


def _other(where: str, what: str) -> WheelError:
    return WheelError(
        f"this is another wheel than the locked one: {what}",
        where=redact(where),
        hint="the file was replaced where it is served; find out why before you lock again",
    )
