"""JUnit XML: a suite for each tier that was looked at, a case for each package."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET  # only written, never parsed

from mooring.verify.report.model import TIERS, FindingRow, Report, Tier
from mooring.verify.report.reading import accepted, gravest_first, repaired, told
from mooring.verify.rules import MISSING
from mooring.verify.shown import shown

_TITLES: Mapping[Tier, str] = {
    "T0": "facts",
    "T1": "metadata",
    "T2": "files",
    "T3": "contents",
    "T4": "deep",
}
ENVIRONMENT = "(environment)"
MOST_LINES = 200
"""Findings that are written out for one package; the JSON report has them all."""


def junit_text(report: Report) -> str:
    """Return the report as JUnit XML.

    A case fails with what drifted; it is an error when all that fails could not be checked, and
    skipped when an ignore entry or the baseline accepts what was found. A package that is absent,
    or whose files could not be checked, has no case that could pass in the tiers about files.
    """
    found: dict[tuple[Tier, str], list[FindingRow]] = defaultdict(list)
    for row in gravest_first(report["findings"]):
        found[row["tier"], row["package"] or ENVIRONMENT].append(row)
    root = ET.Element("testsuites", name=f"mooring verify {shown(report['target']['id'])}")
    for tier in TIERS:
        names = _cases(tier, report, found)
        if not names:
            continue
        suite = ET.SubElement(root, "testsuite", name=f"{tier} {_TITLES[tier]}")
        if report["started"] is not None:
            suite.set("timestamp", report["started"])
        if done := repaired(report):
            properties = ET.SubElement(suite, "properties")
            ET.SubElement(properties, "property", name="repair", value=shown(done))
        for name in names:
            suite.append(_case(name, tier, found.get((tier, name), [])))
        _count(suite)
    _count(root, depth="testsuite/testcase")
    if report["duration_s"] is not None:
        root.set("time", f"{report['duration_s']:.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _cases(
    tier: Tier, report: Report, found: Mapping[tuple[Tier, str], Sequence[FindingRow]]
) -> list[str]:
    """Return the names of a tier's cases: what was looked at, and what was found all the same."""
    names = {name for of, name in found if of == tier}
    if report["tiers"][tier] == "done":
        if tier == "T0":
            names.add(ENVIRONMENT)
        else:
            names |= {row["name"] for row in report["packages"] if row["locked"]}
    return sorted(names - _unseen(report, found) if tier not in ("T0", "T1") else names)


def _unseen(report: Report, found: Mapping[tuple[Tier, str], Sequence[FindingRow]]) -> set[str]:
    """Return the packages whose files nothing is known of."""
    return {
        row["package"]
        for row in report["findings"]
        if row["package"] is not None
        and (row["rule"] == MISSING.id or (row["tier"] == "T1" and row["unverifiable"]))
        and not any((tier, row["package"]) in found for tier in ("T2", "T3", "T4"))
    }


def _case(name: str, tier: Tier, rows: Sequence[FindingRow]) -> ET.Element:
    case = ET.Element("testcase", name=shown(name), classname=f"mooring.verify.{tier}")
    failing = [row for row in rows if row["failing"]]
    drift = [row for row in failing if not row["unverifiable"]]
    suppressed = [row for row in rows if accepted(row) is not None]
    if failing:
        first = (drift or failing)[0]
        problem = ET.SubElement(
            case, "failure" if drift else "error", message=told(first), type=first["rule"]
        )
        problem.text = _lines(failing)
    elif suppressed:
        first = suppressed[0]
        ET.SubElement(case, "skipped", message=f"{told(first)}; accepted: {accepted(first)}")
    if passing := [row for row in rows if not row["failing"]]:
        ET.SubElement(case, "system-out").text = _lines(passing)
    return case


def _lines(rows: Sequence[FindingRow]) -> str:
    lines = []
    for row in rows[:MOST_LINES]:
        reason = accepted(row)
        fix = f"\n  fix: {shown(row['fix'])}" if row["fix"] and row["failing"] else ""
        lines.append(
            f"{row['rule']} {row['severity']}: {told(row)}"
            + (f" [accepted: {reason}]" if reason is not None else fix)
        )
    if len(rows) > MOST_LINES:
        lines.append(f"and {sum(row['count'] for row in rows[MOST_LINES:]):,} more")
    return "\n".join(lines)


def _count(element: ET.Element, *, depth: str = "testcase") -> None:
    element.set("tests", str(len(element.findall(depth))))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(key, str(len(element.findall(f"{depth}/{tag}"))))
