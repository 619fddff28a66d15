"""What a build does about the memory that it uses."""

from __future__ import annotations

import sys

_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 18


def return_large_buffers() -> None:
    """Let buffers of 256 KiB and more go back to the system as soon as they are freed.

    By itself, glibc raises that limit with each larger buffer that is freed, up to 32 MiB, and
    keeps what is below it for each thread: pieces of layers on a dozen threads add up to 40 MB that
    nobody uses. Other systems are left as they are.
    """
    if sys.platform != "linux":
        return
    import ctypes  # only builds need it

    try:
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
    except (AttributeError, OSError):
        return  # musl has no such setting, and no such habit
