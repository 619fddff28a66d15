"""Where entries really go on a base, with the folders they need, and what cannot be in a layer."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from mooring.build.embedded.interface import EmbeddedBuildError, Entry

WHITEOUT = ".wh."
"""Start of a name that deletes a file of the layers below."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MOST_BYTES, _MOST_NAME_BYTES = 4095, 255


def placed(
    entries: Iterable[Entry],
    scan_resolve: Callable[[str], str],
    base_directories: Collection[str],
) -> list[Entry]:
    """Return entries with their final paths and with the folders they need, sorted by path.

    The folder of a file or link is followed through the base's links, and so is a directory itself:
    an entry below a link of the base would replace the link.

    Args:
        entries: Of one layer.
        scan_resolve: Follows the base's links.
        base_directories: Folders that the base has; none of them is added.

    Raises:
        EmbeddedBuildError: Two entries have one path, a file is in the way of a folder, or a path
            cannot be in a layer.
    """
    layer = _Layer(scan_resolve)
    for entry in entries:
        layer.add(entry)
    layer.add_folders(base_directories)
    return [layer.found[path] for path in sorted(layer.found)]


class _Layer:
    def __init__(self, scan_resolve: Callable[[str], str]) -> None:
        self._scan_resolve = scan_resolve
        self._folders: dict[str, str] = {}
        self.found: dict[str, Entry] = {}

    def add(self, entry: Entry) -> None:
        folder, slash, name = entry.path.rpartition("/")
        if not slash:
            raise _refused(entry.path, "it is not absolute")
        _check_name(name, entry.path)
        if entry.kind == "directory":
            path = self._folder(entry.path)
        else:
            path = f"{self._folder(folder)}/{name}"
        if path != entry.path:
            entry = replace(entry, path=path)
        other = self.found.get(path)
        if other is not None and (entry.kind != "directory" or other != entry):
            raise EmbeddedBuildError(f"two files of one layer have the path {path}")
        self.found[path] = entry

    def _folder(self, folder: str) -> str:
        known = self._folders.get(folder)
        if known is None:
            known = self._resolved(folder)
            self._folders[folder] = known
        return known

    def _resolved(self, folder: str) -> str:
        if not folder:
            return ""
        if not folder.startswith("/"):
            raise _refused(folder, "it is not absolute")
        for name in folder[1:].split("/"):
            _check_name(name, folder)
        if len(folder.encode(errors="replace")) > _MOST_BYTES:
            raise _refused(folder, "it is too long")
        return self._scan_resolve(folder).rstrip("/")

    def add_folders(self, base_directories: Collection[str]) -> None:
        done = {"/"}
        for path, entry in list(self.found.items()):
            if entry.kind != "directory" and path in base_directories:
                raise EmbeddedBuildError(f"{path} is a folder of the base, not a {entry.kind}")
            folder = posixpath.dirname(path)
            while folder not in done:
                done.add(folder)
                there = self.found.get(folder)
                if there is not None and there.kind != "directory":
                    raise EmbeddedBuildError(f"{folder} is a {there.kind}, and {path} is below it")
                if folder in base_directories:
                    break  # and with it all that it is in
                if there is None:
                    self.found[folder] = Entry(path=folder, kind="directory", mode=0o755)
                folder = posixpath.dirname(folder)


def _check_name(name: str, path: str) -> None:
    if name in ("", ".", ".."):
        raise _refused(path, "it is not in its normal form")
    if name.startswith(WHITEOUT):
        raise _refused(path, f"names with `{WHITEOUT}` delete files of the base")
    if _CONTROL.search(name):
        raise _refused(path, "it has a control character")
    try:
        if len(name.encode()) > _MOST_NAME_BYTES:
            raise _refused(path, "a name in it is too long")
    except UnicodeEncodeError as error:
        raise _refused(path, "it is not UTF-8") from error


def _refused(path: str, reason: str) -> EmbeddedBuildError:
    shown = repr(path if len(path) <= 200 else f"{path[:200]}...")
    return EmbeddedBuildError(f"the path {shown} cannot be in a layer: {reason}")
