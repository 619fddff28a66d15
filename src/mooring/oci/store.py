"""Where the files of a saved image are: a folder, or a tar that is read in place."""

from __future__ import annotations

import contextlib
import os
import posixpath
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from mooring.errors import MooringError

_BLOCK = 512
_MOST_MEMBERS = 100_000
_NAME_LIMIT = 64 << 10
"""Bytes that an extended header may have: it holds a path."""
_MOST_LINKS = 10
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class SavedImageError(MooringError):
    """A saved image that is absent, damaged, or not what it says (exit code 3)."""


class Source(Protocol):
    """What can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


class Store(Protocol):
    """Files by name, with `/`; opening one gives a stream of its content."""

    where: str

    def open(self, name: str) -> contextlib.AbstractContextManager[Source]:
        """Give the content of a regular file.

        Raises:
            SavedImageError: There is no such file, or it cannot be read.
        """

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""


def read_small(store: Store, name: str, limit: int) -> bytes:
    """Return the content of a file that describes others.

    Raises:
        SavedImageError: It is absent or larger than `limit` bytes.
    """
    with store.open(name) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise SavedImageError(f"{name} is larger than {limit >> 20} MiB", where=store.where)
    return data


class FolderStore:
    """The files of a folder; only names that its caller made are looked up."""

    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        self._folder = folder

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Source]:
        """Give the content of a regular file."""
        with open_regular(self._folder / name) as stream:
            yield stream

    def has(self, name: str) -> bool:
        """Return whether there is such a file."""
        return (self._folder / name).is_file()


class TarStore:
    """The members of a tar file, found in one walk over its headers.

    Raises:
        SavedImageError: The file is absent, or no tar.
    """

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        self._members: dict[str, tuple[int, int] | str] = {}
        with open_regular(path) as stream:
            self._index(stream)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[Source]:
        """Give the content of a member."""
        found = self._find(name)
        if found is None:
            raise SavedImageError(f"the archive has no {name}", where=self.where)
        with open_regular(self._path) as stream:
            stream.seek(found[0])
            yield _Part(stream, found[1])

    def has(self, name: str) -> bool:
        """Return whether there is such a member."""
        return self._find(name) is not None

    def _find(self, name: str) -> tuple[int, int] | None:
        """Return offset and size; `docker save` of old engines links layers that it repeats."""
        for _ in range(_MOST_LINKS):
            found = self._members.get(posixpath.normpath(name))
            if not isinstance(found, str):
                return found
            name = found
        return None

    def _index(self, stream: IO[bytes]) -> None:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        long_name: str | None = None
        while block := stream.read(_BLOCK):
            if not block.strip(b"\0"):
                return
            info = self._header(block)
            start = stream.tell()
            after = start + info.size + -info.size % _BLOCK
            if info.size < 0 or start + info.size > end:
                raise SavedImageError("the archive breaks off in the middle", where=self.where)
            if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE):
                if info.size > _NAME_LIMIT:
                    raise self._damaged()
                long_name = _long_name(info.type, stream.read(info.size)) or long_name
            else:
                self._add(long_name or info.name, info, start)
                long_name = None
            stream.seek(after)

    def _header(self, block: bytes) -> tarfile.TarInfo:
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            raise self._damaged() from error

    def _add(self, name: str, info: tarfile.TarInfo, start: int) -> None:
        if len(self._members) >= _MOST_MEMBERS:
            raise SavedImageError(
                f"the archive has more than {_MOST_MEMBERS} members", where=self.where
            )
        name = posixpath.normpath(name)
        if info.isreg():
            self._members[name] = start, info.size
        elif info.issym():
            self._members[name] = posixpath.join(posixpath.dirname(name), info.linkname)
        elif info.islnk():
            self._members[name] = info.linkname

    def _damaged(self) -> SavedImageError:
        return SavedImageError(
            "this is no tar, or it is damaged",
            where=self.where,
            hint="`docker save --output FILE.tar IMAGE` writes one; it must not be compressed",
        )


class _Part:
    """A stretch of an open file, read from its present position."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._stream.read(wanted)
        self._left -= len(data)
        return data


@contextlib.contextmanager
def open_regular(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading; what is no regular file is refused and never waited for.

    Raises:
        SavedImageError: It is absent, no file, or may not be read.
    """
    try:
        handle = os.open(path, _OPEN)
    except FileNotFoundError as error:
        raise SavedImageError("the file does not exist", where=str(path)) from error
    except OSError as error:
        raise SavedImageError(
            f"the file cannot be read: {error.strerror}", where=str(path)
        ) from error
    with open(handle, "rb") as stream:  # noqa: PTH123 (a descriptor, not a path)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise SavedImageError("this is not a file", where=str(path))
        yield stream


def _long_name(kind: bytes, data: bytes) -> str | None:
    """Return the path that an extended header gives the next member."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        return data.rstrip(b"\0").decode("utf-8", "surrogateescape")
    for record in data.split(b"\n"):
        key, equals, value = record.partition(b" ")[2].partition(b"=")
        if equals and key == b"path":
            return value.decode("utf-8", "surrogateescape")
    return None
