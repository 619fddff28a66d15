"""Compiles sources to byte code; a program of its own, started by `bytecode`.

A source can make the compiler run out of memory or crash. So it happens in a process that opens
nothing and lives for one batch, and nothing of a source is executed. It runs on the Python of the
image, which may be older than Mooring's own: only what Python 3.9 knows is used here.

It reads frames from standard input (lengths of path and source, then both) and answers each with a
line: the `.pyc` in base64, or `-` where the source does not compile. `end` closes the answers:
without it, the process died at the frame after the last one.
"""

from __future__ import annotations

import base64
import importlib.util
import marshal
import os
import signal
import struct
import sys
import warnings

FRAME = struct.Struct(">II")
SKIPPED = b"-"
END = b"end"

_UNCHECKED_HASH = (1).to_bytes(4, "little")
"""Flags of a `.pyc` that is bound to no time, and whose source is not looked at (PEP 552)."""

_MEMORY = 4 << 30
_SECONDS = 60


def main() -> None:
    """Answer every frame of standard input."""
    limit_resources()
    warnings.simplefilter("ignore")
    with os.fdopen(0, "rb") as stream:
        while len(head := stream.read(FRAME.size)) == FRAME.size:
            path_size, source_size = FRAME.unpack(head)
            path, source = stream.read(path_size), stream.read(source_size)
            if hasattr(signal, "alarm"):
                signal.alarm(_SECONDS)
            # Written at once: the next frame may end this process.
            say(answer(path.decode("utf-8"), source))
        say(END)


def say(line: bytes) -> None:
    """Write a line to standard output, all of it: a pipe may take a part at a time."""
    left = memoryview(line + b"\n")
    while left:
        left = left[os.write(1, left) :]


def limit_resources() -> None:
    """Take from this process what it does not need, where the system can."""
    try:
        import resource  # not on every system
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answer(path: str, source: bytes) -> bytes:
    """Return the `.pyc` of a source in base64, or `-`.

    Args:
        path: Of the source in the image, which its byte code names.
        source: As it is in the file.
    """
    try:
        code = compile(source, path, "exec", dont_inherit=True)
        data = marshal.dumps(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError):
        return SKIPPED
    head = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return base64.b64encode(head + data)


def identity() -> str:
    """Return what this Python is, to be compared with the Python of an image."""
    version = ".".join(map(str, sys.version_info[:3]))
    kind = "debug" if hasattr(sys, "gettotalrefcount") else sys.version_info.releaselevel
    return " ".join([sys.implementation.name, version, kind, str(sys.implementation.cache_tag)])


if __name__ == "__main__":
    if sys.argv[1:] == ["identity"]:
        os.write(1, identity().encode())
    else:
        main()
