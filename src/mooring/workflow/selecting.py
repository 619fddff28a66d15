"""From a folder or a lock file to the selection a verb works on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mooring.errors import InputError
from mooring.files import read_text
from mooring.lock.formats import pylock
from mooring.lock.model import EnvironmentSelection, Lock, Selection
from mooring.lock.select import select
from mooring.manifest.model import DEFAULT_ENVIRONMENT, Manifest
from mooring.platforms import Platform, PythonVersion
from mooring.workflow.locking import pylock_path, require_fresh
from mooring.workflow.targets import choose_python, matching_platform, running_python


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedProject:
    """A lock with the manifest it belongs to, where there is one."""

    path: Path
    lock: Lock
    manifest: Manifest | None

    @property
    def root(self) -> Path:
        """The project folder."""
        return self.manifest.root if self.manifest else self.path.parent


def open_project(
    manifest: Manifest, *, frozen: bool = False, base: str | None = None, with_base: bool = False
) -> LockedProject:
    """Read the lock of a project; unless `frozen`, it must be fresh.

    Raises:
        AnswerIsNo: The lock is absent or stale.
        InputError: The lock cannot be read.
    """
    path = pylock_path(manifest)
    if not frozen:
        require_fresh(manifest, base=base, with_base=with_base)
    return LockedProject(path=path, lock=read_lock(path), manifest=manifest)


def open_lock_file(path: Path) -> LockedProject:
    """Read a lock file by itself, without any manifest."""
    return LockedProject(path=path, lock=read_lock(path), manifest=None)


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        InputError: It is absent or cannot be read.
    """
    return pylock.read(read_text(path), str(path))


def environment_of(project: LockedProject, name: str) -> EnvironmentSelection:
    """Return which extras and groups a named environment selects.

    Raises:
        InputError: Neither the lock nor the manifest knows the environment.
    """
    if project.manifest is not None and (declared := project.manifest.environment(name)):
        return EnvironmentSelection(name=name, extras=declared.extras, groups=declared.groups)
    if found := project.lock.environment(name):
        return found
    if name == DEFAULT_ENVIRONMENT:
        return EnvironmentSelection(name=name, groups=project.lock.default_groups)
    known = _environment_names(project)
    raise InputError(
        f"there is no environment {name!r}",
        where=str((project.manifest and project.manifest.path) or project.path),
        hint="known environments: " + ", ".join(known),
    )


def python_of(project: LockedProject, environment: str) -> PythonVersion:
    """Return the Python that an environment is locked for."""
    if project.manifest is not None:
        declared = project.manifest.environment(environment)
        if declared is not None and declared.python is not None:
            return declared.python
        return choose_python(project.manifest, project.lock)
    if project.lock.provenance is not None:
        for target in project.lock.provenance.targets:
            if target.environment == environment:
                return target.python
    return running_python()


def platforms_of(project: LockedProject) -> tuple[Platform, ...]:
    """Return the platforms a lock is for: the proved ones, else the declared ones."""
    if project.lock.provenance is not None and project.lock.provenance.targets:
        return tuple(sorted({t.platform for t in project.lock.provenance.targets}))
    return project.manifest.platforms if project.manifest else ()


def host_platform(project: LockedProject) -> Platform:
    """Return the locked platform that this machine is.

    Raises:
        InputError: The lock is for other platforms only.
    """
    return fitting_platform(project, Platform.current())


def fitting_platform(project: LockedProject, machine: Platform) -> Platform:
    """Return the locked platform that a machine can run; see `matching_platform`.

    Raises:
        InputError: The lock is for other platforms only.
    """
    known = platforms_of(project)
    if not known:
        return machine
    found = matching_platform(known, machine)
    if found is None:
        raise InputError(
            f"the lock is not for {machine}",
            where=str(project.path),
            hint=f"it is for {', '.join(map(str, known))}; add the platform to the manifest and "
            "run `mooring lock`",
        )
    return found


def select_environment(
    project: LockedProject,
    environment: str,
    platform: Platform,
    python: PythonVersion | None = None,
) -> Selection:
    """Reduce the lock to one environment on one platform."""
    chosen = environment_of(project, environment)
    selection = select(
        project.lock,
        platform=platform,
        python=python or python_of(project, environment),
        extras=chosen.extras,
        groups=chosen.groups,
    )
    return replace(selection, environment=environment)


def _environment_names(project: LockedProject) -> list[str]:
    names = {e.name for e in project.manifest.environments} if project.manifest else set()
    if project.lock.provenance is not None:
        names |= {e.name for e in project.lock.provenance.environments}
    return sorted(names | {DEFAULT_ENVIRONMENT})
