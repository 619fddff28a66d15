"""A verification as the document `report/1`, from which every other machine format is made."""

from __future__ import annotations

import mooring
from mooring.digests import sha256_hex
from mooring.lock.model import Selection
from mooring.urls import redact
from mooring.verify.findings import Finding, Verification
from mooring.verify.inventory import Inventory
from mooring.verify.shown import shown

SCHEMA = "report/1"


def document(
    verification: Verification,
    inventory: Inventory,
    *,
    lock_path: str,
    selection: Selection,
    lock_sha256: str | None = None,
    started: str | None = None,
    duration_s: float | None = None,
) -> dict[str, object]:
    """Return the report; see docs/reference/verify-report.md.

    The same arguments give the same document: the clock is one of them.

    Args:
        verification: The result.
        inventory: What was compared.
        lock_path: The lock file, as the user named it.
        selection: What was selected from it.
        lock_sha256: Digest of the lock file, hex.
        started: RFC 3339 time.
        duration_s: Seconds.
    """
    failing = set(verification.failing)
    return {
        "schema": SCHEMA,
        "tool": {"name": "mooring", "version": mooring.__version__},
        "command": "verify",
        "started": started,
        "duration_s": duration_s,
        "clean": verification.clean,
        "target": {
            "kind": inventory.kind,
            "id": shown(redact(inventory.target)),
            "prefix": shown(inventory.root),
            "python": inventory.interpreter.version,
            "platform": inventory.subdir,
        },
        "lock": {
            "path": redact(lock_path),
            "sha256": lock_sha256,
            "platform": str(selection.platform),
            "python": str(selection.python),
            "extras": list(selection.extras),
            "groups": list(selection.groups),
        },
        "tiers": _tiers(inventory),
        "counts": _counts(verification, selection),
        "findings": [_finding(finding, finding in failing) for finding in verification.findings],
    }


def fingerprint(finding: Finding) -> str:
    """Return what stays the same while a finding persists: digest of rule, package and path."""
    text = f"{finding.rule.id}|{finding.package or ''}|{finding.path or ''}"
    return "sha256:" + sha256_hex(text.encode())


def _finding(finding: Finding, failing: bool) -> dict[str, object]:
    return {
        "rule": finding.rule.id,
        "kind": finding.rule.kind,
        "severity": finding.rule.severity,
        "unverifiable": finding.rule.unverifiable,
        "failing": failing,
        "package": finding.package,
        "path": finding.path,
        "message": finding.message,
        "expected": finding.expected,
        "actual": finding.actual,
        "fix": finding.fix,
        "fingerprint": fingerprint(finding),
    }


def _tiers(inventory: Inventory) -> dict[str, str]:
    done = "done" if inventory.hashed else "skipped"
    return {"T0": "skipped", "T1": "done", "T2": "done", "T3": done, "T4": "skipped"}


def _counts(verification: Verification, selection: Selection) -> dict[str, int]:
    """Count packages; `drift` and `unverifiable` ones may overlap, `ok` ones are in neither."""
    locked = {selected.package.name for selected in selection.packages}
    drift = {f.package for f in verification.failing if f.package and not f.rule.unverifiable}
    doubtful = {f.package for f in verification.failing if f.package and f.rule.unverifiable}
    return {
        "locked": len(locked),
        "checked": verification.packages,
        "ok": len(locked - drift - doubtful),
        "drift": len(drift),
        "unverifiable": len(doubtful),
        "suppressed": 0,
        "files": verification.checked_files,
        "bytes": verification.checked_bytes,
    }
