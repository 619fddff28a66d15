"""Verify: any environment against its lock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mooring.errors import InputError
from mooring.lock.model import Selection
from mooring.manifest.model import VerifyPolicy
from mooring.platforms import Platform, PythonVersion
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare
from mooring.verify.findings import Verification
from mooring.verify.inventory import Inventory
from mooring.workflow.selecting import (
    LockedProject,
    fitting_platform,
    python_here,
    select_environment,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """A verification with what was compared."""

    selection: Selection
    inventory: Inventory
    verification: Verification


def verify_path(project: LockedProject, path: Path, *, environment: str = "default") -> Verified:
    """Compare the environment in a folder with the lock.

    Raises:
        MooringError: The folder is no environment (exit code 3).
    """
    inventory = PathCollector(path).collect()
    return verify_inventory(project, inventory, Platform.current(), environment=environment)


def verify_inventory(
    project: LockedProject, inventory: Inventory, machine: Platform, *, environment: str
) -> Verified:
    """Compare what a collector saw with the lock, for the machine it runs on."""
    platform = fitting_platform(project, machine)
    seen = inventory.interpreter.version
    python = exact_python(seen, python_here(project, environment, parsed_python(seen)))
    selection = select_environment(project, environment, platform, python)
    return Verified(
        selection=selection,
        inventory=inventory,
        verification=compare(selection, inventory, policy_of(project)),
    )


def exact_python(seen: str | None, locked: PythonVersion) -> PythonVersion:
    """Return the locked Python, with the patch that was seen where only X.Y is locked.

    Markers may depend on the patch release. An environment of another X.Y is compared with the
    locked one, so that the difference is a finding and not another selection.
    """
    found = parsed_python(seen)
    if locked.patch is not None or found is None or found.minor != locked.minor:
        return locked
    return found


def parsed_python(seen: str | None) -> PythonVersion | None:
    """Return a version that was seen, or None for what no lock can name, such as a pre-release."""
    try:
        return None if seen is None else PythonVersion.parse(seen, "python")
    except InputError:
        return None


def policy_of(project: LockedProject) -> VerifyPolicy:
    """Return the declared policy; the default one for a bare lock."""
    return project.manifest.verify if project.manifest else VerifyPolicy()
