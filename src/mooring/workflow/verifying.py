"""Verify: any environment against its lock."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mooring.errors import InputError
from mooring.lock.model import Selection
from mooring.manifest.model import VerifyPolicy
from mooring.platforms import Platform, PythonVersion
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare, wheels_to_read
from mooring.verify.deep import Contents
from mooring.verify.findings import Finding, Verification
from mooring.verify.inventory import Inventory
from mooring.verify.policy import Terms, judge
from mooring.verify.shown import shown
from mooring.verify.tiers import CONTENT, Tiers
from mooring.workflow.selecting import (
    LockedProject,
    fitting_platform,
    python_here,
    select_environment,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """A verification with what was compared.

    Attributes:
        which: Of a target that holds several environments the one that was compared, in words.
    """

    selection: Selection
    inventory: Inventory
    verification: Verification
    which: str | None = None


def verify_path(
    project: LockedProject,
    path: Path,
    *,
    environment: str = "default",
    tiers: Tiers = CONTENT,
    terms: Terms | None = None,
) -> Verified:
    """Compare the environment in a folder with the lock.

    Raises:
        MooringError: The folder is no environment (exit code 3).
    """
    inventory = PathCollector(path, tiers=tiers_for(project, tiers)).collect()
    return verify_inventory(
        project, inventory, Platform.current(), environment=environment, terms=terms
    )


def tiers_for(project: LockedProject, tiers: Tiers) -> Tiers:
    """Return the tiers, where RECORDs are left alone if nothing in the lock needs them."""
    if tiers.files:
        return tiers
    return replace(tiers, records=any(each.record_ids for each in project.lock.packages))


def verify_inventory(
    project: LockedProject,
    inventory: Inventory,
    machine: Platform,
    *,
    environment: str,
    terms: Terms | None = None,
) -> Verified:
    """Compare what a collector saw with the lock, for the machine it runs on.

    Args:
        project: The lock, and the policy of its manifest.
        inventory: What was seen.
        machine: What the environment runs on.
        environment: Name of the selection.
        terms: What this run asks beyond the policy; as of today by default.

    Raises:
        InputError: The lock is for other platforms, or an ignore entry is wrong.
    """
    platform = fitting_platform(project, machine)
    seen = inventory.interpreter.version
    python = exact_python(seen, python_here(project, environment, parsed_python(seen)))
    selection = select_environment(project, environment, platform, python)
    policy = policy_of(project)
    compared = compare(
        selection,
        inventory,
        policy,
        variables=_declared_variables(project, inventory),
        contents=_contents(project, selection, inventory) if inventory.deep else None,
    )
    if project.manifest is None and inventory.kind == "path":
        compared = replace(compared, findings=_naming(project.path, compared.findings))
    return Verified(
        selection=selection,
        inventory=inventory,
        verification=judge(compared, policy, terms or terms_of_today()),
    )


def _naming(lock: Path, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return findings whose remedies name the lock: without a project, nothing else does."""
    option = f" --lock {shlex.quote(shown(str(lock)))}"

    def named(fix: str) -> str:
        return re.sub(r"\bmooring (?:sync|export)\b", lambda match: match[0] + option, fix)

    return tuple(replace(each, fix=named(each.fix)) if each.fix else each for each in findings)


def _contents(project: LockedProject, selection: Selection, inventory: Inventory) -> Contents:
    """Read the wheels that nothing in the lock proves the installed lists of files of."""
    from mooring.workflow.wheel_contents import read_wheels  # only `--deep` needs it

    return read_wheels(
        wheels_to_read(selection, inventory),
        folder=project.path.parent,
        indexes=project.manifest.indexes if project.manifest else (),
    )


def _declared_variables(project: LockedProject, inventory: Inventory) -> dict[str, str]:
    """Return the variables that the manifest gives its image; no other target has them."""
    image = project.manifest.image if project.manifest else None
    return dict(image.env) if image and inventory.kind in ("container", "image") else {}


def terms_of_today() -> Terms:
    """Return the terms that ask nothing special, on this day in UTC."""
    return Terms(today=datetime.now(UTC).date())


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
