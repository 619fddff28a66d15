"""What a base image holds, found in one pass over its layers: links, folders, Pythons, libc."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import IO

from mooring.build.embedded.bases.facts import reader_of
from mooring.build.embedded.bases.pythons import interpreters, libc
from mooring.build.embedded.bases.tree import MOST_KEPT, Tree, parts_of, refused
from mooring.build.embedded.interface import BaseScan
from mooring.verify.collectors.tar_stream import Entry, TarStream

OpenLayer = Callable[[], AbstractContextManager[IO[bytes]]]

MOST_ENTRIES = 1_000_000
"""Entries of all layers: a million take half a minute."""
_MODE_BITS = 0o7777


def scan_layers(
    layers: Iterable[OpenLayer], *, most_entries: int = MOST_ENTRIES, most_kept: int = MOST_KEPT
) -> BaseScan:
    """Fold layers into what is known of an image's files.

    Args:
        layers: Open each layer as a plain tar, the lowest first; each is read once.
        most_entries: Entries of all layers together.
        most_kept: Folders and links of all layers together.

    Raises:
        EmbeddedBuildError: A layer leads out of the image, or holds more than is accepted.
        MooringError: A layer is damaged.
    """
    fold = _Fold(Tree(most=most_kept), most_entries)
    for number, open_layer in enumerate(layers, start=1):
        with open_layer() as stream:
            fold.add(TarStream(stream, f"layer {number} of the base image"), number)
    return fold.result()


class _Fold:
    def __init__(self, tree: Tree, most: int) -> None:
        self._tree = tree
        self._most = most
        self._entries = 0

    def add(self, tar: TarStream, number: int) -> None:
        self._tree.layer = number
        for entry in tar.entries():
            self._entries += 1
            if self._entries > self._most:
                raise refused(f"its layers list more than {self._most} files")
            parts = parts_of(entry.path)
            if not parts:
                continue
            if not self._tree.takes_away(parts):
                self._entry(entry, parts, tar)

    def _entry(self, entry: Entry, parts: list[str], tar: TarStream) -> None:
        match entry.kind:
            case "folder":
                self._tree.folder(parts, entry.mode & _MODE_BITS)
            case "symlink":
                self._tree.link(parts, entry.target)
            case "hardlink":
                self._hard_link(entry, parts)
            case "file":
                path = "/" + "/".join(parts)
                reader = reader_of(path, entry.mode)
                if reader is None:
                    self._tree.other(parts)
                else:
                    self._tree.file(parts, entry.mode & _MODE_BITS, reader(tar.pieces()))
            case _:
                self._tree.other(parts)

    def _hard_link(self, entry: Entry, parts: list[str]) -> None:
        known = self._tree.linked(parts_of(entry.target))
        if known is not None and known.target is not None:
            self._tree.link(parts, known.target)
        elif known is not None:
            self._tree.file(parts, known.mode, known.content)
        elif (reader := reader_of("/" + "/".join(parts), entry.mode)) is not None:
            # Its name matters, and not that of the file: what that one holds has passed.
            self._tree.file(parts, entry.mode & _MODE_BITS, reader(()))
        else:
            self._tree.other(parts)

    def result(self) -> BaseScan:
        links: dict[str, str] = {}
        directories: dict[str, int] = {}
        facts: dict[str, object] = {}
        for path, node in sorted(self._tree.walk(), key=lambda pair: pair[0]):
            if node.children is not None:
                directories[path] = node.mode
            elif node.target is not None:
                links[path] = node.target
            else:
                facts[path] = node.content
        return BaseScan(
            links=links,
            directories=directories,
            interpreters=interpreters(facts),
            libc=libc(facts),
            passwd=_text(facts.get("/etc/passwd")),
            group=_text(facts.get("/etc/group")),
        )


def _text(fact: object) -> str:
    return fact if isinstance(fact, str) else ""
