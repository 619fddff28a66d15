"""Gzip whose bytes depend on nothing but the input."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import random

import pytest

from mooring.build.embedded.layers.gzip_stream import CHUNK, GzipStream, compressor

# Frozen: other bytes are other digests of every image (a new LAYER_FORMAT and a changelog entry).
GOLDEN = "sha256:cf790aa483e5c71d9643e6ee62e72cf197c8c4bb8bb258bfaf6d7402423b6f0b"

TEXT = b"".join(b"%d: the same bytes on every machine\n" % n for n in range(60_000))
NOISE = random.Random(7).randbytes(700_001)
INPUT = TEXT + NOISE + bytes(900_000) + TEXT[:77]


def packed(data: bytes, *, step: int = 10_007, workers: int | None = None) -> tuple[bytes, str]:
    out = io.BytesIO()
    with GzipStream(out, workers=workers) as stream:
        for start in range(0, len(data), step):
            stream.write(data[start : start + step])
    return out.getvalue(), stream.digest


def test_the_bytes_are_frozen() -> None:
    data, digest = packed(INPUT)
    assert digest == "sha256:" + hashlib.sha256(INPUT).hexdigest()
    assert "sha256:" + hashlib.sha256(data).hexdigest() == GOLDEN


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("step", [997, CHUNK - 1, CHUNK, CHUNK + 1, len(INPUT)])
def test_neither_sizes_of_writes_nor_threads_move_a_byte(workers: int, step: int) -> None:
    assert packed(INPUT, step=step, workers=workers) == packed(INPUT, step=100_000)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_every_reader_of_gzip_unpacks_it(size: int) -> None:
    data = bytes(itertools.islice(itertools.cycle(NOISE), size))
    assert gzip.decompress(packed(data)[0]) == data


def test_the_header_names_no_file_no_time_and_no_system() -> None:
    assert packed(b"x")[0][:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def test_it_is_nearly_as_small_as_one_stream() -> None:
    together = len(gzip.compress(TEXT, 2))
    assert len(packed(TEXT)[0]) < 1.1 * together


class FullDisk:
    def __init__(self) -> None:
        self.room = 3

    def write(self, data: bytes) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError("full")


def test_an_error_of_the_sink_ends_it_at_once() -> None:
    sink = FullDisk()

    def write() -> None:
        with GzipStream(sink, workers=2) as stream:
            for _ in range(50):
                stream.write(NOISE)

    with pytest.raises(OSError, match="full"):
        write()
    assert sink.room == -1


def test_nothing_is_finished_after_an_error_of_the_caller() -> None:
    out = io.BytesIO()

    def write() -> None:
        with GzipStream(out) as stream:
            stream.write(TEXT)
            raise KeyError

    with pytest.raises(KeyError):
        write()
    with pytest.raises(EOFError):
        gzip.decompress(out.getvalue())


def test_what_compresses_is_named_with_all_that_decides_its_bytes() -> None:
    assert compressor() == "zlib-ng 1.1.0/2.3.3 level 2 chunk 1048576"
