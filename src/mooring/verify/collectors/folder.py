"""The files of an environment on this machine: read as data, never followed outside its root."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator

from mooring.verify.collectors.layout import UnreadableError, Walked

LARGEST_FILE = 8 << 30
UNRECORDED_FILE = 64 << 20
"""A file whose size is not the recorded one differs anyway: above this it is not read."""

MOST_FOLDERS = 20_000
"""Folders whose links are remembered as resolved: a hostile RECORD names any number."""

MOST_WALKED = 500_000
MOST_IN_FOLDER = 200_000
"""Names that one walk looks at, and in one folder: these are sorted, and so held together."""

_PIECE = 1 << 20
_BUFFER = 256 << 10
OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    # Opening a FIFO that was put in place of a file must not wait for its writer.
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_ABSENT = (errno.ENOENT, errno.ENOTDIR)
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)

LEAVES = "a link leads out of the environment"


class Folder:
    """A `Tree` over a real folder.

    Links inside the root are followed, links out of it are not. Folders are resolved once each.
    """

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self._inside = self.root.rstrip(os.sep) + os.sep
        self._folders: dict[str, str | None] = {"": self.root}

    def place(self, path: str) -> str | None:
        """Return the absolute path of a file or folder, None when a folder on the way leaves."""
        folder, _, name = path.rpartition("/")
        where = self._folder(folder)
        return None if where is None else f"{where}/{name}"

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; none when it is absent or leaves the root."""
        where = self._folder(folder)
        try:
            return sorted(os.listdir(where)) if where is not None else []  # noqa: PTH208 (names, not paths)
        except OSError:
            return []

    def identity(self, folder: str) -> str | None:
        """Return the device and inode of a folder inside the root."""
        where = self._folder(folder)
        try:
            info = os.stat(where) if where is not None else None  # noqa: PTH116 (texts, as everywhere here)
        except OSError:
            return None
        if info is None or not stat.S_ISDIR(info.st_mode):
            return None
        return f"{info.st_dev}:{info.st_ino}"

    def link(self, path: str) -> str | None:
        """Return the text of a symbolic link, None when it is none."""
        where = self.place(path)
        try:
            return os.readlink(where) if where is not None else None  # noqa: PTH115 (texts, as everywhere here)
        except OSError:
            return None

    def walk(self, folder: str, *, below: bool = True) -> Iterator[Walked]:
        """Yield what is in a folder and, if wanted, below it, sorted; links are not followed."""
        where = self._folder(folder)
        left = MOST_WALKED
        pending = [] if where is None else [(folder, where)]
        while pending:
            folder, where = pending.pop()
            folders = []
            try:
                most = min(left, MOST_IN_FOLDER)
                entries, more = _listed(where, most)
            except OSError as error:
                if error.errno not in _ABSENT:
                    yield Walked(folder, "", "unexamined", (error.strerror or str(error)).lower())
                continue
            left -= len(entries)
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append((f"{folder}/{entry.name}", entry.path))
                elif entry.is_file(follow_symlinks=False):
                    yield Walked(folder, entry.name)
                else:
                    yield Walked(folder, entry.name, "link" if entry.is_symlink() else "other")
            if more:
                yield Walked(folder, "", "unexamined", f"there are more than {most:,} names")
                return
            if below:
                pending += reversed(folders)

    def inside(self, path: str) -> str | None:
        """Return a path behind the links of its folders, relative to the root; None outside."""
        where = self.place(path)
        return None if where is None else where[len(self._inside) :]

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the first `limit` bytes of a regular file, None when it is absent.

        Raises:
            UnreadableError: It is not a regular file, leaves the root, or may not be read.
        """
        try:
            where = self.regular(path)
            if where is None:
                return None
            handle = os.open(where, OPEN_FLAGS)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise UnreadableError(error.strerror or str(error), where=path) from error
        try:
            info = os.fstat(handle)
            if not stat.S_ISREG(info.st_mode):
                raise UnreadableError("it is no file", where=path)
            return _read_up_to(handle, limit, info.st_size)
        except OSError as error:
            raise UnreadableError(error.strerror or str(error), where=path) from error
        finally:
            os.close(handle)

    def regular(self, path: str) -> str | None:
        """Return the absolute path of a regular file inside the root, None when it is absent.

        Raises:
            UnreadableError: It is something else, or a link leads out of the root.
        """
        where = self.place(path)
        if where is None:
            raise UnreadableError(LEAVES, where=path)
        try:
            info = os.lstat(where)
            if stat.S_ISLNK(info.st_mode):
                where = os.path.realpath(where)
                if not where.startswith(self._inside):
                    raise UnreadableError(LEAVES, where=path)
                info = os.lstat(where)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise UnreadableError(error.strerror or str(error), where=path) from error
        if not stat.S_ISREG(info.st_mode):
            raise UnreadableError(f"it is {kind_of(info.st_mode)}, not a file", where=path)
        return where

    def _folder(self, folder: str) -> str | None:
        """Return the absolute path of a folder behind its links, None when one leaves the root."""
        if len(self._folders) > MOST_FOLDERS:
            self._folders = {"": self.root}
        folders = self._folders  # threads share it; another one may begin a new one
        known = folder
        while known not in folders:
            known = known.rpartition("/")[0]
        where = folders[known]
        for name in folder[len(known) :].split("/"):
            if name:
                known = f"{known}/{name}" if known else name
                where = folders[known] = None if where is None else self._step(where, name)
        return where

    def _step(self, above: str, name: str) -> str | None:
        where = f"{above}/{name}"
        try:
            if not stat.S_ISLNK(os.lstat(where).st_mode):
                return where
        except OSError:
            return where  # absent: whoever opens it is told so
        real = os.path.realpath(where)
        return real if real == self.root or real.startswith(self._inside) else None


def _listed(where: str, most: int) -> tuple[list[os.DirEntry[str]], bool]:
    """Return up to `most` entries of a folder, sorted, and whether there are more."""
    entries: list[os.DirEntry[str]] = []
    with os.scandir(where) as found:
        for entry in found:
            if len(entries) >= most:
                return entries, True
            entries.append(entry)
    entries.sort(key=_name)
    return entries, False


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def kind_of(mode: int) -> str:
    """Return a word for what is no regular file."""
    return next((word for test, word in _KINDS if test(mode)), "something else")


def hash_file(where: str, algorithm: str, expected: int | None) -> tuple[int, str]:
    """Return (size, hex digest) of a regular file; never waits and never reads without end.

    Args:
        where: Absolute path.
        algorithm: A name that `hashlib` knows.
        expected: The recorded size, bytes; a large file that has another one is not read.

    Raises:
        UnreadableError: It is no regular file, or it differs by its size alone.
        OSError: It cannot be opened or read.
    """
    handle = os.open(where, OPEN_FLAGS)
    try:
        info = os.fstat(handle)
        size = info.st_size
        if not stat.S_ISREG(info.st_mode):
            raise UnreadableError(f"it is {kind_of(info.st_mode)}, not a file")
        if size != expected and size > UNRECORDED_FILE:
            raise UnreadableError(f"it has {size} bytes and was not read")
        if size < _PIECE:
            # One read in nearly every case; a second one only where the file grew meanwhile.
            data = os.read(handle, size + 1)
            return len(data), hashlib.new(algorithm, data).hexdigest()
        return _hash_large(handle, algorithm, size)
    finally:
        os.close(handle)


def _hash_large(handle: int, algorithm: str, size: int) -> tuple[int, str]:
    digest = hashlib.new(algorithm)
    total = 0
    # One buffer for the whole file, small enough to stay in the core's own cache.
    buffer = memoryview(bytearray(_BUFFER))
    with open(handle, "rb", buffering=0, closefd=False) as stream:
        while total <= size and (count := stream.readinto(buffer)):
            digest.update(buffer[:count])
            total += count
    return total, digest.hexdigest()


def _read_up_to(handle: int, limit: int, size: int) -> bytes:
    # One call in nearly every case: with less than what was asked for, the file is at its end.
    asked = min(limit, size + 1, _PIECE)
    piece = os.read(handle, asked)
    if len(piece) == limit or (piece and len(piece) < asked):
        return piece
    pieces = [piece]
    limit -= len(piece)
    while limit > 0 and (piece := os.read(handle, min(limit, _PIECE))):
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)
