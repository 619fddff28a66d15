"""From a folder or a lock file to the selection a verb works on."""

from __future__ import annotations

from collections.abc import Sequence
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
    lock = read_lock(path) if frozen else require_fresh(manifest, base=base, with_base=with_base)
    return LockedProject(path=path, lock=lock, manifest=manifest)


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


def python_here(
    project: LockedProject, environment: str, *candidates: PythonVersion | None
) -> PythonVersion:
    """Return the Python of an environment on this machine.

    Where one is declared it is that one. Otherwise the lock serves every Python that its
    requires-python allows: the first candidate, the running one, else the one it was proved for.
    """
    proved = python_of(project, environment)
    if _declares_python(project, environment):
        return proved
    span = project.lock.requires_python
    for python in (*candidates, running_python()):
        if python is not None and allows(span, python):
            return python
    return proved


def allows(requires_python: str | None, python: PythonVersion) -> bool:
    """Tell whether a requires-python admits a Python; an unknown patch counts as the latest."""
    if requires_python is None:
        return True
    from packaging.specifiers import SpecifierSet  # most verbs never ask

    return SpecifierSet(requires_python).contains(python.full)


def _declares_python(project: LockedProject, environment: str) -> bool:
    if project.manifest is not None:
        declared = project.manifest.environment(environment)
        return bool(project.manifest.python or (declared and declared.python))
    facts = project.lock.provenance
    return facts is not None and facts.inputs.get("python") is not None


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
        raise _not_locked(project, machine, known)
    return found


def named_platform(project: LockedProject, name: str) -> Platform:
    """Return the platform that `--platform` names.

    A name without a libc or macOS version, such as `linux-64` or `linux/amd64`, means the locked
    platform of that kind, whatever its version is.

    Raises:
        InputError: The name is unknown, or the lock is for other platforms only.
    """
    wanted = Platform.from_oci(name, "--platform")
    known = platforms_of(project)
    if not known or wanted in known:
        return wanted
    alike = [p for p in known if p.subdir == wanted.subdir]
    if alike and (name == wanted.subdir or "/" in name):
        return matching_platform(alike, wanted) or alike[0]
    if matching_platform(known, wanted) is None:
        raise _not_locked(project, wanted, known)
    return wanted


def _not_locked(project: LockedProject, wanted: Platform, known: Sequence[Platform]) -> InputError:
    return InputError(
        f"the lock is not for {wanted}",
        where=str(project.path),
        hint=f"it is for {', '.join(map(str, known))}; add the platform to the manifest and "
        "run `mooring lock`",
    )


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
