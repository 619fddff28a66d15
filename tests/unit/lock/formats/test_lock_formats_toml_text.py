from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mooring.errors import MooringError
from mooring.lock.formats.toml_text import array, date_time, inline, key, string, table

HOSTILE = [
    "",
    "plain",
    'quo"te',
    "back\\slash",
    "line\nfeed\r\ttab",
    "nul\x00 and \x1f and \x7f and \x85",
    '"""',
    "ünïcode ☃ 𝒳",
    "\u202eright to left\u2066",
    "\ufeffmark",
    "]\nevil = 1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_string_comes_back_as_it_was_and_stays_on_one_line(text: str) -> None:
    written = string(text)

    assert tomllib.loads(f"x = {written}") == {"x": text}
    assert len(written.splitlines()) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_key_comes_back_as_it_was(text: str) -> None:
    assert tomllib.loads(f"{key(text)} = 1") == {text: 1}


def test_a_bare_key_is_not_quoted() -> None:
    assert key("record-ids") == "record-ids"


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(MooringError, match="surrogate"):
        string("\ud800")


def test_inline_values_come_back() -> None:
    value = {"a": [1, True, "x"], "b": {"c d": False}, "e": {}, "f": []}

    assert tomllib.loads(f"x = {inline(value)}") == {"x": value}


def test_none_leaves_its_key_out() -> None:
    assert inline({"a": None, "b": 1}) == "{ b = 1 }"


def test_a_value_toml_does_not_know_is_refused() -> None:
    with pytest.raises(MooringError, match="object"):
        inline(object())


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2025, 1, 31, 9, 30, tzinfo=UTC), "2025-01-31T09:30:00Z"),
        (datetime(2025, 1, 31, 9, 30, 1, 999_999, tzinfo=UTC), "2025-01-31T09:30:01Z"),
        (datetime(2025, 1, 31, 9, 30, tzinfo=timezone(timedelta(hours=2))), "2025-01-31T07:30:00Z"),
        (datetime(2025, 1, 31, 9, 30), "2025-01-31T09:30:00Z"),  # noqa: DTZ001
    ],
)
def test_a_time_is_written_in_utc_to_the_second(moment: datetime, text: str) -> None:
    assert date_time(moment) == text
    assert inline(moment) == text


def test_an_array_has_one_entry_a_line() -> None:
    assert array(['"a"', '"b"']) == '[\n    "a",\n    "b",\n]'
    assert array([]) == "[]"


def test_a_table_puts_its_own_keys_before_its_tables() -> None:
    values = {"deep": {"x": {"y": 1}, "list": ["a", "b"]}, "top": "t", "none": None}

    text = "\n".join(table("tool.x", values))

    assert tomllib.loads(text) == {
        "tool": {"x": {"deep": {"x": {"y": 1}, "list": ["a", "b"]}, "top": "t"}}
    }
