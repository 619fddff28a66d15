"""What every renderer asks of a report: an order, a headline, texts that are fit to be shown."""

from __future__ import annotations

from collections.abc import Iterable

from mooring.verify.findings import SEVERITIES
from mooring.verify.report.model import FindingRow, Report
from mooring.verify.shown import shown


def gravest_first(findings: Iterable[FindingRow]) -> list[FindingRow]:
    """Sort by what a reader must see: what fails, then by severity; accepted ones come last."""
    return sorted(
        findings,
        key=lambda row: (
            accepted(row) is not None,
            not row["failing"],
            -SEVERITIES.index(row["severity"]),
        ),
    )


def accepted(row: FindingRow) -> str | None:
    """Return why a finding is accepted: an ignore entry's reason, or the baseline; else None."""
    if row["suppressed_by"] is not None:
        return shown(row["suppressed_by"])
    return "it is in the baseline" if row["baselined"] else None


def told(row: FindingRow) -> str:
    """Return a finding as one line: package, message, file, expected and actual value."""
    parts = [f"{row['package'] or 'environment'}: {row['message']}"]
    if row["path"]:
        parts.append(f" ({row['path']})")
    if row["expected"] is not None:
        parts.append(f"; expected {row['expected']}")
    if row["actual"] is not None:
        parts.append(f"; found {row['actual']}")
    return "".join(map(shown, parts))


def headline(report: Report) -> str:
    """Return the result as one sentence without a full stop."""
    counts = report["counts"]
    compared = f"{counted(counts['checked'], 'package')}, {counted(counts['files'], 'file')}"
    if report["clean"]:
        return f"{compared} compared: nothing fails"
    drifted = [row for row in report["packages"] if row["status"] != "ok"]
    failing = sum(row["count"] for row in report["findings"] if row["failing"])
    where = f" in {counted(len(drifted), 'package')}" if drifted else ""
    return f"{compared} compared: {counted(failing, 'failing finding')}{where}"


def repaired(report: Report) -> str | None:
    """Return what a repair did as one sentence without a full stop, None where there was none."""
    repair = report["repair"]
    if repair is None:
        return None
    done = [
        f"{word} {', '.join(map(shown, names))}"
        for word, names in (("reinstalled", repair["reinstalled"]), ("removed", repair["removed"]))
        if names
    ]
    before = sum(row["count"] for row in repair["failed_before"])
    failed = f"{counted(before, 'finding')} failed before"
    return f"Repair: {'; '.join(done) or 'nothing was done'}; {failed}"


def counted(number: int, noun: str) -> str:
    """Return `1 package`, `2,000 packages`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def fixes(report: Report) -> list[str]:
    """Return what puts the failing findings right, each once."""
    found = (row["fix"] for row in report["findings"] if row["failing"])
    return list(dict.fromkeys(shown(fix) for fix in found if fix))
