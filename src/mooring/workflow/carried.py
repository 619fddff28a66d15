"""Verify an image with nothing at hand but itself: against the lock that it carries."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from pathlib import Path

from mooring.errors import InputError
from mooring.lock.carried import (
    CARRIED_LOCK,
    LOCK_DIGEST_LABEL,
    CarriedLock,
    CarriedLockError,
    read_carried,
)
from mooring.lock.lines import package_lines
from mooring.oci.model import same_platform
from mooring.platforms import SUBDIRS, Platform
from mooring.reporting import SILENT, Reporter
from mooring.verify.policy import Terms
from mooring.verify.report.model import LockFile, Report
from mooring.verify.tiers import CONTENT, Tiers
from mooring.workflow.inspecting import Inspected, inspect_target
from mooring.workflow.reporting import Timing, report_against
from mooring.workflow.selecting import LockedProject
from mooring.workflow.target import Target
from mooring.workflow.verifying import Verified, verify_inventory


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedByItself:
    """A verification against the target's own lock.

    Attributes:
        path: Of the lock, in the target.
    """

    verified: Verified
    carried: CarriedLock
    path: str

    def report(self, timing: Timing) -> Report:
        """Return the document `report/1`."""
        lock = LockFile(
            path=self.path.lstrip("/"),
            sha256=self.carried.digest.removeprefix("sha256:"),
            lines=package_lines(self.carried.text),
        )
        return report_against(self.verified, lock, timing)


def verify_by_itself(
    target: Target,
    *,
    environment: str | None = None,
    tiers: Tiers = CONTENT,
    terms: Terms | None = None,
    reporter: Reporter = SILENT,
) -> VerifiedByItself:
    """Compare a target with the lock that lies in it.

    That says whether the environment is still what was put into the image. Who made the image it
    cannot say: whoever changes the one can change the other.

    Raises:
        CarriedLockError: There is no such lock, or it cannot be used (exit code 3).
        MooringError: The target is absent, or cannot be read (exit code 3).
        InputError: The lock is not for the named environment.
    """
    wanted = [platform for subdir in SUBDIRS if (platform := Platform.parse(subdir).oci)]
    inspected = inspect_target(target, tiers=tiers, wanted=wanted, reporter=reporter)
    path = posixpath.join(inspected.inventory.root, CARRIED_LOCK)
    carried = _carried(inspected, f"{target.name}: {path}", target)
    locked = carried.target
    if environment not in (None, locked.environment):
        raise InputError(
            f"the image was made of the environment {locked.environment!r}, not {environment!r}",
            where=f"{target.name}: {path}",
        )
    reporter.note(
        f"compared with the lock that is in the {target.form} itself ({path}, {carried.digest}): "
        "this shows that it is as it was built, not who built it"
    )
    verified = verify_inventory(
        LockedProject(path=Path(path), lock=carried.lock, manifest=None),
        inspected.inventory,
        locked.platform,
        environment=locked.environment,
        terms=terms,
    )
    verified = replace(verified, which=inspected.which)
    return VerifiedByItself(verified=verified, carried=carried, path=path)


def _carried(inspected: Inspected, where: str, target: Target) -> CarriedLock:
    found, expected = inspected.inventory.carried, inspected.lock_digest
    if found is None:
        raise _absent(where, target, said=expected is not None)
    carried = read_carried(found, where, expected=expected)
    oci = inspected.oci
    if oci is not None and not same_platform(oci, carried.target.platform.oci or ""):
        raise CarriedLockError(
            f"the lock in the image is for {carried.target.platform}, and the image for {oci}",
            where=where,
        )
    return carried


def _absent(where: str, target: Target, *, said: bool) -> CarriedLockError:
    return CarriedLockError(
        f"the lock in the {target.form} is gone: its label {LOCK_DIGEST_LABEL} says that it has one"
        if said
        else f"there is no project here, and the {target.form} carries no lock",
        where=where,
        hint="name the lock to compare with: --lock FILE, or --project DIR",
    )
