"""SARIF 2.1.0 for code scanning: a result points at its package's line in the lock file."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from urllib.parse import quote

from mooring.verify import rules
from mooring.verify.findings import Rule, Severity
from mooring.verify.report.model import FindingRow, Report
from mooring.verify.report.reading import accepted, counted, gravest_first, repaired, told
from mooring.verify.shown import shown

SOURCE = "https://github.com/mooring-dev/mooring"
"""`project.urls` of pyproject.toml, which an installed package does not have at hand."""

MAX_RESULTS = 25_000
"""Code scanning refuses a run with more results than that."""

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}


def sarif_text(report: Report, *, most: int = MAX_RESULTS) -> str:
    """Return the report as SARIF 2.1.0.

    Args:
        report: The document.
        most: Results at most; the gravest are kept, and a notification counts the rest.
    """
    results = gravest_first(report["findings"])
    log = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(report)},
                "invocations": [_invocation(report, sum(row["count"] for row in results[most:]))],
                "results": [_result(row, report) for row in results[:most]],
            }
        ],
    }
    # Indented, a run of all its results would be four times as slow to write.
    return json.dumps(log, ensure_ascii=False) + "\n"


def help_uri(rule: str) -> str:
    """Return the address of the page about a rule."""
    return f"{SOURCE}/blob/main/docs/rules/{rule}.md"


def _driver(report: Report) -> dict[str, object]:
    return {
        "name": report["tool"]["name"],
        "version": report["tool"]["version"],
        "informationUri": SOURCE,
        "rules": [_rule(rule) for rule in rules.RULES],
    }


def _rule(rule: Rule) -> dict[str, object]:
    doubt = " It says that something could not be checked." if rule.unverifiable else ""
    uri = help_uri(rule.id)
    return {
        "id": rule.id,
        "name": rule.kind,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": f"{rule.title}.{doubt}"},
        "help": {"text": f"What it means, why it matters, how it is put right: {uri}"},
        "helpUri": uri,
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": [rule.kind.partition(".")[0]]},
    }


def _invocation(report: Report, left_out: int) -> dict[str, object]:
    invocation: dict[str, object] = {"executionSuccessful": True}
    if report["started"] is not None:
        invocation["startTimeUtc"] = report["started"]
        if report["duration_s"] is not None:
            invocation["endTimeUtc"] = _later(report["started"], report["duration_s"])
    notes = []
    if left_out:
        text = f"{counted(left_out, 'result')} left out: the JSON report has them all"
        notes.append({"level": "warning", "message": {"text": text}})
    if done := repaired(report):
        notes.append({"level": "note", "message": {"text": done}})
    if notes:
        invocation["toolExecutionNotifications"] = notes
    return invocation


def _later(started: str, seconds: float) -> str:
    end = datetime.fromisoformat(started) + timedelta(seconds=seconds)
    return end.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_INDEX = {rule.id: number for number, rule in enumerate(rules.RULES)}


def _result(row: FindingRow, report: Report) -> dict[str, object]:
    result: dict[str, object] = {
        "ruleId": row["rule"],
        "level": _LEVELS[row["severity"]],
        "message": {"text": _message(row)},
        "locations": [_location(row, report)],
        "partialFingerprints": {"mooring/v1": row["fingerprint"].removeprefix("sha256:")},
        "properties": {
            key: row[key]
            for key in ("package", "path", "expected", "actual", "fix", "tier", "failing", "count")
            if row[key] is not None
        },
    }
    if row["rule"] in _INDEX:
        result["ruleIndex"] = _INDEX[row["rule"]]
    if (reason := accepted(row)) is not None:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": reason}
        ]
    return result


def _message(row: FindingRow) -> str:
    """Return the finding and its remedy; brackets would be links in SARIF."""
    text = told(row) + (f". Fix: {shown(row['fix'])}" if row["fix"] else "")
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _location(row: FindingRow, report: Report) -> dict[str, object]:
    location: dict[str, object] = {
        "physicalLocation": {
            "artifactLocation": {
                "uri": quote(report["lock"]["path"]),
                "uriBaseId": "%SRCROOT%",
            },
            # A result without a line is not shown; what concerns no package stands at the top.
            "region": {"startLine": row["lock_line"] or 1},
        }
    }
    if row["path"]:
        path = shown(row["path"])
        location["logicalLocations"] = [
            {
                "name": path.rpartition("/")[2] or path,
                "fullyQualifiedName": f"{report['target']['prefix'].rstrip('/')}/{path}",
                "kind": "resource",
            }
        ]
    elif row["package"]:
        name = shown(row["package"])
        location["logicalLocations"] = [
            {"name": name, "fullyQualifiedName": name, "kind": "module"}
        ]
    return location
