"""One artifact into the cache: from its URL, from the page of an index, or from the project."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mooring.artifacts.fetch import BrokenOffError, Fetcher, FetchError
from mooring.artifacts.simple_page import ACCEPT, PAGE_BYTES, read_page
from mooring.artifacts.wheels_only import ArtifactError
from mooring.lock.model import Selected
from mooring.oci.blob_store import BlobStore, PendingBlob
from mooring.urls import redact, strip_credentials
from mooring.uv import IndexLike, credentials_hint

_LARGEST = 16 << 30
_PIECE = 1 << 20
_TRIES = 3
_GRACE_SECONDS = 60.0
_SLOWEST = 4 << 10
"""Bytes a second, on average: what is slower would never end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is wanted of a store besides the selection.

    Attributes:
        folder: The folder of the lock, for artifacts with a path.
        indexes: The declared indexes.
        stop: Set when the rest of the work is no longer wanted.
    """

    folder: Path
    indexes: tuple[IndexLike, ...]
    stop: threading.Event = field(default_factory=threading.Event)


class Stopped(Exception):
    """Another artifact failed, or the user gave up: what is under way ends."""


def copy_local(selected: Selected, wanted: Wanted, blobs: BlobStore) -> None:
    """Copy a wheel of the project into the cache.

    Raises:
        ArtifactError: It is absent, no file, or another one than the locked one.
        MooringError: The cache cannot be written.
    """
    artifact = selected.artifact
    path = wanted.folder / (artifact.path or artifact.name)
    expected = f"sha256:{artifact.sha256}"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ArtifactError(f"{_named(selected)}: this is not a file", where=str(path))
        source = path.open("rb")
    except OSError as error:
        raise ArtifactError(
            f"{_named(selected)}: the file cannot be read: {error.strerror}",
            where=str(path),
            hint="build it again, then run `mooring lock`",
        ) from error
    with source, blobs.writing() as blob:
        while piece := source.read(_PIECE):
            blob.write(piece)
        if blob.digest != expected:
            raise _other(selected, blob, str(path), "it was built again: run `mooring lock`")


def download(selected: Selected, fetcher: Fetcher, wanted: Wanted, blobs: BlobStore) -> None:
    """Fetch one artifact into the cache.

    Raises:
        ArtifactError: It cannot be had, or is not the locked one; nothing is kept.
        MooringError: The cache cannot be written.
        Stopped: It is no longer wanted.
    """
    for attempt in range(1, _TRIES + 1):
        if wanted.stop.is_set():
            raise Stopped
        try:
            _download_once(selected, fetcher, wanted, blobs)
        except BrokenOffError as error:
            if attempt == _TRIES:
                raise _failed(selected, error) from error
        except FetchError as error:
            raise _failed(selected, error) from error
        else:
            return


def _download_once(selected: Selected, fetcher: Fetcher, wanted: Wanted, blobs: BlobStore) -> None:
    artifact = selected.artifact
    url = artifact.url or _address(selected, fetcher, wanted)
    limit = _LARGEST if artifact.size is None else artifact.size
    with blobs.writing() as blob:
        status = fetcher.download(url, Bounded(blob, wanted.stop), limit=limit)
        if status != 200:
            raise _refused(url, status, wanted)
        if blob.digest != f"sha256:{artifact.sha256}":
            hint = "the file was replaced where it is served; find out why before you lock again"
            raise _other(selected, blob, redact(url), hint)


class Counted(Protocol):
    """What is written to, and knows how much it has."""

    size: int

    def write(self, data: bytes, /) -> int:
        """Add bytes to the end; return how many."""


class Bounded:
    """A blob that takes no more when it is not wanted, or comes too slowly."""

    def __init__(
        self, blob: Counted, stop: threading.Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._blob = blob
        self._stop = stop
        self._clock = clock
        self._start = clock()

    def write(self, data: bytes) -> int:
        """Add bytes to the end; return how many."""
        if self._stop.is_set():
            raise Stopped
        past = self._clock() - self._start
        if past > _GRACE_SECONDS and self._blob.size < past * _SLOWEST:
            raise FetchError(
                "it sends less than 4 KiB a second", hint="try another time or network"
            )
        return self._blob.write(data)


def _address(selected: Selected, fetcher: Fetcher, wanted: Wanted) -> str:
    """Return where an index has the file, for locks that hold names and hashes only."""
    name, artifact = selected.package.name, selected.artifact
    asked = []
    for base in dict.fromkeys(_index_urls(selected, wanted)):
        url = f"{base.rstrip('/')}/{name}/"
        asked.append(redact(base))
        answer = fetcher.get(url, limit=PAGE_BYTES, accept=ACCEPT)
        if answer.status in (401, 403):
            raise _refused(url, answer.status, wanted)
        for file in read_page(answer) if answer.status == 200 else ():
            if file.name == artifact.name and file.sha256 in (None, artifact.sha256):
                return file.url
    raise FetchError(
        "the lock has no URL of it, and no index has it: "
        + (", ".join(asked) or "none is declared"),
        hint="declare the index that serves it in [[tool.mooring.index]]",
    )


def _index_urls(selected: Selected, wanted: Wanted) -> Iterator[str]:
    if selected.package.index is not None:
        yield selected.package.index
        return
    yield from (strip_credentials(index.url) for index in wanted.indexes if not index.explicit)


def _refused(url: str, status: int, wanted: Wanted) -> FetchError:
    match status:
        case 401 | 403:
            hint = credentials_hint(url, wanted.indexes)
        case 404 | 410:
            hint = "it was withdrawn or moved: run `mooring lock` again"
        case _:
            hint = "try again later, or lock from another index"
    return FetchError(f"the server answers {status}", where=redact(url), hint=hint)


def _failed(selected: Selected, error: FetchError) -> ArtifactError:
    return ArtifactError(
        f"{_named(selected)} cannot be downloaded: {error.message}",
        where=error.where,
        hint=error.hint,
    )


def _other(selected: Selected, blob: PendingBlob, where: str, hint: str) -> ArtifactError:
    return ArtifactError(
        f"{_named(selected)} is another file than the locked one: its SHA-256 is "
        f"{blob.digest.removeprefix('sha256:')}, the locked one {selected.artifact.sha256}",
        where=where,
        hint=hint,
    )


def _named(selected: Selected) -> str:
    package = selected.package
    return f"{package.name} {package.version}" if package.version else package.name
