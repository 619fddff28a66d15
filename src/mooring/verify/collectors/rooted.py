"""The files of another root, such as a process's: the system follows no link of theirs for us."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from mooring.verify.collectors.path import NoEnvironmentError
from mooring.verify.collectors.tar_stream import Entry, EntryKind, TarError

_PIECE = 1 << 20
_MOST_LINKS = 40
_MOST_PARTS = 1000
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class Root:
    """A folder that paths are resolved in, as a process sees it whose root it is.

    Every step opens one folder below the one before, and no link: what changes meanwhile cannot
    lead out.

    Args:
        folder: The root, such as `/proc/12/root`.
        where: How messages name it.

    Raises:
        NoEnvironmentError: The root is absent or may not be read.
    """

    def __init__(self, folder: str, where: str) -> None:
        self._where = where
        try:
            # The last part is a link of the system's own here, not one of the target.
            self._handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        except OSError as error:
            raise NoEnvironmentError(
                f"its files cannot be read: {error.strerror}",
                where=where,
                hint="the process has ended, or it belongs to another user: try as root",
            ) from error

    def close(self) -> None:
        """Let the root go."""
        os.close(self._handle)

    def open(self, parts: list[str]) -> int:
        """Open a folder without following links.

        Raises:
            OSError: There is none.
        """
        handle = os.dup(self._handle)
        for part in parts:
            try:
                below = os.open(part, _FOLDER, dir_fd=handle)
            finally:
                os.close(handle)
            handle = below
        return handle

    def resolve(self, path: str) -> list[str]:
        """Return the parts of a path behind all links, which are followed inside the root.

        Raises:
            NoEnvironmentError: The links never end.
        """
        done: list[str] = []
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                done = done[:-1]  # the root's parent is the root
                continue
            target = self._link(done, part)
            if target is None:
                done.append(part)
                continue
            links += 1
            if links > _MOST_LINKS or len(todo) > _MOST_PARTS:
                raise NoEnvironmentError("its links lead nowhere", where=f"{self._where}: {path}")
            if target.startswith("/"):
                done = []
            todo += [each for each in reversed(target.split("/")) if each not in ("", ".")]
        return done

    def _link(self, folder: list[str], name: str) -> str | None:
        try:
            handle = self.open(folder)
        except OSError:
            return None
        try:
            return os.readlink(name, dir_fd=handle)
        except OSError:
            return None
        finally:
            os.close(handle)


class RootedEntries:
    """Reads every entry below one folder of a root, sorted; a file is opened when it is read.

    Args:
        root: The root.
        parts: The folder in it, behind all links.
        where: How messages name it.
        most: More entries than this are refused.
    """

    def __init__(self, root: Root, parts: list[str], where: str, *, most: int) -> None:
        self._root = root
        self._parts = parts
        self._where = where
        self._most = most
        self._current: tuple[int, str, os.stat_result] | None = None

    def entries(self) -> Iterator[Entry]:
        """Yield each entry, with a path from the root.

        Raises:
            TarError: There are too many, or folders without end.
        """
        count = 0
        folders = [self._parts]
        while folders:
            parts = folders.pop()
            try:
                handle = self._root.open(parts)
            except OSError:
                continue  # it went away meanwhile, or may not be read: its files are missing
            try:
                for name in sorted(os.listdir(handle)):  # noqa: PTH208 (a descriptor)
                    count += 1
                    if count > self._most or len(parts) > _MOST_PARTS:
                        raise TarError(f"it holds more than {self._most} files", where=self._where)
                    entry = self._entry(handle, parts, name)
                    if entry is None:
                        continue
                    if entry.kind == "folder":
                        folders.append([*parts, name])
                    yield entry
            finally:
                self._current = None
                os.close(handle)

    def pieces(self) -> Iterator[bytes]:
        """Yield the content of the current entry, as many bytes as it had when it was met.

        Raises:
            TarError: It cannot be read, or became another one meanwhile.
        """
        assert self._current is not None, "the current entry is no file"
        folder, name, info = self._current
        try:
            handle = os.open(name, _FILE, dir_fd=folder)
        except OSError as error:
            raise self._changed(name, error.strerror or str(error)) from error
        try:
            if not os.path.samestat(os.fstat(handle), info):
                raise self._changed(name, "it was replaced meanwhile")
            left = info.st_size
            while left > 0:
                piece = os.read(handle, min(left, _PIECE))
                if not piece:
                    raise self._changed(name, "it became shorter meanwhile")
                left -= len(piece)
                yield piece
        except OSError as error:
            raise self._changed(name, error.strerror or str(error)) from error
        finally:
            os.close(handle)

    def _entry(self, folder: int, parts: list[str], name: str) -> Entry | None:
        path = "/".join([*parts, name])
        try:
            info = os.stat(name, dir_fd=folder, follow_symlinks=False)
            target = os.readlink(name, dir_fd=folder) if stat.S_ISLNK(info.st_mode) else ""
        except OSError:
            return None  # it went away meanwhile
        kind: EntryKind = "other"
        if stat.S_ISREG(info.st_mode):
            kind = "file"
        elif stat.S_ISDIR(info.st_mode):
            kind = "folder"
        elif stat.S_ISLNK(info.st_mode):
            kind = "symlink"
        self._current = (folder, name, info) if kind == "file" else None
        return Entry(
            path=path,
            kind=kind,
            size=info.st_size if kind == "file" else 0,
            target=target,
            mtime=int(info.st_mtime),
        )

    def _changed(self, name: str, reason: str) -> TarError:
        return TarError(
            f"{name} cannot be read: {reason}",
            where=self._where,
            hint="try again when nothing is being installed",
        )
