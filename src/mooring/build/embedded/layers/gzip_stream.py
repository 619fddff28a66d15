"""Gzip whose bytes depend on the input alone: not on the machine, its cores or the sizes of writes.

The input is cut into pieces of 1 MiB. Each is deflated on its own, by an object that was never used
before, so pieces can be deflated at the same time and in any order. Header and trailer are written
here, as libraries put the operating system and the level into them.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol

from mooring.build.embedded.interface import EmbeddedBuildError

CHUNK = 1 << 20
"""Bytes of input that are deflated as one piece; other sizes give other bytes."""

LEVEL = 2

_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # RFC 1952: no name, no time, system "unknown"
_RAW = -15  # deflate without a wrapper, with the largest window
_MOST_WORKERS = 4


class Sink(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> object:
        """Take bytes."""


def compressor() -> str:
    """Return what compresses, with what decides its bytes: `zlib-ng 1.1.0/2.3.3 level 2 ...`."""
    zlib_ng = _library()
    return f"zlib-ng {zlib_ng.package}/{zlib_ng.version} level {LEVEL} chunk {CHUNK}"


class GzipStream:
    """Takes bytes and writes them to a sink as gzip; a context manager.

    Args:
        out: Takes what is written, in order, in the thread that writes here.
        workers: Threads that deflate; as many as there are processors by default, 4 at most.
    """

    def __init__(self, out: Sink, *, workers: int | None = None) -> None:
        self._out = out
        self._zlib = _library()
        self._workers = workers or min(os.cpu_count() or 1, _MOST_WORKERS)
        self._pool: ThreadPoolExecutor | None = None
        self._packed: deque[Future[bytes]] = deque()
        self._pending = bytearray()
        self._plain = hashlib.sha256()
        self._crc = 0
        self.size = 0

    def __enter__(self) -> GzipStream:
        self._out.write(_HEADER)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)

    @property
    def digest(self) -> str:
        """The digest of the plain bytes, once the block has ended: `sha256:<hex>`."""
        return f"sha256:{self._plain.hexdigest()}"

    def write(self, data: bytes) -> int:
        """Add bytes to the end; return how many."""
        self._pending += data
        while len(self._pending) >= CHUNK:
            with memoryview(self._pending) as view:
                chunk = bytes(view[:CHUNK])
            del self._pending[:CHUNK]
            self._count(chunk)
            self._send(chunk)
        return len(data)

    def _count(self, chunk: bytes) -> None:
        self._plain.update(chunk)
        self._crc = self._zlib.crc32(chunk, self._crc)
        self.size += len(chunk)

    def _send(self, chunk: bytes) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers)
        # More would be waiting in memory without making anything faster.
        while len(self._packed) > self._workers:
            self._out.write(self._packed.popleft().result())
        self._packed.append(self._pool.submit(self._zlib.deflate, chunk, last=False))

    def _finish(self) -> None:
        chunk = bytes(self._pending)
        self._pending.clear()
        self._count(chunk)
        while self._packed:
            self._out.write(self._packed.popleft().result())
        self._out.write(self._zlib.deflate(chunk, last=True))
        self._out.write(struct.pack("<II", self._crc, self.size & 0xFFFFFFFF))


class _Library:
    """The one library whose bytes layers are made of."""

    def __init__(self) -> None:
        # Kept off the start-up path: most commands compress nothing.
        import zlib_ng
        from zlib_ng import zlib_ng as module

        self.package = zlib_ng.__version__
        self.version = module.ZLIBNG_RUNTIME_VERSION
        self.crc32 = module.crc32
        self._module = module

    def deflate(self, chunk: bytes, *, last: bool) -> bytes:
        """Return one piece; the last one ends the stream, the others end on a whole byte."""
        module = self._module
        deflate = module.compressobj(LEVEL, module.DEFLATED, _RAW)
        flush = module.Z_FINISH if last else module.Z_SYNC_FLUSH
        packed: bytes = deflate.compress(chunk) + deflate.flush(flush)
        return packed


def _library() -> _Library:
    try:
        return _Library()
    except ImportError as error:
        # Python's own zlib would give other bytes, and other digests on every machine.
        raise EmbeddedBuildError(
            "zlib-ng is not installed; layers are compressed with nothing else",
            hint="install mooring with its dependencies again",
        ) from error
