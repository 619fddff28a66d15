"""From a lock with conda packages to the selection a verb works on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mooring.errors import InputError
from mooring.files import read_text
from mooring.lock.conda import CondaLock, CondaSelection, select_conda
from mooring.manifest.conda import MAIN
from mooring.manifest.model import DEFAULT_ENVIRONMENT, Manifest
from mooring.platforms import Platform
from mooring.workflow.conda_locking import categories_of, conda_lock_path, require_fresh_conda


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaProject:
    """A lock with conda packages, and the manifest it belongs to, where there is one."""

    path: Path
    lock: CondaLock
    manifest: Manifest | None

    @property
    def root(self) -> Path:
        """The project folder."""
        return self.manifest.root if self.manifest else self.path.parent


def open_conda_project(
    manifest: Manifest, *, frozen: bool = False, base: str | None = None, with_base: bool = False
) -> CondaProject:
    """Read the lock of a project; unless `frozen`, it must be fresh.

    Raises:
        AnswerIsNo: The lock is absent or stale.
        InputError: The lock cannot be read.
    """
    path = conda_lock_path(manifest)
    if not frozen:
        require_fresh_conda(manifest, base=base, with_base=with_base)
    return CondaProject(path=path, lock=read_conda_lock(path), manifest=manifest)


def open_conda_lock_file(path: Path) -> CondaProject:
    """Read a lock file by itself, without any manifest."""
    return CondaProject(path=path, lock=read_conda_lock(path), manifest=None)


def read_conda_lock(path: Path) -> CondaLock:
    """Read a lock file with conda packages: conda-lock.yml, pixi.lock or an @EXPLICIT list.

    Raises:
        InputError: It is absent or cannot be read.
    """
    text = read_text(path)
    if path.suffix == ".txt":
        from mooring.lock.formats import explicit  # one reader a format, and YAML is slow to load

        return explicit.read(text, str(path))
    if path.suffix == ".lock":
        from mooring.lock.formats import pixi_lock

        return pixi_lock.read(text, str(path))
    from mooring.lock.formats import conda_lock

    return conda_lock.read(text, str(path))


def conda_categories(project: CondaProject, name: str) -> tuple[str, ...]:
    """Return the categories that a named environment installs.

    Raises:
        InputError: Neither the lock nor the manifest knows the environment.
    """
    if project.manifest is not None and (declared := project.manifest.environment(name)):
        return categories_of(declared)
    recorded = dict(project.lock.facts.environments) if project.lock.facts else {}
    if name in recorded:
        return recorded[name]
    if name == DEFAULT_ENVIRONMENT:
        return (MAIN,)
    known = {each.name for each in project.manifest.environments} if project.manifest else set()
    raise InputError(
        f"there is no environment {name!r}",
        where=str((project.manifest and project.manifest.path) or project.path),
        hint="known environments: " + ", ".join(sorted({*known, *recorded, DEFAULT_ENVIRONMENT})),
    )


def fitting_conda_platform(project: CondaProject, machine: Platform) -> Platform:
    """Return the locked platform that a machine can run.

    Raises:
        InputError: The lock is for other platforms only.
    """
    found = next((p for p in project.lock.platforms if p.subdir == machine.subdir), None)
    if found is None:
        raise _not_locked(project, machine.subdir)
    return found


def named_conda_platform(project: CondaProject, name: str) -> Platform:
    """Return the locked platform that `--platform` names, by a conda or an OCI name.

    Raises:
        InputError: The name is unknown, or the lock is for other platforms only.
    """
    return fitting_conda_platform(project, Platform.from_oci(name, "--platform"))


def host_conda_platform(project: CondaProject) -> Platform:
    """Return the locked platform that this machine is.

    Raises:
        InputError: The lock is for other platforms only.
    """
    return fitting_conda_platform(project, Platform.current())


def select_conda_environment(
    project: CondaProject, environment: str, platform: Platform
) -> CondaSelection:
    """Reduce the lock to one environment on one platform."""
    return select_conda(
        project.lock, platform, conda_categories(project, environment), environment=environment
    )


def _not_locked(project: CondaProject, subdir: str) -> InputError:
    return InputError(
        f"the lock is not for {subdir}",
        where=str(project.path),
        hint=f"it is for {', '.join(map(str, project.lock.platforms))}; add the platform to the "
        "manifest and run `mooring lock`",
    )
