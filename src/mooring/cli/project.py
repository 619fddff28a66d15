"""From the shared options to an opened project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mooring.workflow.projects import open_any_lock_file, open_any_project, without_conda
from mooring.workflow.selecting import LockedProject

if TYPE_CHECKING:
    from mooring.workflow.conda_selecting import CondaProject


def any_project(
    project: Path,
    lock_file: Path | None,
    *,
    frozen: bool,
    base: str | None = None,
    with_base: bool = False,
) -> LockedProject | CondaProject:
    """Open the lock that `--lock` names, else the project's own, with conda packages or without.

    Unless `frozen`, the project's lock must be fresh, and with `with_base` its base image locked.
    """
    if lock_file is not None:
        return open_any_lock_file(lock_file)
    from mooring.manifest.reader import load  # not needed for a bare lock file

    return open_any_project(load(project), frozen=frozen, base=base, with_base=with_base)


def locked_project(
    project: Path,
    lock_file: Path | None,
    *,
    frozen: bool,
    base: str | None = None,
    with_base: bool = False,
) -> LockedProject:
    """Open a lock as `any_project` does; one with conda packages is refused.

    Raises:
        InputError: The lock has conda packages.
    """
    opened = any_project(project, lock_file, frozen=frozen, base=base, with_base=with_base)
    return without_conda(opened)
