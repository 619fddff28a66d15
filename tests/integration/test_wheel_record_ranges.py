"""RECORD of a wheel of an index: by ranges where the server knows them, else the whole wheel."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from tests.fakes import FakeIndex, PublishedFile

from mooring.artifacts.fetch import FetchError, fetching
from mooring.artifacts.record import RECORD_HEADER, NoIdentity, document_id
from mooring.artifacts.wheel_record import RefusedError, WheelError, WheelRecord, read_remote
from mooring.digests import sha256_hex

pytestmark = pytest.mark.network

NOISE = random.Random(7)
SMALL = {"pkg/__init__.py": b"x = 1\n"}
LARGE = {**SMALL, "pkg/noise.bin": NOISE.randbytes(400_000)}
# The directory and RECORD alone are longer than the end that is asked for first.
MANY = {f"pkg/{'n' * 60}{number}.py": b"" for number in range(1000)}
SHAPES: dict[str, Mapping[str, bytes]] = {"small": SMALL, "large": LARGE, "many": MANY}


def publish(index: FakeIndex, files: Mapping[str, bytes]) -> PublishedFile:
    [published] = index.add("pkg", "1.0", files=files)
    index.log.clear()
    return published


def read(
    index: FakeIndex, published: PublishedFile, *, size: int | None = None, sha256: str = ""
) -> WheelRecord:
    with fetching() as fetcher:
        return read_remote(
            fetcher,
            index.root + published.path,
            size=size,
            sha256=sha256 or published.sha256,
        )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("known", [True, False])
def test_only_the_end_is_fetched(fake_index: FakeIndex, shape: str, known: bool) -> None:
    published = publish(fake_index, SHAPES[shape])
    size = len(published.data) if known else None
    record = read(fake_index, published, size=size)
    assert not record.checked
    assert len(record.lines) == len(SHAPES[shape]) + 2
    assert {request.status for request in fake_index.log} == {206}
    assert len(fake_index.log) <= {"small": 1, "large": 1, "many": 3}[shape]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_server_without_ranges(fake_index: FakeIndex, shape: str) -> None:
    published = publish(fake_index, SHAPES[shape])
    by_ranges = read(fake_index, published)
    fake_index.ranges = False
    fake_index.log.clear()
    whole = read(fake_index, published, size=len(published.data))
    assert whole.checked
    assert document_id(RECORD_HEADER, whole.lines) == document_id(RECORD_HEADER, by_ranges.lines)
    assert [request.status for request in fake_index.log] == [200, 200]


def test_another_size_than_the_locked_one(fake_index: FakeIndex) -> None:
    published = publish(fake_index, LARGE)
    with pytest.raises(WheelError, match="another wheel than the locked one"):
        read(fake_index, published, size=len(published.data) + 1)


def test_another_content_than_the_locked_one(fake_index: FakeIndex) -> None:
    published = publish(fake_index, LARGE)
    fake_index.ranges = False
    with pytest.raises(WheelError, match="its SHA-256 is"):
        read(fake_index, published, sha256=sha256_hex(b"another"))
    with pytest.raises(FetchError, match="larger than"):
        read(fake_index, published, size=1000)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_refuses(fake_index: FakeIndex, status: int) -> None:
    published = publish(fake_index, SMALL)
    fake_index.failing = {published.path: status}
    with pytest.raises(RefusedError, match=f"answers {status}") as caught:
        read(fake_index, published)
    assert caught.value.exit_code == 3


def test_a_wheel_that_breaks_off(fake_index: FakeIndex) -> None:
    published = publish(fake_index, LARGE)
    fake_index.truncated = {published.filename}
    with pytest.raises(FetchError, match="cannot be reached"):
        read(fake_index, published)


def test_a_page_instead_of_a_wheel(fake_index: FakeIndex) -> None:
    publish(fake_index, SMALL)
    with fetching() as fetcher, pytest.raises(NoIdentity, match="no intact zip"):
        read_remote(fetcher, f"{fake_index.url}pkg/")
