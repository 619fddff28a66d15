"""A verification as the document `report/1`, from which every other machine format is made."""

from __future__ import annotations

import json
from collections.abc import Mapping

import mooring
from mooring.lock.lines import line_of
from mooring.lock.model import Selection
from mooring.urls import redact
from mooring.verify.findings import Finding, Verification, fingerprint
from mooring.verify.inventory import Inventory
from mooring.verify.report.model import (
    SCHEMA,
    TIERS,
    CountsRow,
    FindingRow,
    LockFile,
    PackageRow,
    Repair,
    RepairRow,
    Report,
    Status,
    Tier,
)
from mooring.verify.shown import shown

# The tier that finds a rule's differences, by the number of the rule; all others are T1.
_FACTS = frozenset({115, 116, 118, 119, 120, 121, 126, 127, 128, 130, 131, 132, 190, 191, 192})
_STATS = frozenset({107, 108})
_CONTENTS = frozenset({106, 124, 129, 134})
_DEEP = frozenset({112})


def document(
    verification: Verification,
    inventory: Inventory,
    *,
    lock: LockFile,
    selection: Selection,
    started: str | None = None,
    duration_s: float | None = None,
    repair: Repair | None = None,
) -> Report:
    """Return the report; see docs/reference/verify-report.md.

    The same arguments give the same document: the clock is one of them.

    Args:
        verification: The result.
        inventory: What was compared.
        lock: The lock file that was selected from.
        selection: What was selected from it.
        started: RFC 3339 time.
        duration_s: Seconds.
        repair: What was done before the verification, if that was asked for.
    """
    packages = _packages(verification, selection, lock)
    lines = {row["name"]: row["lock_line"] for row in packages}
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
            "path": redact(lock.path),
            "sha256": lock.sha256,
            "platform": str(selection.platform),
            "python": str(selection.python),
            "extras": list(selection.extras),
            "groups": list(selection.groups),
        },
        "tiers": _tiers(inventory),
        "counts": _counts(verification, packages),
        "packages": packages,
        "findings": [
            _finding(finding, finding in failing, lines.get(finding.package or ""))
            for finding in verification.findings
        ],
        "repair": None if repair is None else _repair(repair, lines),
    }


def json_text(report: Report) -> str:
    """Return the report as JSON."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def tier_of(rule: str) -> Tier:
    """Return the tier that finds what a rule is about."""
    number = int(rule.removeprefix("MOR"))
    for tier, numbers in (("T0", _FACTS), ("T2", _STATS), ("T3", _CONTENTS), ("T4", _DEEP)):
        if number in numbers:
            return tier  # type: ignore[return-value]  # mypy widens the literals to str
    return "T1"


def _finding(finding: Finding, failing: bool, line: int | None) -> FindingRow:
    return {
        "rule": finding.rule.id,
        "kind": finding.rule.kind,
        "tier": tier_of(finding.rule.id),
        "severity": finding.rule.severity,
        "unverifiable": finding.rule.unverifiable,
        "failing": failing,
        "package": _shown(finding.package),
        "path": _shown(finding.path),
        "message": shown(finding.message),
        "expected": _shown(finding.expected),
        "actual": _shown(finding.actual),
        "fix": _shown(finding.fix),
        "lock_line": line,
        "fingerprint": fingerprint(finding),
        "suppressed_by": _shown(finding.suppressed_by),
        "baselined": finding.baselined,
        "count": finding.count,
    }


def _repair(repair: Repair, lines: Mapping[str, int | None]) -> RepairRow:
    return {
        "reinstalled": [shown(name) for name in repair.reinstalled],
        "removed": [shown(name) for name in repair.removed],
        "failed_before": [
            _finding(finding, True, lines.get(finding.package or ""))
            for finding in repair.failed_before
        ],
    }


def _shown(text: str | None) -> str | None:
    return None if text is None else shown(text)


def _tiers(inventory: Inventory) -> dict[Tier, str]:
    looked = {
        "T0": inventory.facts is not None,
        "T1": True,
        "T2": inventory.looked,
        "T3": inventory.hashed,
        "T4": inventory.bytecode is not None,
    }
    return {tier: "done" if looked[tier] else "skipped" for tier in TIERS}


def _packages(verification: Verification, selection: Selection, lock: LockFile) -> list[PackageRow]:
    """Return the locked packages and those that a finding names besides, sorted by name."""
    versions = {s.package.name: s.package.version for s in selection.packages}
    drift = {f.package for f in verification.failing if not f.rule.unverifiable}
    doubtful = {f.package for f in verification.failing if f.rule.unverifiable}
    names = versions.keys() | {f.package for f in verification.findings if f.package}
    rows: list[PackageRow] = []
    for name in sorted(names):
        version = versions.get(name)
        status: Status = "drift" if name in drift else "unverifiable" if name in doubtful else "ok"
        rows.append(
            {
                "name": shown(name),
                "version": version,
                "locked": name in versions,
                "status": status,
                "lock_line": line_of(lock.lines, name, version) if name in versions else None,
            }
        )
    return rows


def _counts(verification: Verification, packages: list[PackageRow]) -> CountsRow:
    """Count packages; `drift` and `unverifiable` ones may overlap, `ok` ones are in neither."""
    drift = {f.package for f in verification.failing if f.package and not f.rule.unverifiable}
    accepted = [f for f in verification.findings if f.suppressed_by is None and not f.baselined]
    doubtful = {f.package for f in accepted if f.package and f.rule.unverifiable}
    locked = [row for row in packages if row["locked"]]
    return {
        "locked": len(locked),
        "checked": verification.packages,
        "ok": sum(row["status"] == "ok" for row in locked),
        "drift": len(drift),
        "unverifiable": len(doubtful),
        "suppressed": sum(f.count for f in verification.findings if f.suppressed_by is not None),
        "baselined": sum(f.count for f in verification.findings if f.baselined),
        "files": verification.checked_files,
        "bytes": verification.checked_bytes,
    }
