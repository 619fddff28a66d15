"""From the shared options to an opened project."""

from __future__ import annotations

from pathlib import Path

from mooring.workflow.selecting import LockedProject, open_lock_file, open_project


def locked_project(
    project: Path,
    lock_file: Path | None,
    *,
    frozen: bool,
    base: str | None = None,
    with_base: bool = False,
) -> LockedProject:
    """Open the lock that `--lock` names, else the project's own.

    Unless `frozen`, the project's lock must be fresh, and with `with_base` its base image locked.
    """
    if lock_file is not None:
        return open_lock_file(lock_file)
    from mooring.manifest.reader import load  # not needed for a bare lock file

    return open_project(load(project), frozen=frozen, base=base, with_base=with_base)
