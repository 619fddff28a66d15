"""Threads that nobody waits for longer than a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from mooring.threads import Threads


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What work waits for; opened at the end, so that no thread stays behind."""
    event = threading.Event()
    yield event
    event.set()


def test_results_and_errors_are_those_of_the_calls() -> None:
    with Threads(2) as work:
        found = [work.submit(divmod, 7, divisor) for divisor in (2, 0, 7)]
    assert [found[0].result(), found[2].result()] == [(3, 1), (1, 0)]
    with pytest.raises(ZeroDivisionError):
        found[1].result()


def test_a_block_that_ends_waits_for_all(gate: threading.Event) -> None:
    threading.Timer(0.05, gate.set).start()
    with Threads(1) as work:
        found = [work.submit(gate.wait, 30) for _ in range(3)]
    assert all(each.done() for each in found)


def interrupted(gate: threading.Event, found: list[Future[object]]) -> None:
    with Threads(1, grace=0.05) as work:
        found += [work.submit(gate.wait, 30), work.submit(int)]
        while not found[0].running():
            time.sleep(0.001)
        raise KeyboardInterrupt


def test_a_block_that_fails_waits_for_a_moment_only(gate: threading.Event) -> None:
    found: list[Future[object]] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(gate, found)
    assert found[0].running()
    assert found[1].cancelled()
