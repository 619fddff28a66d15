"""Layers that were written once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mooring.build.embedded.interface import EmbeddedBuildError, Entry, LayerPlan
from mooring.build.embedded.layers.cache import LayerCache
from mooring.build.embedded.layers.writer import WrittenLayer, write_layer
from mooring.errors import MooringError
from mooring.oci.blob_store import BlobStore

KEY = {"schema": 1, "wheels": ["ab" * 32], "root": "/opt/env"}


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture
def cache(tmp_path: Path, store: BlobStore) -> LayerCache:
    return LayerCache(tmp_path / "layers", store=store)


@pytest.fixture
def layer(store: BlobStore) -> WrittenLayer:
    return write_layer([Entry(path="/a")], str, (), store)


def record(cache: LayerCache) -> Path:
    [path] = cache.root.iterdir()
    return path


def test_what_was_put_is_found(cache: LayerCache, layer: WrittenLayer) -> None:
    assert cache.get(KEY) is None
    cache.put(KEY, layer)
    assert cache.get(KEY) == layer
    assert cache.get(dict(reversed(KEY.items()))) == layer
    assert cache.get({**KEY, "root": "/opt/other"}) is None


def test_a_second_writer_of_one_layer_is_no_error(cache: LayerCache, layer: WrittenLayer) -> None:
    cache.put(KEY, layer)
    cache.put(KEY, layer)
    assert cache.get(KEY) == layer


def test_the_name_of_a_record_is_frozen(cache: LayerCache, layer: WrittenLayer) -> None:
    cache.put(KEY, layer)
    digest = "68b73f4ecd6103cc23f409385a82b6942e70c122062fa0a92ce8241d6d612092"
    assert record(cache).name == f"{digest}.json"


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"schema":1}', b"[" * 4000, b"x" * 5000],
)
def test_a_damaged_record_is_none(cache: LayerCache, layer: WrittenLayer, damage: bytes) -> None:
    cache.put(KEY, layer)
    record(cache).write_bytes(damage)
    assert cache.get(KEY) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"schema":1', b'"schema":2'),
        (b'"key":"sha256:', b'"key":"sha256:0'),
        (b'"size":', b'"size":1'),
        (b'"size":', b'"size":"1","x":'),
        (b'"blob":"sha256:', b'"blob":"../../'),
        (b'"diff_id":"sha256:', b'"diff_id":"sha512:'),
    ],
)
def test_a_record_that_was_edited_is_none(
    cache: LayerCache, layer: WrittenLayer, old: bytes, new: bytes
) -> None:
    cache.put(KEY, layer)
    data = record(cache).read_bytes()
    assert old in data
    record(cache).write_bytes(data.replace(old, new))
    assert cache.get(KEY) is None


def test_no_flipped_bit_is_a_layer(cache: LayerCache, layer: WrittenLayer) -> None:
    cache.put(KEY, layer)
    data = record(cache).read_bytes()
    # The line's end means nothing.
    for place in range(len(data) - 1):
        record(cache).write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert cache.get(KEY) is None
    record(cache).write_bytes(data)
    assert cache.get(KEY) == layer


def test_a_record_whose_blob_is_gone_or_cut_is_none(
    cache: LayerCache, layer: WrittenLayer, store: BlobStore
) -> None:
    cache.put(KEY, layer)
    path = store.path(layer.descriptor.digest)
    assert path is not None
    path.write_bytes(path.read_bytes()[:-1])
    assert cache.get(KEY) is None
    path.unlink()
    assert cache.get(KEY) is None


class Plan:
    """A plan that counts how often its entries were made."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.made = 0
        self.open = 0
        self._entries = entries

    @contextlib.contextmanager
    def entries(self) -> Iterator[Sequence[Entry]]:
        self.made += 1
        self.open += 1
        yield self._entries
        self.open -= 1

    @property
    def plan(self) -> LayerPlan:
        return LayerPlan(title="demo 1.0", key=KEY, entries=self.entries)


def test_entries_are_made_only_when_no_layer_is_known(cache: LayerCache, store: BlobStore) -> None:
    plan = Plan([Entry(path="/a")])

    def write(entries: Sequence[Entry]) -> WrittenLayer:
        assert plan.open == 1
        return write_layer(entries, str, (), store)

    first, made = cache.layer(plan.plan, write)
    assert (made, plan.made, plan.open) == (True, 1, 0)
    assert cache.layer(plan.plan, write) == (first, False)
    assert plan.made == 1


def test_a_layer_that_failed_is_not_remembered(cache: LayerCache) -> None:
    def write(entries: Sequence[Entry]) -> WrittenLayer:
        raise EmbeddedBuildError("no")

    with pytest.raises(EmbeddedBuildError):
        cache.layer(Plan([]).plan, write)
    assert cache.get(KEY) is None


def test_a_folder_that_cannot_be_written_is_an_error(
    tmp_path: Path, layer: WrittenLayer, store: BlobStore
) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = LayerCache(tmp_path / "file" / "layers", store=store)
    assert cache.get(KEY) is None
    with pytest.raises(MooringError, match="cannot write"):
        cache.put(KEY, layer)
