"""Markdown for pull requests and step summaries; foreign text can neither format nor mention."""

from __future__ import annotations

import re

from mooring.verify.report.model import FindingRow, Report
from mooring.verify.report.reading import (
    accepted,
    counted,
    fixes,
    gravest_first,
    headline,
    repaired,
)
from mooring.verify.report.sarif import help_uri
from mooring.verify.shown import shown

MOST_ROWS = 200
"""Findings in the table: a step summary may have 1 MiB."""

_LONGEST = 160
_TAME = re.compile(r"[A-Za-z0-9 .,;'()/+=-]*")
_IN_CODE = re.compile(r"[A-Za-z0-9 .,;:'()/+=<>~!@#$%^&*?\"{}\[\]_-]+")


def markdown_text(report: Report) -> str:
    """Return the report as Markdown: a sentence, a table of findings, the commands that help."""
    mark = "✅" if report["clean"] else "❌"
    lock = report["lock"]
    against = f"Lock: {code(lock['path'])} for {code(lock['platform'])}"
    lines = [
        f"## {mark} mooring verify: {code(report['target']['id'])}",
        "",
        f"{headline(report)}. {against}, Python {code(lock['python'])}.",
    ]
    if told := repaired(report):
        lines += ["", f"{code(told)}"]
    rows = gravest_first(report["findings"])
    if rows:
        lines += ["", "| | package | rule | what | expected | actual |", "|-|-|-|-|-|-|"]
        lines += [_row(row) for row in rows[:MOST_ROWS]]
    if hidden := sum(row["count"] for row in rows[MOST_ROWS:]):
        lines += ["", f"{counted(hidden, 'more finding')} not shown."]
    if commands := fixes(report):
        lines += ["", "How it is put right:", ""]
        lines += [f"- {code(command)}" for command in commands[:MOST_ROWS]]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Return foreign text as code that no character of it can leave, also within a table."""
    text = shown(text)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "..."
    if _IN_CODE.fullmatch(text) and text.strip() == text:
        return f"`{text}`"
    # Backticks, pipes and backslashes mean different things to different readers of tables.
    escaped = "".join(c if c.isalnum() or c in " ./-" else f"&#{ord(c)};" for c in text)
    return f"<code>{escaped}</code>"


def _prose(text: str) -> str:
    return text if _TAME.fullmatch(text) and "www." not in text else code(text)


def _row(row: FindingRow) -> str:
    reason = accepted(row)
    state = "accepted" if reason is not None else "fails" if row["failing"] else row["severity"]
    what = _prose(row["message"])
    if row["path"]:
        what += f": {code(row['path'])}"
    if reason is not None:
        what += f" (accepted: {_prose(reason)})"
    cells = (
        state,
        code(row["package"]) if row["package"] else "(environment)",
        f"[{row['rule']}]({help_uri(row['rule'])})",
        what,
        _value(row["expected"]),
        _value(row["actual"]),
    )
    return f"| {' | '.join(cells)} |"


def _value(value: str | None) -> str:
    if value is None:
        return ""
    algorithm, colon, digest = value.partition(":")
    if colon and algorithm.startswith("sha") and len(digest) >= 64:
        return code(f"{algorithm}:{digest[:12]}")
    return code(value)
