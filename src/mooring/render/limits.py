"""Limits on the time and the memory that a template may take, where the system can set them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


class OutOfTime(Exception):
    """The time is over."""


@contextmanager
def limited(*, seconds: float, memory: int) -> Iterator[None]:
    """Interrupt a block that goes on for too long or takes too much memory.

    The limit on time needs the main thread of a POSIX system, the one on memory needs Linux;
    elsewhere the block runs without.

    Args:
        seconds: Longest time.
        memory: Bytes that the process may take beyond what it has.

    Raises:
        OutOfTime: The time is over.
        MemoryError: The memory is used up.
    """
    with _time_limit(seconds), _memory_limit(memory):
        yield


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise OutOfTime(f"it did not end within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _memory_limit(memory: int) -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = _address_space() + memory
    if any(limit != resource.RLIM_INFINITY and limit <= wanted for limit in (soft, hard)):
        yield  # the machine's own limit is lower
        return
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int:
    """Return the bytes of address space that this process has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")
