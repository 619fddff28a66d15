"""Reports made by hand, small ones and hostile ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from tests.environments import locked

from mooring.lock.model import Selection
from mooring.platforms import Platform, PythonVersion
from mooring.verify import rules
from mooring.verify.findings import Finding, Verification
from mooring.verify.inventory import Interpreter, Inventory
from mooring.verify.report.json_report import document
from mooring.verify.report.model import LockFile, Report

SHA = "sha256:" + "5" * 64
HOSTILE = (
    "a]]>b",
    "line\nbreak\r::error::pwned",
    "::set-output name=x::y",
    "pi|pe \\| back\\slash",
    "tick ` ``` tick",
    "esc\x1b[31mred\x1b]0;title\x07",
    "nul\x00\x08\x0b\ufffe",
    "surrogate\udce9",
    "right\u202eleft\u2028para",
    "<script>&amp;\"'</script>",
    "@team #1 https://evil.example www.evil.example [x](y) ![i](j) **b** _i_",
    "100%25 a,b:c",
    "x" * 100_000,
    " ",
    "",
)
"""What a hostile target may name a package, a file or a version."""


def finding(package: str | None = "alpha", path: str | None = None, **more: Any) -> Finding:
    """Return a finding of a modified file, unless told otherwise."""
    values: dict[str, Any] = {
        "rule": rules.MODIFIED,
        "message": "the content differs",
        "expected": SHA,
        "actual": SHA.replace("5", "6"),
        "fix": "mooring sync .venv",
    }
    return Finding(package=package, path=path, **(values | more))


def report(
    *findings: Finding,
    names: tuple[str, ...] = ("alpha", "beta"),
    lines: Mapping[tuple[str, str | None], int] | None = None,
    path: str = "pylock.toml",
    target: str = ".venv",
    started: str | None = "2026-01-02T03:04:05Z",
) -> Report:
    """Return the report of these findings; those of severity `error` or unverifiable fail."""
    failing = tuple(
        f
        for f in findings
        if (f.rule.severity == "error" or f.rule.unverifiable)
        and f.suppressed_by is None
        and not f.baselined
    )
    return document(
        Verification(
            findings=findings,
            packages=len(names),
            checked_files=10,
            checked_bytes=1000,
            failing=failing,
        ),
        Inventory(
            kind="path",
            target=target,
            root=f"/project/{target}",
            interpreter=Interpreter(version="3.11.7"),
            distributions=(),
        ),
        lock=LockFile(path=path, sha256="0" * 64, lines=lines or {}),
        selection=Selection(
            platform=Platform.parse("linux-64"),
            python=PythonVersion(minor=11),
            extras=(),
            groups=("dev",),
            packages=tuple(map(locked, names)),
        ),
        started=started,
        duration_s=None if started is None else 1.25,
    )


def hostile() -> Report:
    """Return a report in which every foreign text is hostile."""
    found = [
        finding(text, text, message=f"odd: {text}", expected=text, actual=text, fix=text)
        for text in HOSTILE
    ]
    found += [
        finding(text, text, rule=rules.EDITABLE, suppressed_by=text or "accepted")
        for text in HOSTILE
    ]
    return report(*found, path="a b/[lock], 100%:é.toml", target="ta\nr::get")


def schema() -> dict[str, Any]:
    """Return the published JSON Schema."""
    text = resources.files("mooring.verify.report").joinpath("schema/report-1.schema.json")
    loaded: dict[str, Any] = json.loads(text.read_text(encoding="utf-8"))
    return loaded


def texts(value: object) -> Iterator[str]:
    """Yield every string of a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
