"""Sources and byte code of a stream, kept on disk until both files of a pair have passed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mooring.verify.collectors.tar_stream import TarError

MOST_SPOOLED = 4 << 30
"""Bytes of sources and byte code of one environment: large ones have a few hundred MB."""


class Spooled(NamedTuple):
    """Where the content of a file is in a spool.

    Attributes:
        start, size: Bytes.
        mtime: When the file was changed, whole seconds since 1970.
    """

    start: int
    size: int
    mtime: int


class Spool:
    """A temporary file that nobody else sees; gone when it is closed.

    Args:
        where: How messages name the target.
        most: Bytes it may have.
    """

    def __init__(self, where: str, *, most: int = MOST_SPOOLED) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._end = 0
        self._most = most
        self._where = where

    def close(self) -> None:
        """Forget everything."""
        self._file.close()

    def keep(self, pieces: Iterable[bytes], mtime: int, kept: list[Spooled]) -> Iterator[bytes]:
        """Pass pieces on and keep them; the place is added to a list when all have passed.

        Raises:
            TarError: There is more than is accepted.
        """
        start = self._end
        for piece in pieces:
            if self._end + len(piece) > self._most:
                raise TarError(
                    f"its sources and byte code have more than {self._most >> 20} MiB",
                    where=self._where,
                    hint="verify it without --deep",
                )
            self._file.seek(self._end)
            self._file.write(piece)
            self._end += len(piece)
            yield piece
        kept.append(Spooled(start, self._end - start, mtime))

    def read(self, at: Spooled, limit: int) -> bytes:
        """Return the first `limit` bytes of a file."""
        self._file.seek(at.start)
        return self._file.read(min(at.size, limit))


def is_code(path: str) -> bool:
    """Whether a file is a source or byte code, by its name."""
    return path.endswith((".py", ".pyc"))
