"""The files of unpacked packages, one behind the other in a temporary file without a name."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.oci.store import Source

_PIECE = 1 << 18


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """One file in the spool; `md5` is what package databases hold of files, and nothing more."""

    offset: int
    size: int
    md5: str


class Spool:
    """A temporary file that packages are unpacked into: layers are sorted, packages are not.

    It has no name, so nothing is left of it when the process ends, however it ends.

    Args:
        folder: Where it is; a disk that has room for what is unpacked.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._end = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by `__exit__`)
        except OSError as error:
            raise self._full(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What could not be written may be tried again here.
        with contextlib.suppress(OSError):
            self._file.close()

    def add(self, source: Source) -> Stored:
        """Copy what a source gives to the end.

        Raises:
            EmbeddedBuildError: The disk is full.
        """
        md5 = hashlib.md5(usedforsecurity=False)
        start = self._end
        while data := source.read(_PIECE):
            md5.update(data)
            try:
                self._file.write(data)
            except OSError as error:
                raise self._full(error) from error
            self._end += len(data)
        return Stored(offset=start, size=self._end - start, md5=md5.hexdigest())

    def seal(self) -> None:
        """Let everything that was added be read.

        Raises:
            EmbeddedBuildError: The disk is full.
        """
        try:
            self._file.flush()
        except OSError as error:
            raise self._full(error) from error

    @contextlib.contextmanager
    def open(self, stored: Stored) -> Iterator[Source]:
        """Give the content of a file; several can be open at once."""
        yield _Part(self._file.fileno(), stored)

    def read(self, stored: Stored, limit: int) -> bytes:
        """Return the content of a small file, cut off at `limit` bytes."""
        return _Part(self._file.fileno(), stored).read(min(stored.size, limit))

    def part(self, stored: Stored, offset: int, size: int) -> bytes:
        """Return a stretch of a file, as far as the file has it."""
        if not 0 <= offset < stored.size:
            return b""
        return os.pread(
            self._file.fileno(), min(size, stored.size - offset), stored.offset + offset
        )

    def _full(self, error: OSError) -> EmbeddedBuildError:
        return EmbeddedBuildError(
            f"the packages cannot be unpacked: {error.strerror or error}",
            where=str(self._folder),
            hint="free some space, or set MOORING_CACHE_DIR to a folder on another disk",
        )


class _Part:
    """The bytes of one file, at a position of its own."""

    def __init__(self, handle: int, stored: Stored) -> None:
        self._handle = handle
        self._offset = stored.offset
        self._left = stored.size

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = os.pread(self._handle, wanted, self._offset) if wanted else b""
        self._offset += len(data)
        self._left -= len(data)
        return data
