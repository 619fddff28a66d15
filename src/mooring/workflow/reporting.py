"""Reports: a verification as one document that points into the repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mooring.digests import sha256_hex
from mooring.files import read_text
from mooring.lock.lines import Lines, package_lines

if TYPE_CHECKING:
    from mooring.verify.report.model import LockFile, Report
    from mooring.workflow.repairing import Repaired
    from mooring.workflow.verifying import Verified


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """When a verification began (RFC 3339, UTC) and how long it took, seconds."""

    started: str | None = None
    duration_s: float | None = None


def report_on(
    verified: Verified, lock: Path, timing: Timing, *, repaired: Repaired | None = None
) -> Report:
    """Return the document `report/1` of a verification against a lock file.

    Args:
        verified: The verification; after a repair the second one.
        lock: The lock file.
        timing: When and how long.
        repaired: What was done in between, when a repair was asked for.

    Raises:
        InputError: The lock file cannot be read.
    """
    # Most runs end with a table and need none of the reports.
    from mooring.verify.report.model import LockFile

    text = read_text(lock)
    found = LockFile(
        path=repository_path(lock),
        sha256=sha256_hex(lock.read_bytes()),
        lines=_lines(lock, text, verified),
    )
    return report_against(verified, found, timing, repaired=repaired)


def report_against(
    verified: Verified, lock: LockFile, timing: Timing, *, repaired: Repaired | None = None
) -> Report:
    """Return the document `report/1` of a verification against a lock that is at hand."""
    from mooring.verify.report.json_report import document
    from mooring.verify.report.model import Repair

    return document(
        verified.verification,
        verified.inventory,
        lock=lock,
        selection=verified.selection,
        started=timing.started,
        duration_s=timing.duration_s,
        repair=Repair(
            failed_before=repaired.before.verification.failing,
            reinstalled=repaired.reinstalled,
            removed=repaired.removed,
        )
        if repaired
        else None,
    )


def _lines(lock: Path, text: str, verified: Verified) -> Lines:
    if lock.suffix in (".yml", ".yaml"):
        from mooring.lock.conda_lines import conda_package_lines  # most locks are no YAML

        return conda_package_lines(text, verified.selection.platform.subdir)
    return package_lines(text)


def repository_path(path: Path) -> str:
    """Return a path relative to the repository that holds it, with `/`; else its file name.

    Reports are read elsewhere, where only the repository is the same.
    """
    resolved = path.resolve()
    for folder in resolved.parents:
        if (folder / ".git").exists():  # a folder, or a file in worktrees and submodules
            return resolved.relative_to(folder).as_posix()
    return resolved.name
