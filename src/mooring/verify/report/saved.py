"""A saved JSON report, read again: whatever is in the file, the result is a whole `report/1`."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from mooring.errors import InputError
from mooring.files import read_text
from mooring.verify.baseline import FILE_LIMIT
from mooring.verify.report.model import SCHEMA, FindingRow, Report, Tier
from mooring.verify.shown import shown

# Keys that came later, without a new number, with what a document without them means.
_LATER: Mapping[type, Mapping[str, object]] = {Report: {"repair": None}, FindingRow: {"count": 1}}
_RULE, _FINGERPRINT = re.compile(r"MOR[0-9]{3}"), re.compile(r"sha256:[0-9a-f]{64}")
_LARGEST = 1 << 53
_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def read_report(path: Path) -> Report:
    """Read a saved report.

    Raises:
        InputError: The file is absent, too large, or not as `report/1` says.
    """
    return parse_report(read_text(path, limit=FILE_LIMIT), str(path))


def parse_report(text: str, where: str) -> Report:
    """Parse a report; keys that are not known are passed over, as the schema asks.

    Args:
        text: The file's content.
        where: How messages name it.

    Raises:
        InputError: It is not as `report/1` says; the message names the place in the document.
    """
    try:
        data = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        message = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"not valid JSON: {message}", where=where) from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise InputError(
            f"this is no report of the schema {SCHEMA}",
            where=where,
            hint="`mooring verify --output json=FILE` writes one",
        )
    try:
        report = cast("Report", _object(Report, data, ""))
        if missing := set(get_args(Tier)) - set(report["tiers"]):
            raise _Wrong("tiers", f"the key {min(missing)!r} is missing")
        _check_texts(report)
    except _Wrong as wrong:
        place, message = wrong.args
        raise InputError(message, where=f"{where}: {place}") from wrong
    return report


class _Wrong(Exception):
    """A value that does not fit: (place in the document, message)."""


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _check_texts(report: Report) -> None:
    """Refuse what is no time, rule or fingerprint: other formats make more of it than text."""
    try:
        datetime.fromisoformat(report["started"] or "2000-01-01")
    except ValueError as error:
        raise _Wrong("started", "expected a time as RFC 3339 has it") from error
    rows = [*report["findings"], *(report["repair"] or {"failed_before": []})["failed_before"]]
    for number, row in enumerate(rows):
        if not _RULE.fullmatch(row["rule"]):
            raise _Wrong(f"findings[{number}].rule", "expected a rule's id")
        if not _FINGERPRINT.fullmatch(row["fingerprint"]):
            raise _Wrong(f"findings[{number}].fingerprint", "expected a fingerprint")


def _object(kind: Any, data: Mapping[str, object], place: str) -> dict[str, object]:
    found = {}
    for key, wanted in get_type_hints(kind).items():
        at = f"{place}.{key}" if place else key
        if key in data:
            found[key] = _value(wanted, data[key], at)
        elif key in _LATER.get(kind, {}):
            found[key] = _LATER[kind][key]
        else:
            raise _Wrong(at, "the key is missing")
    return found


def _value(kind: Any, value: object, place: str) -> object:
    """Return a value as the type of its key says."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return _value(next(part for part in parts if part is not types.NoneType), value, place)
    if origin is Literal:
        if not isinstance(value, str) or value not in parts:
            raise _Wrong(place, f"expected one of {', '.join(parts)}")
        return value
    if origin is list:
        if not isinstance(value, list):
            raise _Wrong(place, "expected a list")
        return [_value(parts[0], each, f"{place}[{n}]") for n, each in enumerate(value)]
    if origin is dict or is_typeddict(kind):
        return _mapping(kind, value, place)
    if type(value) is kind or (kind is float and type(value) is int):
        return _plain(value, place)
    raise _Wrong(place, f"expected {_NAMES[kind]}")


def _plain(value: object, place: str) -> object:
    if isinstance(value, str):
        return shown(value)  # as it was when the report was made
    if isinstance(value, int | float) and not 0 <= value < _LARGEST:
        raise _Wrong(place, "the number is out of range")
    return value


def _mapping(kind: Any, value: object, place: str) -> object:
    if not isinstance(value, dict):
        raise _Wrong(place, "expected an object")
    if is_typeddict(kind):
        return _object(kind, value, place)
    names, wanted = get_args(kind)
    return {
        _value(names, key, place): _value(wanted, each, f"{place}.{key}")
        for key, each in value.items()
    }
