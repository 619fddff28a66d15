"""`exclude-newer`: a moment, whatever way it is written."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from mooring.errors import InputError
from mooring.manifest.problems import quoted

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_HINT = 'write "2026-01-31" (that day included) or "2026-01-31T12:00:00Z"'


def moment(value: object) -> str:
    """Return a date or date-time (RFC 3339, or TOML's own) as RFC 3339 in UTC.

    A date stands for the end of that day in UTC, so that what was uploaded on it is included.

    Raises:
        InputError: It is none, has no time zone, or depends on the time of the run.
    """
    try:
        return _text(_parsed(value))
    except (ValueError, OverflowError) as error:
        raise InputError(f"{quoted(str(value))} is not a date or date-time", hint=_HINT) from error


def _parsed(value: object) -> datetime:
    if isinstance(value, str):
        if _DATE.fullmatch(value):
            value = date.fromisoformat(value)
        elif _DATE_TIME.fullmatch(value):
            value = datetime.fromisoformat(value.upper())
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InputError(f"{quoted(str(value))} has no time zone", hint=_HINT)
        return value.astimezone(UTC)
    if isinstance(value, date):
        return datetime.combine(value + timedelta(days=1), time(), UTC)
    raise ValueError


def _text(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")
