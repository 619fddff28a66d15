"""The files of an image out of its layers: top layer first, so that nothing shadowed is hashed."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import IO

from mooring.verify.collectors.tar_stream import Entry, TarError, TarStream

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_RESERVED = ".wh..wh."
"""Other names of this kind are notes of one storage driver to itself."""

OpenLayer = Callable[[], AbstractContextManager[IO[bytes]]]


class MovedRootError(Exception):
    """The environment's root, or a folder above it, is a link; the text is where it leads."""


class LayeredEntries:
    """Reads the entries below one folder that are visible when all layers lie on each other.

    Carries out "Applying Changesets" of the OCI image specification from the top: what a higher
    layer has, or takes away with a whiteout, is passed over in the lower ones.

    Args:
        layers: Open each layer as a tar, lowest first; one may be opened twice.
        root: The folder, relative to the image's root, without slashes around it; all when empty.
        where: How messages name the image.
        most: More entries than this are refused: each costs memory.
        whiteouts: Whether names such as `.wh.x` take away; in an exported file system they do not.
    """

    def __init__(
        self,
        layers: Sequence[OpenLayer],
        root: str,
        where: str,
        *,
        most: int,
        whiteouts: bool = True,
    ) -> None:
        self._layers = layers
        self._root = root
        self._where = where
        self._most = most
        self._whiteouts = whiteouts
        self._tar: TarStream | None = None
        # True where a path also hides what lower layers have below it.
        self._above: dict[str, bool] = {}
        self._waiting: dict[str, list[str]] = {}

    def entries(self) -> Iterator[Entry]:
        """Yield each visible entry, with a path from the image's root.

        Raises:
            MovedRootError: A link stands in the way to the root.
            TarError: A layer is damaged, or holds more than is accepted.
        """
        for open_layer in reversed(self._layers):
            again: dict[str, list[str]] = {}
            with open_layer() as stream:
                yield from self._layer(stream, again)
            if again:
                with open_layer() as stream:
                    yield from self._shadowed(stream, again)
        for target, names in sorted(self._waiting.items()):
            for name in names:
                yield Entry(path=name, kind="hardlink", size=0, target=target)

    def pieces(self) -> Iterator[bytes]:
        """Yield the content of the current entry in pieces."""
        assert self._tar is not None, "there is no current entry"
        return self._tar.pieces()

    def _layer(self, stream: IO[bytes], again: dict[str, list[str]]) -> Iterator[Entry]:
        """Yield what is visible of one layer; `again` gets links to what it has, but shadowed."""
        self._tar = TarStream(stream, self._where)
        layer = _Layer(self._above, most=self._most, where=self._where)
        for entry in self._tar.entries():
            path = self._concerned(entry.path)
            if path is None or (self._whiteouts and layer.takes_away(path)):
                continue
            hidden = layer.hidden(path)
            waiting = self._waiting.pop(path, []) if entry.kind == "file" else []
            if waiting and (hidden or not self._is_inside(path)):
                again.setdefault(path, []).extend(waiting)
                waiting = []
            if hidden:
                layer.pass_over(path)
                continue
            layer.add(path, entry)
            if entry.kind == "symlink" and self._is_above_root(path):
                raise MovedRootError(self._moved(path, entry.target))
            if entry.kind == "hardlink" and not self._is_here(entry, layer, again, path):
                continue
            yield replace(entry, path=path)
            for name in waiting:
                yield Entry(path=name, kind="hardlink", size=0, target=path)
        layer.close()

    def _is_here(self, entry: Entry, layer: _Layer, again: dict[str, list[str]], path: str) -> bool:
        """Whether a hard link's target was yielded; otherwise it is noted where to find it."""
        target = normal(entry.target)
        if target is None or target in layer.own:
            return True  # a link out of the image is told apart by who keeps entries
        if target in layer.shadowed or not self._is_inside(target):
            # What is outside of the root was not looked at when it passed.
            again.setdefault(target, []).append(path)
        else:
            self._waiting.setdefault(target, []).append(path)
        return False

    def _shadowed(self, stream: IO[bytes], again: dict[str, list[str]]) -> Iterator[Entry]:
        """Yield hard links whose target a higher layer replaced, as the file they still are."""
        self._tar = TarStream(stream, self._where)
        for entry in self._tar.entries():
            path = normal(entry.path)
            if path is not None and entry.kind == "file" and (names := again.pop(path, None)):
                yield replace(entry, path=names[0])
                for name in names[1:]:
                    yield Entry(path=name, kind="hardlink", size=0, target=names[0])
        for path, names in sorted(again.items()):
            self._waiting.setdefault(path, []).extend(names)  # a link to a link, or to no file

    def _concerned(self, path: str) -> str | None:
        """Return the path when it is below the root, decides about it, or a link waits for it."""
        clean = normal(path)
        if clean is None or clean == ".":
            return None
        if self._is_inside(clean):
            return clean
        above = posixpath.dirname(clean) if _is_whiteout(clean) else clean
        decides = not above or self._is_above_root(above)
        return clean if decides or clean in self._waiting else None

    def _is_inside(self, path: str) -> bool:
        return not self._root or path == self._root or path.startswith(self._root + "/")

    def _is_above_root(self, path: str) -> bool:
        return bool(self._root) and (self._root + "/").startswith(path + "/")

    def _moved(self, path: str, target: str) -> str:
        base = "/" if target.startswith("/") else "/" + posixpath.dirname(path)
        rest = self._root[len(path) :].lstrip("/")
        # `..` of the image's root is the root, as for a process in the container.
        return posixpath.normpath(posixpath.join(base, target, rest)).lstrip("/")


class _Layer:
    """What one layer adds to and takes from those below; they see it when it is closed."""

    def __init__(self, above: dict[str, bool], *, most: int, where: str) -> None:
        self._above = above
        self._most = most
        self._where = where
        self._folders: dict[str, bool] = {"": above.get("", False)}
        self._gone: set[str] = set()
        self.own: dict[str, bool] = {}
        self.shadowed: set[str] = set()

    def hidden(self, path: str) -> bool:
        """Whether a higher layer has this path, or took it or a folder above it away."""
        return path in self._above or self._below_hidden(posixpath.dirname(path))

    def takes_away(self, path: str) -> bool:
        """Note a whiteout; return whether the path is one."""
        if not _is_whiteout(path):
            return False
        folder, _, name = path.rpartition("/")
        if name == _OPAQUE:
            self._gone.add(folder)
        elif not name.startswith(_RESERVED):
            removed = name[len(_WHITEOUT) :]
            if removed in ("", ".", ".."):
                raise TarError(f"a layer has a whiteout of {removed!r}", where=self._where)
            self._gone.add(f"{folder}/{removed}" if folder else removed)
        self._limit(len(self._gone))
        return True

    def add(self, path: str, entry: Entry) -> None:
        """Note a visible entry, and the folders above it that it implies."""
        self.own[path] = entry.kind != "folder"
        folder = posixpath.dirname(path)
        while folder and folder not in self.own:
            self.own[folder] = False
            folder = posixpath.dirname(folder)
        self._limit(len(self.own) + len(self._above))

    def close(self) -> None:
        """Let the lower layers see what this one did."""
        for path, hides in self.own.items():
            self._above[path] = hides or self._above.get(path, False)
        # A folder that was emptied, or removed and made again, hides all that was in it.
        for path in self._gone:
            self._above[path] = True

    def pass_over(self, path: str) -> None:
        """Note an entry that is not visible; a hard link may still mean it."""
        self.shadowed.add(path)
        self._limit(len(self.shadowed))

    def _below_hidden(self, folder: str) -> bool:
        chain = []
        while folder not in self._folders:
            chain.append(folder)
            folder = posixpath.dirname(folder)
        hidden = self._folders[folder]
        for each in reversed(chain):
            hidden = self._folders[each] = hidden or self._above.get(each, False)
        self._limit(len(self._folders))
        return hidden

    def _limit(self, count: int) -> None:
        if count > self._most:
            raise TarError(f"it holds more than {self._most} files", where=self._where)


def normal(path: str) -> str | None:
    """Return a path without `.` and `..`, relative to the root; None when it leaves it."""
    path = posixpath.normpath(path.lstrip("/"))
    return None if path == ".." or path.startswith("../") else path


def _is_whiteout(path: str) -> bool:
    return path.rpartition("/")[2].startswith(_WHITEOUT)
