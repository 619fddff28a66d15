"""Locks that another tool wrote: what `init` says of them, and when `lock` leaves them alone."""

from __future__ import annotations

from pathlib import Path

from mooring.errors import InputError
from mooring.files import read_text
from mooring.lock.formats import pylock
from mooring.lock.model import Lock
from mooring.manifest.locate import PYLOCK
from mooring.manifest.model import Manifest

_UNKNOWN = "another tool"
_UNREADABLE = "an unknown tool (it cannot be read)"


def describe_lock(folder: Path) -> str | None:
    """Say which lock a folder holds already and how it is used; None where there is none."""
    path = folder / PYLOCK
    if not path.is_file():
        return None
    try:
        lock = pylock.read(read_text(path), PYLOCK)
    except InputError as error:
        return f"{PYLOCK}: a lock that cannot be read: {error.message}"
    count = len(lock.packages)
    writer = "Mooring" if lock.provenance else lock.created_by or _UNKNOWN
    return (
        f"{PYLOCK}: a lock of {count:,} package{'s' * (count != 1)}, written by {writer}; "
        f"`mooring verify` and `mooring sync` use it with `--lock {PYLOCK}`"
    )


def foreign_writer(path: Path, lock: Lock | None) -> str | None:
    """Return who wrote the lock that is there; None when it was Mooring or there is none.

    Args:
        path: Where the lock is.
        lock: What was read from it; None where it is absent or cannot be read.
    """
    if lock is None:
        return _UNREADABLE if path.exists() else None
    if lock.provenance is not None:
        return None
    return lock.created_by or _UNKNOWN


def require_declared(manifest: Manifest, path: Path, writer: str | None) -> None:
    """Refuse to replace another tool's lock by a lock of nothing.

    Raises:
        InputError: Another tool wrote the lock, and the manifest declares no requirement.
    """
    declared = manifest.dependencies or any(
        listed for _, listed in (*manifest.extras, *manifest.groups)
    )
    if writer is None or declared:
        return
    raise InputError(
        f"no requirements are declared, and {path.name} was written by {writer}: "
        "an empty lock would replace it",
        where=str(path),
        hint=f"declare what the project needs, or use the lock as it is: `mooring verify --lock "
        f"{path.name}`, `mooring sync --lock {path.name}`; to lock nothing, move it away first",
    )
