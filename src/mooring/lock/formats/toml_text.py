"""TOML text, always the same for the same values: what the lock file writers share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from mooring.errors import MooringError

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Everything that a basic string must escape, and the controls and line or direction marks that
# TOML allows raw but that would not survive a review on a screen.
_ESCAPED = re.compile(
    r'["\\\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]'
)
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_INDENT = "    "


def string(text: str) -> str:
    """Return the text as a TOML basic string.

    Raises:
        MooringError: It holds half of a surrogate pair, which no TOML string can.
    """
    return f'"{_ESCAPED.sub(_escape, text)}"'


def key(text: str) -> str:
    """Return a key, quoted only where TOML needs it."""
    return text if _BARE_KEY.fullmatch(text) else string(text)


def date_time(value: datetime) -> str:
    """Return a date-time as `2025-01-31T09:30:00Z`; one without an offset counts as UTC."""
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def inline(value: object) -> str:
    """Return a value on one line; None inside a table leaves its key out.

    Raises:
        MooringError: TOML cannot hold the value.
    """
    match value:
        case str():
            return string(value)
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case datetime():
            return date_time(value)
        case Mapping():
            parts = [f"{key(k)} = {inline(v)}" for k, v in value.items() if v is not None]
            return f"{{ {', '.join(parts)} }}" if parts else "{}"
        case Sequence():
            return f"[{', '.join(inline(item) for item in value)}]"
        case _:
            raise MooringError(f"a lock cannot hold a {type(value).__name__}")


def array(lines: Iterable[str]) -> str:
    """Return an array of values that are TOML text already, one a line, so that diffs read well."""
    body = "".join(f"{_INDENT}{line},\n" for line in lines)
    return f"[\n{body}]" if body else "[]"


def table(name: str, values: Mapping[str, object]) -> list[str]:
    """Return the lines of a table: its plain keys first, then one sub-table for each mapping.

    Lists are written one entry a line; None leaves its key out.
    """
    lines = ["", f"[{name}]"]
    nested: list[str] = []
    for k, value in values.items():
        match value:
            case None:
                continue
            case Mapping():
                nested += table(f"{name}.{key(k)}", value)
            case list() | tuple():
                lines.append(f"{key(k)} = {array(inline(item) for item in value)}")
            case _:
                lines.append(f"{key(k)} = {inline(value)}")
    return lines + nested


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if short := _SHORT.get(char):
        return short
    if "\ud800" <= char <= "\udfff":
        raise MooringError("a text of the lock is not Unicode: it holds half of a surrogate pair")
    return f"\\u{ord(char):04X}"
