"""Which Pythons, platforms and environments a lock is made for."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mooring.errors import InputError
from mooring.lock.model import EnvironmentSelection, Lock, Target
from mooring.manifest.model import Manifest
from mooring.manifest.pythons import choose_python as first_allowed
from mooring.platforms import Platform, PythonVersion


def running_python() -> PythonVersion:
    """Return X.Y of the interpreter that runs Mooring."""
    return PythonVersion(minor=sys.version_info.minor)


def choose_python(manifest: Manifest, previous: Lock | None = None) -> PythonVersion:
    """Return the Python of the default environment.

    The declared one; else the one of the existing lock, so that a lock does not depend on the
    machine that refreshes it; else the running one; else the oldest that `requires-python` allows.

    Raises:
        InputError: No known Python satisfies `requires-python`.
    """
    if manifest.python is not None:
        return manifest.python
    recorded = previous.provenance.targets if previous and previous.provenance else ()
    candidates = (*(target.python for target in recorded), running_python())
    chosen = first_allowed(manifest.requires_python, *candidates)
    if chosen is None:
        raise InputError(
            f"no Python that Mooring knows satisfies requires-python {manifest.requires_python!r}",
            where=str(manifest.path or manifest.root),
            hint='set python = "3.12" in the [tool.mooring] table',
        )
    return chosen


def image_python(manifest: Manifest) -> PythonVersion | None:
    """Return the Python that is declared for what goes into the image; None for none."""
    name = manifest.image.environment if manifest.image else None
    environment = manifest.environment(name) if name else None
    return (environment.python if environment else None) or manifest.python


def python_span(manifest: Manifest, python: PythonVersion, previous: Lock | None = None) -> str:
    """Return the `requires-python` of the solve: the span of the declared Pythons.

    Without a declared Python it is the project's own requires-python, and for projects that have
    none, the one of the existing lock or the chosen Python's X.Y.
    """
    declared = {e.python for e in manifest.environments if e.python} | (
        {manifest.python} if manifest.python else set()
    )
    if not declared and manifest.requires_python:
        return manifest.requires_python
    if not declared and previous and previous.provenance and previous.requires_python:
        return previous.requires_python
    minors = sorted({p.minor for p in declared} | {python.minor})
    if len(minors) == 1:
        return f"==3.{minors[0]}.*"
    return f">=3.{minors[0]},<3.{minors[-1] + 1}"


def targets(manifest: Manifest, python: PythonVersion) -> tuple[Target, ...]:
    """Return every declared environment on each of its platforms."""
    return tuple(
        Target(environment=env.name, platform=platform, python=env.python or python)
        for env in manifest.environments
        for platform in env.platforms or manifest.platforms
    )


def environment_selections(manifest: Manifest) -> tuple[EnvironmentSelection, ...]:
    """Return which extras and groups each declared environment selects."""
    return tuple(
        EnvironmentSelection(name=env.name, extras=env.extras, groups=env.groups)
        for env in manifest.environments
    )


def matching_platform(platforms: Sequence[Platform], wanted: Platform) -> Platform | None:
    """Return the declared platform that a machine of kind `wanted` runs, or None.

    The libc kind must agree; among several floors the highest that the machine meets wins.
    """
    fitting = [
        p
        for p in platforms
        if p.subdir == wanted.subdir
        and p.floor_kind == wanted.floor_kind
        and (p.floor is None or wanted.floor is None or p.floor <= wanted.floor)
    ]
    return max(fitting, key=lambda p: p.floor or (0, 0), default=None)
