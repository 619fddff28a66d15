"""The files of an image as its layers, laid on each other, leave them: "Applying Changesets"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mooring.build.embedded.bases.links import MOST_LINKS
from mooring.build.embedded.interface import EmbeddedBuildError

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_RESERVED = ".wh..wh."
"""Other names of this kind are notes of one storage driver to itself."""

_LONGEST = 4096
"""Bytes of a path, as the kernel has it."""
MOST_KEPT = 250_000
"""Folders, links and files that are remembered: each costs memory."""
_MOST_TEXT = 64 << 20
"""Characters of their names and targets, all together."""
_IMPLIED_MODE = 0o755


@dataclass(kw_only=True, slots=True)
class Node:
    """One path.

    Attributes:
        layer: Number of the highest layer that has it.
        mode: Permission bits.
        children: Of a folder, by name; None elsewhere.
        target: Of a symbolic link; None elsewhere.
        content: What was read of a file that matters.
    """

    layer: int
    mode: int = _IMPLIED_MODE
    children: dict[str, Node] | None = None
    target: str | None = None
    content: object = None


@dataclass(kw_only=True, slots=True)
class Tree:
    """Folders, symbolic links, and those files that matter; fed layer by layer, the lowest first.

    Attributes:
        most: Folders, links and files that may be remembered.
        layer: Number of the layer that is added now.
    """

    most: int = MOST_KEPT
    layer: int = 0
    _root: Node = field(default_factory=lambda: Node(layer=0, children={}))
    _kept: int = 0
    _text: int = 0

    def takes_away(self, parts: list[str]) -> bool:
        """Carry out a whiteout; return whether the path is one.

        Only what lower layers have is hidden, wherever in its layer the whiteout stands.
        """
        name = parts[-1]
        if not name.startswith(_WHITEOUT):
            return False
        if name.startswith(_RESERVED) and name != _OPAQUE:
            return True
        folder = self._find(parts[:-1])
        if folder is None or folder.children is None:
            return True
        if name == _OPAQUE:
            self._prune(folder)
            return True
        removed = name[len(_WHITEOUT) :]
        if removed in ("", ".", ".."):
            raise refused(f"a layer has a whiteout of {removed!r}")
        child = folder.children.get(removed)
        if child is not None and child.layer < self.layer:
            del folder.children[removed]
        elif child is not None:
            self._prune(child)
        return True

    def folder(self, parts: list[str], mode: int) -> None:
        """Add a folder; one that is there keeps what is in it."""
        if not parts:
            return  # the root is there whatever a layer says of it
        siblings = self._folder(parts[:-1])
        child = siblings.get(parts[-1])
        if child is None or child.children is None:
            child = self._made(siblings, parts[-1])
        child.layer, child.mode = self.layer, mode

    def link(self, parts: list[str], target: str) -> None:
        """Add a symbolic link in the place of whatever is there."""
        if not 0 < len(target) <= _LONGEST:
            raise refused("a layer has a link whose target is empty or too long")
        self._text += len(target)
        self._place(parts, Node(layer=self.layer, target=target))

    def file(self, parts: list[str], mode: int, content: object) -> None:
        """Add a file that matters in the place of whatever is there."""
        self._place(parts, Node(layer=self.layer, mode=mode, content=content))

    def other(self, parts: list[str]) -> None:
        """Add a file that does not matter: only what it replaces and is in is remembered."""
        self._folder(parts[:-1]).pop(parts[-1], None)

    def linked(self, parts: list[str]) -> Node | None:
        """Return the link or file that a hard link means, when it is one that is remembered."""
        node = self._find(parts)
        return node if node is not None and node.children is None else None

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Yield each path that is there at the end, absolute, the root left out."""
        waiting = [("", self._root)]
        while waiting:
            path, node = waiting.pop()
            for name, child in (node.children or {}).items():
                yield f"{path}/{name}", child
                waiting.append((f"{path}/{name}", child))

    def _place(self, parts: list[str], node: Node) -> None:
        self._count(parts[-1])
        self._folder(parts[:-1])[parts[-1]] = node

    def _folder(self, parts: list[str], links: int = 0) -> dict[str, Node]:
        """Return what is in a folder; it and those above it are made, or marked as of this layer.

        A link of a lower layer is hidden by a folder of that name, as overlay file systems do it;
        one of the same layer is followed, as whoever unpacks a layer does.
        """
        assert self._root.children is not None, "the root is a folder"
        inside = self._root.children
        for done, part in enumerate(parts):
            child = inside.get(part)
            if child is not None and child.target is not None and child.layer == self.layer:
                return self._beyond(child.target, parts, done, links)
            if child is None or child.children is None:
                child = self._made(inside, part)
            child.layer = self.layer
            assert child.children is not None, "a folder has children"
            inside = child.children
        return inside

    def _made(self, siblings: dict[str, Node], name: str) -> Node:
        self._count(name)
        child = siblings[name] = Node(layer=self.layer, children={})
        return child

    def _beyond(self, target: str, parts: list[str], done: int, links: int) -> dict[str, Node]:
        if links >= MOST_LINKS:
            raise refused(f"links of a layer lead in a circle: /{'/'.join(parts)[:200]}")
        start = [] if target.startswith("/") else parts[:done]
        return self._folder(normal([*start, *target.split("/"), *parts[done + 1 :]]), links + 1)

    def _find(self, parts: list[str]) -> Node | None:
        node: Node | None = self._root
        for part in parts:
            if node is None or node.children is None:
                return None
            node = node.children.get(part)
        return node

    def _prune(self, folder: Node) -> None:
        """Remove what lower layers put below a folder."""
        waiting = [folder]
        while waiting:
            node = waiting.pop()
            if node.children is None:
                continue
            for name in [n for n, child in node.children.items() if child.layer < self.layer]:
                del node.children[name]
            waiting += node.children.values()

    def _count(self, name: str) -> None:
        self._kept += 1
        self._text += len(name)
        if self._kept > self.most or self._text > _MOST_TEXT:
            raise refused(f"it has more than {self.most} folders and links, or very long names")


def parts_of(path: str) -> list[str]:
    """Return the parts of a path that a layer lists; empty for the root.

    Raises:
        EmbeddedBuildError: It leads out of the image, or no system could have it.
    """
    if len(path) > _LONGEST:
        raise refused(f"a layer has a path of {len(path)} characters")
    depth = 0
    for part in path.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            raise refused(f"a layer has the path {path[:200]!r}, which leads out of it")
    return normal(path.split("/"))


def normal(parts: list[str]) -> list[str]:
    """Return parts without empty ones, `.` and `..`; the root's parent is the root."""
    done: list[str] = []
    for part in parts:
        if part == "..":
            del done[-1:]
        elif part not in ("", "."):
            done.append(part)
    return done


def refused(reason: str) -> EmbeddedBuildError:
    """Return the error for a base that no honest tool would have made."""
    return EmbeddedBuildError(
        f"the base image cannot be used: {reason}", hint="choose another base image"
    )
