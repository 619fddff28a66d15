"""The note of what a sync installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.environments import locked, selection, wheel_artifact

from mooring.install.note import NOTE_NAME, replaced_artifacts, write_note

WHEEL = "pkg-1.0-py3-none-any.whl"


def test_replaced_artifacts(tmp_path: Path) -> None:
    old = selection(locked("pkg"), locked("same"), locked("gone"))
    write_note(tmp_path, old)
    assert replaced_artifacts(tmp_path, old) == ()
    other = locked("pkg", artifact=wheel_artifact(WHEEL, sha256="b" * 64))
    assert replaced_artifacts(tmp_path, selection(other, locked("same"))) == ("pkg",)
    assert replaced_artifacts(tmp_path, selection(locked("new"))) == ()


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"schema": "synced/2"}', '{"schema": "synced/1"}', "[" * 99999]
)
def test_a_note_that_says_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / NOTE_NAME).write_text(text)
    assert replaced_artifacts(tmp_path, selection(locked("pkg"))) == ()


def test_same_input_same_bytes(tmp_path: Path) -> None:
    write_note(tmp_path, selection(locked("b"), locked("a")))
    first = (tmp_path / NOTE_NAME).read_bytes()
    write_note(tmp_path, selection(locked("a"), locked("b")))
    assert (tmp_path / NOTE_NAME).read_bytes() == first
