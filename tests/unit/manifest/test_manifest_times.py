"""Moments of `exclude-newer`, whatever way they are written."""

from __future__ import annotations

import datetime as dt

import pytest

from mooring.errors import InputError
from mooring.manifest.times import moment


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2026-01-31", "2026-02-01T00:00:00Z"),
        (dt.date(2024, 2, 28), "2024-02-29T00:00:00Z"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00Z"),
        ("2026-01-31 12:00:00+02:00", "2026-01-31T10:00:00Z"),
        ("2026-01-01T00:30:00.25+01:00", "2025-12-31T23:30:00.250000Z"),
        (
            dt.datetime(2026, 1, 31, 12, tzinfo=dt.timezone(dt.timedelta(hours=-5))),
            "2026-01-31T17:00:00Z",
        ),
    ],
)
def test_every_form_becomes_utc(value: object, wanted: str) -> None:
    assert moment(value) == wanted


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2026",
        "2026-13-01",
        "2026-02-30",
        "2026-01-31T12:00:00",
        "2026-01-31T25:00:00Z",
        "1 week",
        "P1W",
        "9999-12-31",
        "0001-01-01T00:00:00+23:00",
        "2026-W05",
        "\u0662\u0660\u0662\u0666-01-01",
        7,
        True,
        dt.time(12),
        dt.datetime(2026, 1, 31),  # noqa: DTZ001  # the case itself
    ],
)
def test_what_is_no_moment_is_refused_with_an_example(value: object) -> None:
    with pytest.raises(InputError) as caught:
        moment(value)
    assert "2026-01-31" in str(caught.value.hint)
