"""Blobs of a registry: whether it has one, and its bytes, resumed and checked."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping

from mooring.oci.connection import Answering, Interrupted
from mooring.oci.model import Descriptor, RegistryError
from mooring.oci.reference import ImageReference
from mooring.oci.session import ERROR_LIMIT, Session, not_found
from mooring.oci.transport import TRIES

_PIECE = 1 << 20
_MOST_RESUMES = 20


def has_blob(session: Session, reference: ImageReference, digest: str) -> bool:
    """Return whether a repository has a blob; one HEAD request.

    Raises:
        RegistryError: The registry cannot be asked.
    """
    reply = session.call("HEAD", reference, f"blobs/{digest}")
    if reply.status != 404 and not reply.ok:
        raise session.failed(reference, reply)
    return reply.ok


@contextlib.contextmanager
def open_blob(
    session: Session, reference: ImageReference, descriptor: Descriptor
) -> Iterator[BlobDownload]:
    """Give a blob to read; nothing is asked before the first byte is wanted."""
    download = BlobDownload(session, reference, descriptor)
    try:
        yield download
    finally:
        download.close()


class BlobDownload:
    """A stream of a blob's bytes; it goes on where a connection broke.

    Its end is only given when size and digest are those of the descriptor.
    """

    def __init__(self, session: Session, reference: ImageReference, descriptor: Descriptor) -> None:
        self._session = session
        self._reference = reference
        self._descriptor = descriptor
        self._answer: Answering | None = None
        self._hash = hashlib.sha256()
        self._at = 0
        self._ended = False
        self._tries = 0
        self._resumes = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end, or all of them.

        Raises:
            ImageNotFound: The repository has no such blob.
            RegistryError: The registry cannot be asked, or it sent other bytes.
        """
        left = self._descriptor.size - self._at
        wanted = left if size < 0 else min(size, left)
        pieces = []
        while wanted > 0:
            data = self._piece(min(wanted, _PIECE))
            self._hash.update(data)
            self._at += len(data)
            wanted -= len(data)
            pieces.append(data)
        if self._at == self._descriptor.size and not self._ended:
            self._end()
        return b"".join(pieces)

    def close(self) -> None:
        """Read no more of it."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def _piece(self, size: int) -> bytes:
        """Return some bytes, at least one."""
        while True:
            try:
                if self._answer is None:
                    self._answer = self._connect()
                data = self._answer.read(size)
                if data:
                    self._tries = 0
                    return data
                raise Interrupted(f"the registry {self._reference.registry} sent only a part")
            except Interrupted as error:
                self.close()
                self._tries += 1
                self._resumes += 1
                # A server that sends a little each time would keep us for ever.
                if self._tries >= TRIES or self._resumes > _MOST_RESUMES or error.slow:
                    raise _while_reading(error, self._reference, self._descriptor) from error
                self._session.transport.pause(self._tries)

    def _connect(self) -> Answering:
        headers = {"Range": f"bytes={self._at}-"} if self._at else {}
        path = f"blobs/{self._descriptor.digest}"
        answer = self._session.download(self._reference, path, headers)
        try:
            self._check(answer)
        except BaseException:
            answer.close()
            raise
        if self._at and answer.status != 206:
            self._skip(answer)
        return answer

    def _check(self, answer: Answering) -> None:
        """Refuse an answer that cannot be the wanted bytes, before any of them is read."""
        if answer.status == 404:
            raise not_found(self._reference)
        partial = self._at > 0 and answer.status == 206
        if not partial and answer.status != 200:
            raise self._session.failed(self._reference, answer.whole(ERROR_LIMIT))
        if partial and not _starts_at(answer.headers, self._at):
            raise self._wrong("another part than was asked for")
        size = self._descriptor.size - (self._at if partial else 0)
        length = answer.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) != size:
            raise self._wrong(f"{length[:20]} bytes instead of {size}")

    def _skip(self, answer: Answering) -> None:
        """Read over what is here already: this server cannot start in the middle."""
        left = self._at
        while left:
            data = answer.read(min(left, _PIECE))
            if not data:
                raise Interrupted(f"the registry {self._reference.registry} sent only a part")
            left -= len(data)

    def _end(self) -> None:
        self._ended = True
        if self._answer is not None and self._answer.read(1):
            raise self._wrong(f"more than {self._descriptor.size} bytes")
        self.close()
        if f"sha256:{self._hash.hexdigest()}" != self._descriptor.digest:
            raise self._wrong("other bytes")

    def _wrong(self, what: str) -> RegistryError:
        return RegistryError(
            f"the registry {self._reference.registry} sent {what} "
            f"for the blob {self._descriptor.digest}",
            where=str(self._reference),
        )


def _starts_at(headers: Mapping[str, str], start: int) -> bool:
    return headers.get("content-range", "").replace("=", " ").startswith(f"bytes {start}-")


def _while_reading(
    error: Interrupted, reference: ImageReference, descriptor: Descriptor
) -> Interrupted:
    return Interrupted(
        f"the download of {descriptor.digest} did not end: {error.message}",
        hint=error.hint or f"run this again; the image is {reference}",
        slow=error.slow,
    )
