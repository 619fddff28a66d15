"""Blobs are kept whole or not at all, and never given as something that they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.digests import digest_bytes
from mooring.oci.blob_store import BlobError, BlobStore


def test_a_blob_is_kept_under_its_digest(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    digest = store.add(b"some bytes")
    assert digest == digest_bytes(b"some bytes")
    path = store.path(digest)
    assert path is not None
    assert path.read_bytes() == b"some bytes"


def test_a_blob_that_is_not_there_has_no_path(tmp_path: Path) -> None:
    assert BlobStore(tmp_path).path(digest_bytes(b"absent")) is None


def test_another_digest_than_expected_keeps_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)

    def write() -> None:
        with store.writing(digest_bytes(b"one")) as blob:
            blob.write(b"other")

    with pytest.raises(BlobError, match="was expected"):
        write()
    assert list((tmp_path / "sha256").iterdir()) == []


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)

    def write() -> None:
        with store.writing() as blob:
            blob.write(b"half of it")
            raise RuntimeError("network")

    with pytest.raises(RuntimeError, match="network"):
        write()
    assert list((tmp_path / "sha256").iterdir()) == []


def test_reading_gives_the_bytes_in_pieces(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    digest = store.add(b"abcdef")
    with store.open(digest) as stream:
        assert [stream.read(4), stream.read(4), stream.read(4)] == [b"abcd", b"ef", b""]


def test_reading_the_whole_at_once_checks_it(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    digest = store.add(b"abcdef")
    with store.open(digest) as stream:
        assert stream.read() == b"abcdef"


def test_a_changed_blob_is_refused_and_forgotten(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    digest = store.add(b"abcdef")
    path = store.path(digest)
    assert path is not None
    path.write_bytes(b"abcdeX")
    with store.open(digest) as stream:
        stream.read(6)
        with pytest.raises(BlobError, match="was changed"):
            stream.read(4)
    assert store.path(digest) is None


def stumble(store: BlobStore, digest: str) -> None:
    with store.open(digest) as stream:
        stream.read(1)
        raise ValueError("it cannot be unpacked")


def test_a_changed_blob_is_found_when_its_reader_stumbles_over_it(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    digest = store.add(b"abcdef")
    with pytest.raises(ValueError, match="cannot be unpacked"):
        stumble(store, digest)
    path = store.path(digest)
    assert path is not None
    path.write_bytes(b"aXcdef")
    with pytest.raises(BlobError, match="was changed"):
        stumble(store, digest)
    assert store.path(digest) is None


def test_a_blob_that_vanished_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(BlobError, match="not in the cache"),
        BlobStore(tmp_path).open(digest_bytes(b"x")),
    ):
        raise AssertionError


def test_what_is_no_digest_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(BlobError, match="no SHA-256 digest"):
        BlobStore(tmp_path).path("sha256:../../etc/passwd")
