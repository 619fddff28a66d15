"""Export: one environment of a lock in another format."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, assert_never

from mooring.lock.formats import pylock, requirements
from mooring.lock.markers import restrict
from mooring.lock.model import EnvironmentSelection, Lock, Selection
from mooring.workflow.selecting import (
    LockedProject,
    environment_of,
    named_platform,
    select_environment,
)

ExportFormat = Literal["requirements", "pylock"]
FORMATS: tuple[ExportFormat, ...] = ("requirements", "pylock")


def export(
    project: LockedProject, *, environment: str, platform: str | None, form: ExportFormat
) -> str:
    """Return one environment of the lock in another format.

    Args:
        project: The lock.
        environment: Name of the environment.
        platform: Name of a platform, conda or OCI style; None keeps all platforms.
        form: The format.

    Raises:
        MooringError: The lock does not hold that environment or platform.
    """
    if platform is None:
        return _all_platforms(project, environment, form)
    selection = select_environment(project, environment, named_platform(project, platform))
    match form:
        case "requirements":
            return requirements.write(selection)
        case "pylock":
            return pylock.write(selected_lock(project.lock, selection))
        case _:
            assert_never(form)


def selected_lock(lock: Lock, selection: Selection) -> Lock:
    """Return a lock of exactly one selection: one artifact a package, no extras, no groups."""
    packages = tuple(
        replace(
            chosen.package,
            marker=None,
            dependencies=(),
            wheels=(chosen.artifact,) if chosen.artifact.kind == "wheel" else (),
            sdist=chosen.artifact if chosen.artifact.kind == "sdist" else None,
            record_ids=(),
        )
        for chosen in selection.packages
    )
    return Lock(
        created_by=lock.created_by,
        requires_python=lock.requires_python,
        environments=(selection.platform.marker,),
        packages=packages,
    )


def _all_platforms(project: LockedProject, environment: str, form: ExportFormat) -> str:
    chosen = environment_of(project, environment)
    match form:
        case "requirements":
            return requirements.write_universal(
                project.lock, extras=chosen.extras, groups=chosen.groups
            )
        case "pylock":
            return pylock.write(environment_lock(project.lock, chosen))
        case _:
            assert_never(form)


def environment_lock(lock: Lock, chosen: EnvironmentSelection) -> Lock:
    """Return a lock of one environment for every platform: no extras, no groups to choose."""
    packages = []
    for package in lock.packages:
        rest = restrict(package.marker, chosen.extras, chosen.groups) if package.marker else None
        if rest is not False:
            packages.append(replace(package, marker=rest))
    kept = {package.name for package in packages}
    return replace(
        lock,
        extras=(),
        groups=(),
        default_groups=(),
        provenance=None,
        packages=tuple(
            replace(p, dependencies=tuple(d for d in p.dependencies if d.name in kept))
            for p in packages
        ),
    )
