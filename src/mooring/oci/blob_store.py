"""Blobs of images on this machine, kept by their digest and shared by every project."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mooring.digests import DIGEST_PATTERN
from mooring.errors import MooringError
from mooring.files import cache_root

PIECE = 1 << 20
"""Bytes that are moved at once."""

_unfinished: set[Path] = set()


def _remove_unfinished() -> None:
    """Remove what threads write that an interrupted command does not wait for."""
    for path in list(_unfinished):
        with contextlib.suppress(OSError):
            path.unlink()


class BlobError(MooringError):
    """A blob cannot be kept, or is not what its digest says (exit code 3)."""


class PendingBlob:
    """A blob that is being written; it is hashed on the way and has no name yet."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Add bytes to the end; return how many."""
        self._hash.update(data)
        self._stream.write(data)
        self.size += len(data)
        return len(data)

    @property
    def digest(self) -> str:
        """The digest of what was written so far, `sha256:<hex>`."""
        return f"sha256:{self._hash.hexdigest()}"


class BlobStore:
    """A folder of blobs, each in a file named by its SHA-256.

    A blob gets its name when it is whole: a killed process leaves temporary files at most, and two
    processes that write the same blob write the same bytes.

    Args:
        root: The folder; `blobs` in Mooring's cache by default.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_root() / "blobs"

    def path(self, digest: str) -> Path | None:
        """Return where a blob is, or None; its bytes are not checked here, see `open`."""
        path = self._place(digest)
        try:
            return path if path.is_file() else None
        except PermissionError:
            return None  # of a cache of somebody else; whoever writes there says so

    def size(self, digest: str) -> int | None:
        """Return how many bytes the file of a blob has, or None when there is none."""
        try:
            return self._place(digest).stat().st_size
        except OSError:
            return None

    @contextlib.contextmanager
    def writing(self, expected: str | None = None) -> Iterator[PendingBlob]:
        """Give a blob to write; at the end of the block it is kept under its digest.

        Args:
            expected: Digest that it must have.

        Raises:
            BlobError: The disk is full, or the digest is another one; nothing is kept.
        """
        folder = self.root / "sha256"
        temporary: Path | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".new-", dir=folder)
            temporary = Path(name)
            _unfinished.add(temporary)
            atexit.unregister(_remove_unfinished)  # once is enough
            atexit.register(_remove_unfinished)
            with os.fdopen(handle, "wb", buffering=PIECE) as stream:
                pending = PendingBlob(stream)
                yield pending
            if expected is not None and pending.digest != expected:
                raise BlobError(f"{expected} was expected, {pending.digest} came")
            temporary.replace(self._place(pending.digest))
        except OSError as error:
            raise BlobError(
                f"the blob cannot be kept: {error.strerror or error}",
                where=str(error.filename2 or folder),
                hint="free some space, or set MOORING_CACHE_DIR to a folder you may write to",
            ) from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
                _unfinished.discard(temporary)

    def add(self, data: bytes) -> str:
        """Keep bytes and return their digest; see `writing` for the errors."""
        with self.writing() as blob:
            blob.write(data)
        return blob.digest

    def discard(self, digest: str) -> None:
        """Forget a blob, such as one that was found damaged."""
        self._place(digest).unlink(missing_ok=True)

    @contextlib.contextmanager
    def open(self, digest: str) -> Iterator[CheckedBlob]:
        """Give a blob to read; reading its end compares its bytes with the digest.

        When the block fails, the rest is compared as well: what could not be unpacked is perhaps
        not the blob that was meant.

        Raises:
            BlobError: The blob is absent; or, at its end, it was changed. It is forgotten then.
        """
        try:
            stream = self._place(digest).open("rb")
        except OSError as error:
            raise BlobError(
                f"{digest} is not in the cache any more", where=str(self.root)
            ) from error
        with stream:
            blob = CheckedBlob(stream, digest, self)
            try:
                yield blob
            except BlobError:
                raise
            except Exception:
                while blob.read(PIECE):
                    pass
                raise

    def _place(self, digest: str) -> Path:
        if not DIGEST_PATTERN.fullmatch(digest):
            raise BlobError(f"{digest[:100]!r} is no SHA-256 digest")
        return self.root / "sha256" / digest.removeprefix("sha256:")


class CheckedBlob:
    """A stream of a blob's bytes that refuses to end when they are not those of its digest."""

    def __init__(self, stream: BinaryIO, digest: str, store: BlobStore) -> None:
        self._stream = stream
        self._digest = digest
        self._store = store
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end.

        Raises:
            BlobError: The end is reached and the bytes were other ones.
        """
        data = self._stream.read(size)
        self._hash.update(data)
        at_end = not data if size >= 0 else True
        if at_end and size != 0 and f"sha256:{self._hash.hexdigest()}" != self._digest:
            self._store.discard(self._digest)
            raise BlobError(
                f"the cached blob {self._digest} was changed; it is forgotten now",
                where=str(self._store.root),
                hint="run this again",
            )
        return data
