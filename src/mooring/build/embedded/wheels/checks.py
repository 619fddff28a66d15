"""What no wheel may hold, found in the list of its members before anything is unpacked."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Sequence

from mooring.build.embedded.layers.paths import WHITEOUT
from mooring.build.embedded.wheels.refused import WheelRefused, shown
from mooring.build.embedded.wheels.zip_directory import Member

_MOST_BYTES = 64 << 30
_ALWAYS_ALLOWED = 1 << 30
_MOST_RATIO = 60
"""How many times its own size a wheel may unpack to, once that is more than 1 GiB. Code and
libraries reach 10; a stream of equal bytes reaches 1,000."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MOST_NAME_BYTES = 255


def check_members(members: Sequence[Member], *, packed: int, where: str) -> None:
    """Refuse names that leave the wheel or mean something else elsewhere, links, and bombs.

    Args:
        members: All of them.
        packed: Size of the wheel in bytes.
        where: The wheel, for messages.

    Raises:
        WheelRefused: For the first thing found.
    """
    for member in members:
        reason = name_problem(member.name.removesuffix("/")) or _kind_problem(member)
        if reason:
            raise WheelRefused(f"it holds {shown(member.name)}: {reason}", where=where)
    _check_unique((member.name for member in members), where)
    size = sum(member.size for member in members)
    if size > _MOST_BYTES or size > max(_ALWAYS_ALLOWED, _MOST_RATIO * packed):
        raise WheelRefused(
            f"its {packed:,} bytes would unpack to {size:,}: nothing real is packed so tightly",
            where=where,
        )
    _check_apart(members, where)


def name_problem(name: str) -> str | None:
    """Return why a path inside of a wheel is refused, or None."""
    if _CONTROL.search(name):
        return "a control character"
    if "\\" in name:
        return "a backslash, which other systems take for a separator"
    if name.startswith("/"):
        return "an absolute path"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return "the path leaves the wheel, or is not in its normal form"
        if part.startswith(WHITEOUT):
            return f"names with `{WHITEOUT}` delete files of an image"
        if len(part) > _MOST_NAME_BYTES // 4 and len(part.encode()) > _MOST_NAME_BYTES:
            return "a name of more than 255 bytes"
    return None


def _kind_problem(member: Member) -> str | None:
    kind = stat.S_IFMT(member.mode)
    if kind == stat.S_IFLNK:
        return "a symbolic link"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "neither file nor folder"
    if member.is_folder:
        return "a folder with content" if member.size else None
    return "a folder that is named like a file" if kind == stat.S_IFDIR else None


def _check_unique(names: Iterable[str], where: str) -> None:
    files: set[str] = set()
    folders: set[str] = set()
    for name in names:
        path = name.removesuffix("/")
        known = folders if name.endswith("/") else files
        if path in known:
            raise WheelRefused(f"it holds {shown(name)} twice", where=where)
        known.add(path)
    for path in [*files, *folders]:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    for path in sorted(files & folders):
        raise WheelRefused(f"{shown(path)} in it is both a file and a folder", where=where)


def _check_apart(members: Sequence[Member], where: str) -> None:
    """Refuse members that share bytes: a few kilobytes could then unpack to terabytes."""
    end = 0
    for member in sorted(members, key=lambda member: member.offset):
        if member.offset < end:
            raise WheelRefused(f"{shown(member.name)} in it overlaps another file", where=where)
        end = member.end
