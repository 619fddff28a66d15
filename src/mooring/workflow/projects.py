"""Which lock a project has: `pylock.toml`, or `conda-lock.yml` where conda packages are in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mooring.errors import InputError
from mooring.manifest.model import Manifest
from mooring.workflow.selecting import LockedProject, open_lock_file, open_project

if TYPE_CHECKING:
    from mooring.workflow.conda_selecting import CondaProject

_CONDA_LOCKS = (".yml", ".yaml", ".lock", ".txt")


def open_any_project(
    manifest: Manifest, *, frozen: bool = False, base: str | None = None, with_base: bool = False
) -> LockedProject | CondaProject:
    """Read the lock of a project; unless `frozen`, it must be fresh.

    Raises:
        AnswerIsNo: The lock is absent or stale.
        InputError: The lock cannot be read.
    """
    if manifest.conda is None:
        return open_project(manifest, frozen=frozen, base=base, with_base=with_base)
    from mooring.workflow.conda_selecting import open_conda_project  # most projects have none

    return open_conda_project(manifest, frozen=frozen, base=base, with_base=with_base)


def open_any_lock_file(path: Path) -> LockedProject | CondaProject:
    """Read a lock file by itself: pylock.toml, conda-lock.yml, pixi.lock or an @EXPLICIT list.

    Raises:
        InputError: It is absent or cannot be read.
    """
    if path.suffix not in _CONDA_LOCKS:
        return open_lock_file(path)
    from mooring.workflow.conda_selecting import open_conda_lock_file  # most projects have none

    return open_conda_lock_file(path)


def without_conda(project: LockedProject | CondaProject) -> LockedProject:
    """Return a project that is locked in a `pylock.toml`.

    Raises:
        InputError: It has conda packages.
    """
    if isinstance(project, LockedProject):
        return project
    raise InputError(
        "this command does not take locks with conda packages yet",
        where=str(project.path),
        hint="`mooring render` writes a Dockerfile and what it installs, for `docker build`",
    )
