"""A download that is no longer wanted, or that would never end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from mooring.artifacts.download import Bounded, Stopped
from mooring.artifacts.fetch import FetchError


class Pending:
    """A blob that counts."""

    size = 0

    def write(self, data: bytes, /) -> int:
        self.size += len(data)
        return len(data)


def times(*seconds: float) -> Iterator[float]:
    return iter([0.0, *seconds])


@pytest.mark.parametrize("piece", [1, 100, 4 << 10])
def test_a_host_that_drips_is_given_up_after_a_minute(piece: int) -> None:
    clock = times(1, 30, 59, 61)
    bounded = Bounded(Pending(), threading.Event(), clock=lambda: next(clock))
    for _ in range(3):
        bounded.write(b"x" * piece)
    with pytest.raises(FetchError, match="less than 4 KiB a second"):
        bounded.write(b"x")


def test_a_slow_host_is_waited_for() -> None:
    clock = times(*range(10, 1000, 10))
    bounded = Bounded(Pending(), threading.Event(), clock=lambda: next(clock))
    for _ in range(99):
        bounded.write(b"x" * (50 << 10))


def test_what_is_not_wanted_any_more_ends() -> None:
    stop, blob = threading.Event(), Pending()
    bounded = Bounded(blob, stop)
    bounded.write(b"x")
    stop.set()
    with pytest.raises(Stopped):
        bounded.write(b"x")
    assert blob.size == 1
