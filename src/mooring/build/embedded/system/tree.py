"""The files of many packages as one tree, put where dpkg would put them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from mooring.artifacts.deb import Deb
from mooring.artifacts.deb_tar import DebRefused, Member
from mooring.build.embedded.interface import EmbeddedBuildError, Entry, EntryKind
from mooring.build.embedded.system.spool import Spool, Stored
from mooring.oci.store import Source

_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32")
"""Folders of the root that are links to those of the same name in `usr`."""
_ALWAYS_MERGED = frozenset({"bin", "sbin", "lib"})

_LEFT_OUT = re.compile(
    r"/usr/share/(?:doc/[^/]+/(?!copyright$).+|(?:man|groff|info|lintian|linda|locale|doc-base)/.+)"
)
"""Documentation and translations, as in the small images of Debian; licences are kept."""

_FILE_MODE = 0o777
_DIRECTORY_MODE = 0o7777


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One path of the tree.

    Attributes:
        path: Absolute, with the merged `/usr`.
        package: The package that it came from.
        stored: The content of a file.
    """

    path: str
    kind: EntryKind
    mode: int
    package: str
    uid: int = 0
    gid: int = 0
    target: str = ""
    stored: Stored | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacked:
    """What is known of a package when its files are in the tree.

    Attributes:
        fields: Its control fields.
        paths: What it shipped and the tree has, as it wrote it.
        files: Path as it was shipped and MD5 of each regular file.
        conffiles: Paths of those that it calls configuration.
    """

    fields: dict[str, str]
    paths: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    conffiles: tuple[str, ...]


class Tree:
    """Collects packages; `nodes` has the result, by path."""

    def __init__(self, spool: Spool) -> None:
        self.nodes: dict[str, Node] = {}
        self.packages: list[Unpacked] = []
        self._spool = spool
        self._replaces: dict[str, frozenset[str]] = {}

    def add(self, deb: Deb) -> None:
        """Add the files of a package.

        Raises:
            EmbeddedBuildError: Another package has one of its paths with another content.
            DebRefused: A hard link leads nowhere.
        """
        name = deb.fields["Package"]
        self._replaces[name] = _names(deb.fields.get("Replaces", ""))
        own: dict[str, Node] = {}
        paths, files = [], []
        for member in deb.members:
            if member.path == "/" or _LEFT_OUT.fullmatch(member.path) or _is_merge_link(member):
                continue
            node = self._node(name, member, own, deb.members)
            own[node.path] = node
            self._place(node)
            paths.append(member.path)
            if node.stored is not None:
                files.append((member.path, node.stored.md5))
        self.packages.append(
            Unpacked(
                fields=dict(deb.fields),
                paths=tuple(paths),
                files=tuple(files),
                conffiles=deb.conffiles,
            )
        )

    def merge_links(self) -> Iterator[tuple[str, str]]:
        """Yield (path, target) of the links of the root into `usr`."""
        there = {path.split("/")[2] for path in self.nodes if path.startswith("/usr/")}
        for name in _MERGED:
            if name in _ALWAYS_MERGED or name in there:
                yield f"/{name}", f"usr/{name}"

    def entries(self) -> Iterator[Entry]:
        """Yield what the tree has, in no order."""
        for node in self.nodes.values():
            stored = node.stored
            yield Entry(
                path=node.path,
                kind=node.kind,
                mode=node.mode,
                size=stored.size if stored else 0,
                target=node.target,
                uid=node.uid,
                gid=node.gid,
                open=self._opener(stored) if stored else None,
            )

    def _opener(self, stored: Stored) -> Callable[[], AbstractContextManager[Source]]:
        return lambda: self._spool.open(stored)

    def _node(self, package: str, member: Member, own: dict[str, Node], content: Source) -> Node:
        path = merged(member.path)
        if member.kind == "hardlink":
            linked = own.get(merged(member.target))
            if linked is None or linked.kind != "file":
                raise DebRefused(
                    f"the package is refused: the hard link {member.path[:200]} leads nowhere",
                    where=package,
                )
            return replace(linked, path=path)
        directory = member.kind == "directory"
        return Node(
            path=path,
            kind=member.kind,
            # Nothing in an image becomes another user, least of all root.
            mode=member.mode & (_DIRECTORY_MODE if directory else _FILE_MODE),
            package=package,
            uid=member.uid,
            gid=member.gid,
            target=member.target,
            stored=self._spool.add(content) if member.kind == "file" else None,
        )

    def _place(self, node: Node) -> None:
        there = self.nodes.get(node.path)
        if there is None:
            self.nodes[node.path] = node
        elif _same(there, node):
            return
        elif "directory" in (there.kind, node.kind):
            if "file" in (there.kind, node.kind):
                raise _conflict(there, node)
            # A directory and a link to one are the same to a package; the first one stays.
        elif there.package in self._replaces[node.package] - {node.package}:
            self.nodes[node.path] = node
        elif node.package not in self._replaces[there.package] - {there.package}:
            raise _conflict(there, node)


def _conflict(one: Node, other: Node) -> EmbeddedBuildError:
    if one.package == other.package:
        return EmbeddedBuildError(f"{one.package} has {one.path} twice, with different contents")
    return EmbeddedBuildError(
        f"{one.package} and {other.package} both have {one.path}, with different contents",
        hint="a script would set one of them aside, and scripts of packages are not run: leave "
        "one of the two out of `system`",
    )


def merged(path: str) -> str:
    """Return a path with the root's folders merged into `usr`."""
    first = path[1:].partition("/")[0]
    return f"/usr{path}" if first in _MERGED else path


def _is_merge_link(member: Member) -> bool:
    """Tell whether it is one of the links that every tree gets."""
    name = member.path[1:]
    return name in _MERGED and member.kind == "symlink" and member.target == f"usr/{name}"


def _same(one: Node, other: Node) -> bool:
    return (one.kind, one.target, _identity(one)) == (other.kind, other.target, _identity(other))


def _identity(node: Node) -> tuple[int, str] | None:
    return (node.stored.size, node.stored.md5) if node.stored else None


def _names(relation: str) -> frozenset[str]:
    """Return the names of a relation such as `a (<< 1), b:any | c`."""
    items = (item.strip() for item in re.split(r"[,|]", relation))
    return frozenset(re.split(r"[\s(:]", item, maxsplit=1)[0] for item in items if item)
