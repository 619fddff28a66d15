"""`[tool.mooring.verify]`: which findings fail, and which are known and accepted."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import get_args

from mooring.errors import InputError
from mooring.manifest.model import IgnoreEntry, Severity, VerifyPolicy, VerifyPreset
from mooring.manifest.nearest import advice
from mooring.manifest.problems import quoted
from mooring.manifest.requirement import canonical_name
from mooring.manifest.requirement_lists import names
from mooring.manifest.tables import Table

_RULE = re.compile(r"MOR[0-9]{3}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST_PATTERN = 1000


def read_verify(table: Table) -> VerifyPolicy:
    """Return the policy of a manifest; what is wrong is recorded and left at its default."""
    preset = _preset(table)
    fail_on = _fail_on(table) or ("warning" if preset == "prod" else "error")
    policy = VerifyPolicy(
        fail_on=fail_on,
        allow_extra=names(table, "allow-extra"),
        preset=preset,
        ignore=tuple(
            entry
            for below in table.tables("ignore")
            if (entry := _entry(below, strict=preset == "prod")) is not None
        ),
    )
    table.refuse_unknown()
    return policy


def _preset(table: Table) -> VerifyPreset:
    value = table.string("preset")
    for name in get_args(VerifyPreset):
        if value == name:
            return name  # type: ignore[no-any-return]  # get_args tells no types
    if value is not None:
        known = get_args(VerifyPreset)
        table.problem(
            "preset", f"unknown preset {quoted(value)}", advice(value, known, what="presets")
        )
    return "ci"


def _fail_on(table: Table) -> Severity | None:
    value = table.string("fail-on")
    for name in get_args(Severity):
        if value == name:
            return name  # type: ignore[no-any-return]  # get_args tells no types
    if value is not None:
        known = get_args(Severity)
        table.problem(
            "fail-on", f"unknown severity {quoted(value)}", advice(value, known, what="severities")
        )
    return None


def _entry(table: Table, *, strict: bool) -> IgnoreEntry | None:
    reason, rule = table.string("reason"), table.string("rule")
    package, path = table.string("package"), table.string("path")
    expires = _expires(table)
    table.refuse_unknown()
    if not (reason or "").strip():
        table.problem(
            "reason" if "reason" in table else (),
            "the entry gives no reason",
            'write reason = "why this is accepted"',
        )
    if rule is not None and not _RULE.fullmatch(rule):
        table.problem("rule", f"{quoted(rule)} is no rule id", "rule ids look like MOR106")
    if package is not None:
        with table.catch("package"):
            package = canonical_name(package)
    if path is not None:
        with table.catch("path"):
            _refuse_pattern(path)
    if not any(key in table for key in ("rule", "package", "path")):
        table.problem(
            (),
            "the entry would ignore every finding",
            "name a rule, a package or a path, or several of them",
        )
    if strict and "expires" not in table:
        table.problem(
            (), "the preset prod wants an end for what is ignored", "write expires = 2030-01-31"
        )
    return IgnoreEntry(
        reason=reason or "",
        rule=rule,
        package=package,
        path=path,
        expires=expires,
        where=table.place(),
    )


def _expires(table: Table) -> date | None:
    if "expires" in table:
        with table.catch("expires"):
            return _day(table.data["expires"])
    return None


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass  # such as 2026-02-30
    raise InputError(
        f"{quoted(str(value))} is not a date",
        hint="write 2030-01-31; the entry counts on that day for the last time",
    )


def _refuse_pattern(path: str) -> None:
    if not path or len(path) > _LONGEST_PATTERN:
        raise InputError("the pattern is empty or very long")
    if path.startswith("/") or "\\" in path:
        raise InputError(
            f"{quoted(path)} can match no path",
            hint="paths are relative to the environment's root, with `/`, such as "
            "`*/certifi/cacert.pem`",
        )
