"""Byte code that is kept: whole, checked when it is read, forgotten when it was changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.build.embedded.environments_made import drained, text

from mooring.build.embedded.bytecode.cache import BytecodeCache, Compiled
from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.errors import MooringError

KEY = {"schema": 1, "artifact": "0" * 64}
FILES = [Compiled(path="/b.pyc", data=b"second"), Compiled(path="/a.pyc", data=b"first")]


@pytest.fixture
def cache(tmp_path: Path) -> BytecodeCache:
    return BytecodeCache(tmp_path)


def only(folder: Path) -> Path:
    [path] = folder.iterdir()
    return path


def test_what_is_kept_comes_back_sorted(cache: BytecodeCache) -> None:
    assert cache.get(KEY) is None
    cache.put(KEY, FILES)
    entries = BytecodeCache(cache.root).get(KEY)
    assert entries is not None
    assert {entry.path: text(entry) for entry in entries} == {"/a.pyc": "first", "/b.pyc": "second"}
    assert [entry.path for entry in entries] == ["/a.pyc", "/b.pyc"]
    assert cache.get({**KEY, "artifact": "1" * 64}) is None


def test_nothing_is_something_that_can_be_kept(cache: BytecodeCache) -> None:
    cache.put(KEY, [])
    assert cache.get(KEY) == ()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'{"blob": "x", "files": []}',
        b'{"blob": "../../etc/passwd", "files": []}',
        b'{"files": [["/a", 0, 1, "x"]]}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_record_is_none(cache: BytecodeCache, damage: bytes) -> None:
    cache.put(KEY, FILES)
    only(cache.root / "sets").write_bytes(damage)
    assert cache.get(KEY) is None


def test_no_flipped_bit_is_byte_code(cache: BytecodeCache) -> None:
    cache.put(KEY, FILES)
    record = only(cache.root / "sets")
    data = record.read_bytes()
    for place in range(len(data)):
        record.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert cache.get(KEY) is None
    record.write_bytes(data)
    assert cache.get(KEY) is not None


def test_a_record_of_another_wheel_is_none(cache: BytecodeCache) -> None:
    cache.put(KEY, FILES)
    record = only(cache.root / "sets")
    data = record.read_bytes()
    record.unlink()
    other = {**KEY, "artifact": "1" * 64}
    cache.put(other, [])
    only(cache.root / "sets").write_bytes(data)
    assert cache.get(other) is None


def test_a_record_without_its_bytes_is_none(cache: BytecodeCache) -> None:
    cache.put(KEY, FILES)
    blob = only(cache.root / "sha256")
    blob.write_bytes(blob.read_bytes()[:-1])
    assert cache.get(KEY) is None
    blob.unlink()
    assert cache.get(KEY) is None


def test_changed_bytes_are_refused_and_forgotten(cache: BytecodeCache) -> None:
    cache.put(KEY, FILES)
    blob = only(cache.root / "sha256")
    blob.write_bytes(blob.read_bytes().upper())
    entries = cache.get(KEY)
    assert entries is not None
    with pytest.raises(EmbeddedBuildError, match="was changed"):
        drained(entries[0], -1)
    assert cache.get(KEY) is None


@pytest.mark.parametrize(("column", "change"), [(2, 1), (1, 1), (1, -10), (2, -10)])
def test_a_record_that_points_elsewhere_is_none(
    cache: BytecodeCache, column: int, change: int
) -> None:
    cache.put(KEY, FILES)
    record = only(cache.root / "sets")
    document = json.loads(record.read_text())
    document["files"][0][column] += change
    record.write_text(json.dumps(document))
    assert cache.get(KEY) is None


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MooringError, match="cannot be kept"):
        BytecodeCache(tmp_path / "file").put(KEY, FILES)
