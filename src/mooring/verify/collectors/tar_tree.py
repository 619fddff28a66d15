"""The files of an environment as a tar stream left them: a `Tree` in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from mooring.verify.collectors.folder import LEAVES, MOST_FOLDERS
from mooring.verify.collectors.layout import UnreadableError, Walked
from mooring.verify.collectors.looks import Task
from mooring.verify.collectors.recorded import MISSING, Look
from mooring.verify.collectors.spool import Spool, Spooled

_MOST_LINKS = 40


class Held(NamedTuple):
    """What is kept of one entry; a tuple, because a stream has tens of thousands.

    Attributes:
        target: Of a symbolic link, relative to the root; None when it leads out of it.
        content: Of metadata files only.
        md5: Of files that dpkg may answer for.
        spooled: Of sources and byte code, where they are compared.
    """

    kind: Literal["file", "folder", "symlink", "other"]
    size: int = 0
    sha256: bytes | None = None
    content: bytes | None = None
    target: str | None = None
    problem: str | None = None
    md5: bytes | None = None
    spooled: Spooled | None = None


class TarTree:
    """Answers from memory; symbolic links are followed inside the root, as a system would.

    Args:
        held: Entries by path relative to the root.
    """

    def __init__(self, held: Mapping[str, Held]) -> None:
        self._held = held
        self._folders: dict[str, str | None] = {"": ""}

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; none when it is absent or leaves the root."""
        real = self._resolve(folder)
        if real is None:
            return []
        start = f"{real}/" if real else ""
        below = (path[len(start) :] for path in self._held if path.startswith(start))
        return sorted({path.partition("/")[0] for path in below} - {""})

    def identity(self, folder: str) -> str | None:
        """Return the path of a folder behind all links."""
        real = self._resolve(folder)
        return real if real is not None and self.names(real) else None

    def link(self, path: str) -> str | None:
        """Return where a symbolic link inside the root leads."""
        held = self._held.get(path)
        return held.target if held is not None and held.kind == "symlink" else None

    def walk(self, folder: str, *, below: bool = True) -> Iterator[Walked]:
        """Yield what is in a folder and, if wanted, below it, sorted; links are not followed."""
        real = self._resolve(folder)
        if real is None:
            return
        start = f"{real}/" if real else ""
        for whole in sorted(path for path in self._held if path.startswith(start)):
            above, _, name = whole[len(start) :].rpartition("/")
            held = self._held[whole]
            if held.kind == "folder" or not name or (above and not below):
                continue
            kind: Literal["file", "link", "other"] = "file"
            if held.kind != "file":
                kind = "link" if held.kind == "symlink" else "other"
            yield Walked(f"{folder}/{above}" if above else folder, name, kind)

    def inside(self, path: str) -> str | None:
        """Return a path behind the links of its folders; None when one leads out."""
        folder, _, name = path.rpartition("/")
        real = self._resolve(folder)
        return None if real is None else f"{real}/{name}"

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the first `limit` bytes of a kept file, None when it is absent.

        Raises:
            UnreadableError: It is not a regular file, leaves the root, or was not kept.
        """
        real = self._resolve(path)
        if real is None:
            raise UnreadableError(LEAVES, where=path)
        held = self._held.get(real)
        if held is None:
            return None
        if held.content is None:
            raise UnreadableError(held.problem or "it is no file", where=path)
        return held.content[:limit]

    def look(self, task: Task) -> Look:
        """Return what is at one path."""
        real = self._resolve(task.target)
        if real is None:
            return Look("link", problem=LEAVES)
        held = self._held.get(real)
        if held is None:
            return MISSING
        if held.kind != "file":
            return Look("other", problem=held.problem or f"it is a {held.kind}, not a file")
        link = real != task.target
        if task.algorithm is None or held.problem:
            return Look("link" if link else "file", held.size, problem=held.problem)
        digest = {"sha256": held.sha256, "md5": held.md5}.get(task.algorithm)
        if digest is None:
            return Look("file", held.size, problem=f"a stream is not hashed with {task.algorithm}")
        return Look("link" if link else "file", held.size, f"{task.algorithm}:{digest.hex()}")

    def spooled(self, path: str) -> Spooled | None:
        """Return where the content of a source or of byte code was kept, None when it is absent.

        Raises:
            UnreadableError: It is no file, leaves the root, or was not kept.
        """
        real = self._resolve(path)
        if real is None:
            raise UnreadableError(LEAVES, where=path)
        held = self._held.get(real)
        if held is None:
            return None
        if held.spooled is None:
            raise UnreadableError(held.problem or "it is no file", where=path)
        return held.spooled

    def _resolve(self, path: str, links: int = 0) -> str | None:
        """Return the path behind all links, None when it leaves the root or never ends."""
        if len(self._folders) > MOST_FOLDERS:
            self._folders = {"": ""}
        folder, _, name = path.rpartition("/")
        known = folder
        while known not in self._folders:
            known = known.rpartition("/")[0]
        where = self._folders[known]
        for part in folder[len(known) :].split("/"):
            if part:
                known = f"{known}/{part}" if known else part
                where = self._folders[known] = self._step(where, part, links)
        return self._step(where, name, links) if name else where

    def _step(self, above: str | None, name: str, links: int) -> str | None:
        if above is None:
            return None
        here = f"{above}/{name}" if above else name
        held = self._held.get(here)
        if held is None or held.kind != "symlink":
            return here
        if held.target is None or links >= _MOST_LINKS:
            return None
        return self._resolve(held.target, links + 1)


class SpooledCode:
    """The code of an environment that came as a stream.

    Args:
        tree: Its files.
        spool: Where the stream's sources and byte code were kept.
    """

    def __init__(self, tree: TarTree, spool: Spool) -> None:
        self._tree = tree
        self._spool = spool

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the first `limit` bytes of a file, None when it is absent."""
        at = self._tree.spooled(path)
        return None if at is None else self._spool.read(at, limit)

    def stamp(self, path: str) -> tuple[int, int] | None:
        """Return when a file was changed, and its size."""
        at = self._tree.spooled(path)
        return None if at is None else (at.mtime, at.size)
