"""Entries become one layer."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import io
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mooring.build.embedded.interface import LAYER_TIME, EmbeddedBuildError, Entry
from mooring.build.embedded.layers.writer import WrittenLayer, write_layer
from mooring.oci.blob_store import BlobError, BlobStore
from mooring.oci.content import OCI_LAYER_GZIP
from mooring.oci.store import Source

# Frozen: other bytes are other digests of every image (a new LAYER_FORMAT and a changelog entry).
GOLDEN_PLAIN = "sha256:8570ce77deb0d14cba86974b126208820a8055c23b58170815f7a96c961223de"
GOLDEN_PACKED = "sha256:41c82cb1a470f300242cca1938e2184b5c96936904e60429c43d54151d4396b4"


@contextlib.contextmanager
def source(data: bytes) -> Iterator[Source]:
    yield io.BytesIO(data)


def file(path: str, data: bytes, mode: int = 0o644) -> Entry:
    return Entry(path=path, mode=mode, size=len(data), open=functools.partial(source, data))


ENTRIES = (
    file("/opt/env/bin/tool", b"#!/opt/env/bin/python\n", 0o755),
    Entry(path="/opt/env/bin/python", kind="symlink", mode=0o777, target="/usr/bin/python3.12"),
    file("/opt/env/lib/" + "long-name/" * 30 + "é.py", b"x = 1\n" * 5000),
    Entry(path="/opt/env/empty"),
    Entry(path="/home/app", kind="directory", mode=0o700, uid=65532, gid=65532),
    file("/opt/env/large.bin", bytes(range(256)) * 9000),
)


def identity(path: str) -> str:
    return path


def written(
    tmp_path: Path, entries: tuple[Entry, ...], base: tuple[str, ...] = ()
) -> tuple[WrittenLayer, list[tarfile.TarInfo]]:
    store = BlobStore(tmp_path)
    layer = write_layer(entries, identity, base, store)
    plain = gzip.decompress(content(store, layer))
    assert layer.diff_id == "sha256:" + hashlib.sha256(plain).hexdigest()
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        return layer, archive.getmembers()


def content(store: BlobStore, layer: WrittenLayer) -> bytes:
    with store.open(layer.descriptor.digest) as stream:
        data = stream.read()
    assert (layer.descriptor.size, layer.descriptor.media_type) == (len(data), OCI_LAYER_GZIP)
    return data


def test_the_bytes_are_frozen(tmp_path: Path) -> None:
    layer, _ = written(tmp_path, ENTRIES)
    assert layer.diff_id == GOLDEN_PLAIN
    assert layer.descriptor.digest == GOLDEN_PACKED


def test_neither_order_nor_surroundings_move_a_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = written(tmp_path / "a", ENTRIES)
    old = os.umask(0o077)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        second, _ = written(tmp_path / "b", tuple(reversed(ENTRIES)))
    finally:
        os.umask(old)
        monkeypatch.undo()
        time.tzset()
    assert first == second


def test_entries_are_sorted_with_their_folders_and_one_time(tmp_path: Path) -> None:
    _, members = written(tmp_path, (*ENTRIES[:2], ENTRIES[4]), base=("/opt", "/home"))
    assert [(m.name, oct(m.mode), m.uid, m.mtime) for m in members] == [
        ("home/app", "0o700", 65532, LAYER_TIME),
        ("opt/env", "0o755", 0, LAYER_TIME),
        ("opt/env/bin", "0o755", 0, LAYER_TIME),
        ("opt/env/bin/python", "0o777", 0, LAYER_TIME),
        ("opt/env/bin/tool", "0o755", 0, LAYER_TIME),
    ]


def test_content_comes_back(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    layer = write_layer(ENTRIES, identity, (), store)
    with tarfile.open(fileobj=io.BytesIO(content(store, layer))) as archive:
        stream = archive.extractfile("opt/env/large.bin")
        assert stream is not None
        assert stream.read() == bytes(range(256)) * 9000


def test_nothing_but_an_end_is_in_an_empty_layer(tmp_path: Path) -> None:
    _, members = written(tmp_path, ())
    assert members == []


class Stops:
    def read(self, size: int = -1, /) -> bytes:
        raise OSError(5, "Input/output error")


@contextlib.contextmanager
def stops() -> Iterator[Source]:
    yield Stops()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Entry(path="/a", size=3, open=functools.partial(source, b"12")), "another size"),
        (Entry(path="/a", size=3, open=functools.partial(source, b"1234")), "another size"),
        (Entry(path="/a", size=0, open=functools.partial(source, b"1")), "another size"),
        (Entry(path="/a", size=3), "another size"),
        (Entry(path="/a", size=3, open=stops), "/a cannot be read: Input/output error"),
    ],
)
def test_content_that_is_not_as_promised_leaves_no_blob(
    tmp_path: Path, entry: Entry, message: str
) -> None:
    with pytest.raises(EmbeddedBuildError, match=message):
        write_layer((*ENTRIES, entry), identity, (), BlobStore(tmp_path))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_store_that_cannot_be_written_is_said_to_be_that(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"")
    with pytest.raises(BlobError, match="cannot be kept"):
        write_layer(ENTRIES, identity, (), BlobStore(tmp_path / "blobs"))
