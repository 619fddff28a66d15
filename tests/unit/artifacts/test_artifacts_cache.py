"""Facts kept between runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.artifacts.cache import FactCache


def test_what_is_added_is_read_by_the_next(tmp_path: Path) -> None:
    FactCache("x-1", root=tmp_path).add({"b": ">=3", "a": None})
    FactCache("x-1", root=tmp_path).add({"c": "<4"})
    assert FactCache("x-1", root=tmp_path).read() == {"a": None, "b": ">=3", "c": "<4"}
    assert FactCache("x-2", root=tmp_path).read() == {}


@pytest.mark.parametrize("damage", ["", "[1]", '{"a": ', "[" * 100_000, '{"a": 3, "b": {}}'])
def test_a_damaged_cache_is_an_empty_one(tmp_path: Path, damage: str) -> None:
    cache = FactCache("x-1", root=tmp_path)
    cache.path.parent.mkdir()
    cache.path.write_text(damage)
    assert cache.read() == {}
    cache.add({"a": "1"})
    assert cache.read() == {"a": "1"}


def test_no_flipped_bit_is_a_fact(tmp_path: Path) -> None:
    cache = FactCache("x-1", root=tmp_path)
    cache.add({"a" * 8: "sha256:1234"})
    data = cache.path.read_bytes()
    for place in range(len(data)):
        cache.path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert cache.read() == {}
    cache.path.write_bytes(data)
    assert cache.read() == {"a" * 8: "sha256:1234"}


def test_the_oldest_facts_are_forgotten(tmp_path: Path) -> None:
    cache = FactCache("x-1", root=tmp_path)
    cache.add({f"old-{i:05}": None for i in range(6000)})
    cache.add({f"new-{i:05}": None for i in range(6000)})
    kept = cache.read()
    assert len(kept) == 8000
    assert "new-00000" in kept
    assert "old-00000" not in kept


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "facts").write_text("a file where a folder should be")
    cache = FactCache("x-1", root=tmp_path)
    cache.add({"a": "1"})
    assert cache.read() == {}
