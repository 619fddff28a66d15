"""Repair: install again what drifted in a virtual environment, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mooring.files import one_writer
from mooring.install.venv import repair_venv
from mooring.reporting import SILENT, Reporter
from mooring.verify.findings import Verification
from mooring.verify.policy import Terms
from mooring.verify.rules import EXTRA, PYTHON
from mooring.verify.tiers import CONTENT, Tiers
from mooring.workflow.selecting import LockedProject
from mooring.workflow.verifying import Verified, verify_path


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """What a repair did.

    Attributes:
        before, verified: The verifications before and after; the same when nothing was done.
        reinstalled, removed: Normalised names, sorted.
    """

    before: Verified
    verified: Verified
    reinstalled: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def repair_path(
    project: LockedProject,
    path: Path,
    *,
    environment: str = "default",
    tiers: Tiers = CONTENT,
    terms: Terms | None = None,
    reporter: Reporter = SILENT,
) -> Repaired:
    """Verify a virtual environment, install afresh what drifted, and verify it again.

    Packages with a failing finding are fetched anew, so that a cache which caused the drift does
    not cause it again; what is installed without being locked or allowed is removed. What a
    policy or a baseline accepts stays as it is.

    Raises:
        InputError: The folder holds something else than a virtual environment.
        MooringError: The environment cannot be read, or uv cannot install the packages.
    """
    with one_writer(path):
        verify = partial(
            verify_path, project, path, environment=environment, tiers=tiers, terms=terms
        )
        before = verify()
        drifted, extra = _repairable(before)
        if not drifted and not extra:
            return Repaired(before=before, verified=before)
        if _other_python(before.verification):
            reporter.warn(
                "nothing was repaired: the environment has another Python, which only "
                "`mooring sync` puts right"
            )
            return Repaired(before=before, verified=before)
        reporter.step(f"Repairing {', '.join((*drifted, *extra))}")
        repair_venv(
            path,
            replace(
                before.selection,
                packages=tuple(
                    selected
                    for selected in before.selection.packages
                    if selected.package.name in drifted
                ),
            ),
            remove=extra,
            indexes=project.manifest.indexes if project.manifest else (),
            reporter=reporter,
            lock_folder=project.path.parent,
        )
        verified = verify()
    return Repaired(before=before, verified=verified, reinstalled=drifted, removed=extra)


def _repairable(verified: Verified) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the locked packages that drifted, and those that are too many."""
    locked = {selected.package.name for selected in verified.selection.packages}
    failing = [finding for finding in verified.verification.failing if finding.package]
    drifted = {finding.package for finding in failing} & locked
    extra = {finding.package for finding in failing if finding.rule.id == EXTRA.id} - locked
    return tuple(sorted(filter(None, drifted))), tuple(sorted(filter(None, extra)))


def _other_python(verification: Verification) -> bool:
    return any(f.rule.id == PYTHON.id and f.rule.severity == "error" for f in verification.failing)
