"""`[tool.mooring.verify]`: which findings fail, and which are known and accepted."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import get_args

from mooring.errors import InputError
from mooring.manifest.model import IgnoreEntry, Severity, VerifyPolicy, VerifyPreset
from mooring.manifest.problems import quoted
from mooring.manifest.requirement import canonical_name
from mooring.manifest.requirement_lists import names
from mooring.manifest.tables import Table

_PRESETS: tuple[VerifyPreset, ...] = get_args(VerifyPreset)
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)
_RULE = re.compile(r"MOR[0-9]{3}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LONGEST_PATTERN = 1000


def read_verify(table: Table) -> VerifyPolicy:
    """Return the policy of a manifest; what is wrong is recorded and left at its default."""
    preset = table.choice("preset", _PRESETS, one="preset", many="presets") or "ci"
    fail_on = table.choice("fail-on", _SEVERITIES, one="severity", many="severities")
    policy = VerifyPolicy(
        fail_on=fail_on or ("warning" if preset == "prod" else "error"),
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
