"""What packages may write: only below the prefix, whatever their lists and links say.

rattler takes the paths that a package lists as they are: one with `..` leaves the prefix, an
absolute one ends the whole process, and a file is written through a link of another package.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from mooring.install.failures import SyncError
from mooring.install.prefix_packages import Unpacked

_SITE = re.compile(r"^(?:lib/(?:python|pypy)\d+\.\d+t?|Lib)/site-packages/")
_SCRIPTS = re.compile(r"^(?:python-scripts|Scripts)/")
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MOST_STEPS = 40


def refuse_escapes(prefix: Path, unpacked: Iterable[Unpacked]) -> None:
    """Compare what packages list with where it would be written.

    Raises:
        SyncError: A package would write outside of the prefix.
    """
    packages = tuple(unpacked)
    links: dict[str, str] = {}
    folders: dict[str, tuple[Unpacked, str]] = {}
    for each in packages:
        for path in each.paths:
            if _is_odd(path):
                raise _escapes(each, path)
            place = _placed(path)
            folders.setdefault(posixpath.dirname(place), (each, path))
            file = each.folder / path
            if file.is_symlink():
                links[place] = str(file.readlink())
        for program in each.programs:
            if not _PROGRAM.fullmatch(program):
                raise _escapes(each, program)
    root = os.path.realpath(prefix)
    for folder, (owner, path) in folders.items():
        there = os.path.realpath(prefix / folder)
        if _leaves(folder, links) or not (there == root or there.startswith(root + os.sep)):
            raise _escapes(owner, path)


def _is_odd(path: str) -> bool:
    return (
        not path
        or path.startswith("/")
        or "\\" in path
        or ":" in path.partition("/")[0]
        or _CONTROL.search(path) is not None
        or not {"", ".", ".."}.isdisjoint(path.split("/"))
    )


def _placed(path: str) -> str:
    """Return one name for a place that packages of different kinds name differently."""
    return _SCRIPTS.sub("bin/", _SITE.sub("site-packages/", path))


def _leaves(folder: str, links: Mapping[str, str]) -> bool:
    """Whether a folder is behind a link of a package that leads out of the prefix."""
    done, rest = "", folder.split("/") if folder else []
    for _ in range(_MOST_STEPS * (1 + len(rest))):
        if not rest:
            return False
        name, *rest = rest
        if name == "..":
            if not done:
                return True
            done = posixpath.dirname(done)
            continue
        step = f"{done}/{name}" if done and name not in ("", ".") else done or name
        target = links.get(step)
        if target is None:
            done = step
        elif target.startswith("/"):
            return True
        else:
            rest = [*target.split("/"), *rest]
    return bool(rest)


def _escapes(unpacked: Unpacked, path: str) -> SyncError:
    return SyncError(
        f"{unpacked.package.file_name} would write outside of the prefix: {path[:200]!r}",
        hint="no honest package does that: find out where it comes from",
    )
