"""A verification as rows for a person; the caller decides how they look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from mooring.verify.findings import SEVERITIES, Finding, Severity, Verification
from mooring.verify.rules import EXTRA

ROWS_PER_PACKAGE = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        package: Normalised name; empty for what concerns the whole environment.
        severity: None for the line that counts what is not shown.
        rule: Rule id; empty where `severity` is None.
        failing: Whether the finding makes the verification fail.
    """

    package: str
    message: str
    severity: Severity | None = None
    rule: str = ""
    path: str = ""
    expected: str = ""
    actual: str = ""
    failing: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows grouped by package, the commands that put things right, and the sum in one sentence."""

    rows: tuple[Row, ...]
    fixes: tuple[str, ...]
    summary: str


def table(verification: Verification, *, most: int | None = ROWS_PER_PACKAGE) -> Table:
    """Return what a person is shown.

    Args:
        verification: The result.
        most: Rows a package may have; None for all of them.
    """
    return Table(
        rows=rows(verification, most=most),
        fixes=_fixes(verification),
        summary=summary(verification),
    )


def rows(verification: Verification, *, most: int | None = ROWS_PER_PACKAGE) -> tuple[Row, ...]:
    """Return the findings as rows, grouped by package, the gravest first, accepted ones last."""
    failing = set(verification.failing)
    result: list[Row] = []
    for package, group in groupby(verification.findings, key=lambda f: f.package or ""):
        found = _gravest_first(group)
        shown = found if most is None else found[:most]
        result += [_row(finding, finding in failing) for finding in shown]
        if len(found) > len(shown):
            hidden = _sum(found[len(shown) :])
            result.append(Row(package=package, message=f"and {hidden:,} more findings"))
    return tuple(result)


def summary(verification: Verification) -> str:
    """Return the result as one sentence without a full stop."""
    checked = (
        f"{_count(verification.packages, 'package')} and "
        f"{_count(verification.checked_files, 'file')} compared"
    )
    if not verification.findings:
        return f"{checked}: nothing differs"
    still_open = [finding for finding in verification.findings if _accepted(finding) is None]
    counts = [
        _count(number, _word(severity))
        for severity in reversed(SEVERITIES)
        if (number := _sum(f for f in still_open if _is(f, severity)))
    ]
    if number := _sum(f for f in still_open if f.rule.unverifiable):
        counts.append(f"{number:,} not verifiable")
    if number := _sum(verification.findings) - _sum(still_open):
        counts.append(f"{number:,} accepted")
    drifted = {f.package for f in verification.failing if f.package}
    where = f" in {_count(len(drifted), 'package')}" if drifted else ""
    return f"{checked}: {', '.join(counts)}{where}"


def _fixes(verification: Verification) -> tuple[str, ...]:
    """Return each command once, and for packages that are extra the setting that allows them."""
    commands = list(dict.fromkeys(f.fix for f in verification.failing if f.fix))
    extra = sorted({f.package for f in verification.failing if f.rule.id == EXTRA.id and f.package})
    if extra:
        names = ", ".join(f'"{name}"' for name in extra)
        commands.append(f"or allow what is extra: allow-extra = [{names}] in the verify table")
    return tuple(commands)


def _sum(findings: Iterable[Finding]) -> int:
    return sum(finding.count for finding in findings)


def _is(finding: Finding, severity: Severity) -> bool:
    return not finding.rule.unverifiable and finding.rule.severity == severity


def _accepted(finding: Finding) -> str | None:
    """Return why a finding does not count: the reason of an ignore entry, or the baseline."""
    return finding.suppressed_by or ("it is in the baseline" if finding.baselined else None)


def _row(finding: Finding, failing: bool) -> Row:
    reason = _accepted(finding)
    return Row(
        package=finding.package or "",
        message=f"{finding.message} (accepted: {reason})" if reason else finding.message,
        severity=finding.rule.severity,
        rule=finding.rule.id,
        path=finding.path or "",
        expected=_short(finding.expected),
        actual=_short(finding.actual),
        failing=failing,
    )


def _gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(
        findings, key=lambda f: (_accepted(f) is not None, -SEVERITIES.index(f.rule.severity))
    )


def _short(value: str | None) -> str:
    """Return a value for a narrow column: of a digest its first 12 digits."""
    if value is None:
        return ""
    algorithm, colon, digest = value.partition(":")
    if colon and algorithm.startswith("sha") and len(digest) >= 64:
        return f"{algorithm}:{digest[:12]}"
    return value


def _word(severity: Severity) -> str:
    return "note" if severity == "info" else severity


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
