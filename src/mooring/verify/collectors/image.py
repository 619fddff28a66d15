"""The collectors for images that lie in files, and for root file systems in a tar."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import IO

from mooring.errors import MooringError
from mooring.verify.collectors.entries import collect_entries
from mooring.verify.collectors.layers import LayeredEntries, MovedRootError, OpenLayer, normal
from mooring.verify.collectors.path import NoEnvironmentError
from mooring.verify.collectors.surroundings import Surroundings
from mooring.verify.collectors.tar import MOST_ENTRIES, OpenStream, read_folder
from mooring.verify.collectors.tar_stream import Entry, TarStream
from mooring.verify.collectors.tar_tree import TarTree
from mooring.verify.inventory import Inventory, TargetKind
from mooring.verify.tiers import CONTENT, Tiers

_MOST_LINKS = 10
"""Each link in the way to the root costs reading the layers once more."""


class LayersCollector:
    """Reads the environment of an image out of its layers; nothing is unpacked or started.

    Args:
        layers: Open each layer as a tar, lowest first; each may be opened several times.
        kind: What the layers were taken from.
        target: How the user named the image.
        root: The environment's root in it, such as `/opt/env`; it may be a link.
        tiers: How deep to look.
        surroundings: What is known of the image besides.
        whiteouts: Whether names such as `.wh.x` take away; in an exported file system they do not.
    """

    def __init__(
        self,
        layers: Sequence[OpenLayer],
        kind: TargetKind,
        target: str,
        root: str,
        *,
        tiers: Tiers = CONTENT,
        surroundings: Surroundings | None = None,
        whiteouts: bool = True,
    ) -> None:
        self._layers = layers
        self._kind = kind
        self._target = target
        self._root = root
        self._tiers = tiers
        self._surroundings = surroundings
        self._whiteouts = whiteouts

    def collect(self) -> Inventory:
        """Return what is there.

        Raises:
            TarError: A layer is damaged, or holds more than is accepted.
            NoEnvironmentError: There is no environment at that root.
        """
        root = posixpath.normpath("/" + self._root).lstrip("/")
        for _ in range(_MOST_LINKS):
            entries = LayeredEntries(
                self._layers,
                root,
                self._target,
                most=MOST_ENTRIES,
                whiteouts=self._whiteouts,
            )
            try:
                return collect_entries(
                    entries,
                    self._kind,
                    self._target,
                    "/" + root,
                    tiers=self._tiers,
                    surroundings=self._surroundings,
                )
            except MovedRootError as moved:
                root = str(moved)
        raise NoEnvironmentError(
            f"the links at {self._root} lead nowhere", where=self._target, hint="name --root"
        )


def folder_in_layers(
    layers: Sequence[OpenLayer], where: str, path: str, *, whiteouts: bool = True
) -> TarTree | None:
    """Return another folder of an image; an absent one is empty, None when it cannot be read.

    Args:
        layers: As for `LayersCollector`.
        where: How messages name the image.
        path: The folder, absolute; it may be a link.
        whiteouts: As for `LayersCollector`.
    """
    root = posixpath.normpath("/" + path).lstrip("/")
    for _ in range(_MOST_LINKS):
        entries = LayeredEntries(layers, root, where, most=MOST_ENTRIES, whiteouts=whiteouts)
        try:
            return read_folder(_opened(entries), root, where)
        except MovedRootError as moved:
            root = str(moved)
        except MooringError:
            return None
    return None


class FolderTarCollector:
    """Reads a tar of an environment's folder alone, as `tar -c .venv` writes it.

    Args:
        open_stream: Gives the stream.
        target: How messages name it.
        kind: What it was taken from.
        root: What its folder is called there, for absolute paths.
        tiers: How deep to look.
        surroundings: What is known of the target besides.
    """

    def __init__(
        self,
        open_stream: Callable[[], AbstractContextManager[IO[bytes]]],
        target: str,
        *,
        kind: TargetKind = "tar",
        root: str = "/",
        tiers: Tiers = CONTENT,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._open_stream = open_stream
        self._kind = kind
        self._root = root
        self._surroundings = surroundings
        self._target = target
        self._tiers = tiers

    def collect(self) -> Inventory:
        """Return what is there.

        Raises:
            TarError: The stream is damaged, or holds more than is accepted.
            NoEnvironmentError: Its folder is no environment.
        """

        @contextmanager
        def entries() -> Iterator[_TopFolder]:
            with self._open_stream() as stream:
                yield _TopFolder(TarStream(stream, self._target), self._root, self._target)

        return collect_entries(
            entries,
            self._kind,
            self._target,
            self._root,
            tiers=self._tiers,
            surroundings=self._surroundings,
        )


def _opened(entries: LayeredEntries) -> OpenStream:
    return lambda: nullcontext(entries)


def read_top_folder(
    open_stream: Callable[[], AbstractContextManager[IO[bytes]]], root: str, where: str
) -> TarTree:
    """Return another folder of a target, out of a tar of that folder alone.

    Args:
        open_stream: Gives the tar.
        root: What the folder is called in the target.
        where: How messages name the target.

    Raises:
        TarError: The stream is damaged, or holds more than is accepted.
    """

    @contextmanager
    def entries() -> Iterator[_TopFolder]:
        with open_stream() as stream:
            yield _TopFolder(TarStream(stream, where), root, where)

    return read_folder(entries, root, where)


class _TopFolder:
    """Entries below the one folder that a tar is of, as if it lay at a root."""

    def __init__(self, tar: TarStream, root: str, where: str) -> None:
        self._tar = tar
        self._root = posixpath.normpath("/" + root).lstrip("/")
        self._where = where
        self._top: str | None = None

    def entries(self) -> Iterator[Entry]:
        """Yield each entry below the folder.

        Raises:
            NoEnvironmentError: The tar is of more than one folder.
        """
        for entry in self._tar.entries():
            path = normal(entry.path)
            if path is None:
                continue
            inside = self._inside(path)
            if inside is None:
                raise NoEnvironmentError(
                    "the tar holds more than the folder of an environment",
                    where=self._where,
                    hint="say where the environment is in it: --root /opt/env",
                )
            target = entry.target
            if entry.kind == "hardlink":
                linked = normal(target)
                # One out of the folder stays one that is not there.
                within = self._inside(linked) if linked is not None else None
                target = "../" if within is None else posixpath.join(self._root, within)
            yield replace(entry, path=posixpath.join(self._root, inside), target=target)

    def pieces(self) -> Iterator[bytes]:
        """Yield the content of the current entry in pieces."""
        return self._tar.pieces()

    def _inside(self, path: str) -> str | None:
        if self._top is None:
            self._top = "" if path == "." else path.partition("/")[0]
        if not self._top:
            return path
        if path == self._top:
            return "."
        return path[len(self._top) + 1 :] if path.startswith(self._top + "/") else None
