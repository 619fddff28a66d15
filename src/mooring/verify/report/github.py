"""GitHub workflow commands: annotations at the lock file's lines, ten of them at most."""

from __future__ import annotations

from itertools import groupby

from mooring.verify.report.model import FindingRow, Report
from mooring.verify.report.reading import accepted, counted, gravest_first, headline, repaired, told
from mooring.verify.shown import shown

MOST = 10
"""GitHub shows ten annotations of a kind for a step and drops the others without a word."""


def github_text(report: Report) -> str:
    """Return workflow commands: one for each package and rule, and one that counts the rest.

    What fails is an error whatever its severity; warnings follow. Notes and what is accepted are
    left to the other reports.
    """
    rows = [
        row
        for row in gravest_first(report["findings"])
        if row["failing"] or (row["severity"] != "info" and accepted(row) is None)
    ]
    # A package of a thousand files is one annotation. Sorting keeps the order of gravity within.
    order = {key: number for number, key in reversed(list(enumerate(map(_key, rows))))}
    groups = [
        list(group) for _, group in groupby(sorted(rows, key=lambda row: order[_key(row)]), _key)
    ]
    lines = [_annotation(group, report) for group in groups[:MOST]]
    if hidden := groups[MOST:]:
        text = f"{counted(sum(map(_count, hidden)), 'more finding')} of {headline(report)}"
        lines.append(_command("notice", report, 1, "mooring verify", text))
    if done := repaired(report):
        lines.append(_command("notice", report, 1, "mooring verify --repair", done))
    return "".join(f"{line}\n" for line in lines)


def _key(row: FindingRow) -> tuple[bool, str, str]:
    return not row["failing"], row["package"] or "", row["rule"]


def _count(group: list[FindingRow]) -> int:
    return sum(row["count"] for row in group)


def _annotation(group: list[FindingRow], report: Report) -> str:
    first = group[0]
    text = told(first)
    if (number := _count(group)) > 1:
        text += f", and {counted(number - 1, 'more finding')} like it"
    if first["fix"]:
        text += f"\nfix: {shown(first['fix'])}"
    level = "error" if first["failing"] else "warning"
    return _command(level, report, first["lock_line"] or 1, first["rule"], text)


def _command(level: str, report: Report, line: int, title: str, text: str) -> str:
    file = _property(report["lock"]["path"])
    return f"::{level} file={file},line={line},title={_property(title)}::{_data(text)}"


def _data(text: str) -> str:
    """Escape what ends a message or begins another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
