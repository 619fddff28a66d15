"""Scans that are kept: read as they were written, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.build.embedded.bases_made import PYTHON_312, file, link, scan

from mooring.build.embedded.bases.cache import ScanCache
from mooring.build.embedded.interface import BaseScan

DIGEST = "sha256:" + "ab" * 32
SCAN = scan([*PYTHON_312, link("caf\udce9", "x"), file("opt/x/y")])
EMPTY = scan([])


@pytest.mark.parametrize("kept", [SCAN, EMPTY])
def test_what_is_kept_is_found(tmp_path: Path, kept: BaseScan) -> None:
    cache = ScanCache(tmp_path / "bases")
    assert cache.get(DIGEST) is None
    cache.put(DIGEST, kept)
    assert cache.get(DIGEST) == kept
    assert cache.get("sha256:" + "cd" * 32) is None


def kept_file(tmp_path: Path) -> Path:
    ScanCache(tmp_path).put(DIGEST, SCAN)
    (path,) = tmp_path.iterdir()
    return path


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_a_changed_byte_is_no_scan(tmp_path: Path, at: int) -> None:
    path = kept_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))
    assert ScanCache(tmp_path).get(DIGEST) is None


@pytest.mark.parametrize("size", [0, 1, 71, 72, 73, 200, -1])
def test_a_part_is_no_scan(tmp_path: Path, size: int) -> None:
    path = kept_file(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    assert ScanCache(tmp_path).get(DIGEST) is None


def test_the_scan_of_another_image(tmp_path: Path) -> None:
    path = kept_file(tmp_path)
    other = "sha256:" + "cd" * 32
    path.rename(path.with_name(path.name.replace("ab", "cd")))
    assert ScanCache(tmp_path).get(other) is None


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "bases").write_text("no folder")
    cache = ScanCache(tmp_path / "bases")
    cache.put(DIGEST, SCAN)
    assert cache.get(DIGEST) is None


@pytest.mark.parametrize("digest", ["", "../../x", "sha256:x", "sha512:" + "ab" * 64])
def test_no_digest(tmp_path: Path, digest: str) -> None:
    assert ScanCache(tmp_path).get(digest) is None
