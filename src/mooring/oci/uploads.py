"""Bringing one blob into a repository: mounted from another one, or uploaded and resumed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

from mooring.errors import MooringError
from mooring.oci.blobs import has_blob
from mooring.oci.connection import Interrupted, Reply
from mooring.oci.content import Blob
from mooring.oci.model import Descriptor, RegistryError, Unauthorised
from mooring.oci.reference import ImageReference
from mooring.oci.session import Session
from mooring.oci.store import Source
from mooring.oci.transport import RETRIED_STATUS, TRIES

PIECE = 256 << 10
"""Bytes that are read and sent at once."""

_CHUNK = 4 << 20
"""Bytes of a request where a whole blob is too much for a proxy in between."""

_MOST_TRIES = 20
_BYTES = {"Content-Type": "application/octet-stream"}
_RANGE = re.compile(r"(?:bytes[= ])?0-(\d{1,15})")
# Beside 404: what registries answer when they know an upload no more, or got something else.
_LOST_STATUS = frozenset({400, 404, 409, 410, 416})


class Stopped(MooringError):
    """An upload that is not wanted any more, because another one failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A stretch of a blob as a request's body; its bytes are read while they are sent.

    Attributes:
        stopped: Asked between two pieces.
    """

    descriptor: Descriptor
    source: Callable[[], AbstractContextManager[Source]] = field(repr=False)
    stopped: Callable[[], bool] = field(repr=False)
    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin

    def __iter__(self) -> Iterator[bytes]:
        with self.source() as source:
            at = 0
            while at < self.end:
                if self.stopped():
                    raise Stopped("the upload was given up")
                data = source.read(min(PIECE, (self.begin if at < self.begin else self.end) - at))
                if not data:
                    raise self._wrong("fewer")
                if at >= self.begin:
                    yield data
                at += len(data)
            # A checked source compares its digest when its end is read.
            if self.end == self.descriptor.size and source.read(1):
                raise self._wrong("more")

    def _wrong(self, than: str) -> RegistryError:
        return RegistryError(
            f"the blob {self.descriptor.digest} has {than} than its {self.descriptor.size} bytes"
        )


def mount(
    session: Session, target: ImageReference, digest: str, donor: ImageReference
) -> tuple[bool, str | None]:
    """Ask to take a blob over from another repository of the same registry.

    Returns:
        Whether the repository has the blob now; if not, the location of an upload that the
        registry opened instead, or None.

    Raises:
        RegistryError: The registry cannot be asked.
    """
    query = urlencode({"mount": digest, "from": donor.repository})
    try:
        reply = session.reading_also(donor).call("POST", target, f"blobs/uploads/?{query}")
    except Unauthorised:
        return False, None  # perhaps only of the donor: without it, uploading is still possible
    if reply.status == 201:
        return True, None
    return False, session.location(target, reply) if reply.status == 202 else None


class Upload:
    """One blob on its way to a repository.

    Args:
        session: Allowed to push.
        target: Whose repository gets the blob.
        blob: What is sent.
        stopped: Whether the upload is not wanted any more; asked all the time.
        location: Of an upload that is open already.
    """

    def __init__(
        self,
        session: Session,
        target: ImageReference,
        blob: Blob,
        *,
        stopped: Callable[[], bool] = lambda: False,
        location: str | None = None,
    ) -> None:
        self._session = session
        self._target = target
        self._blob = blob
        self._size = blob.descriptor.size
        self._stopped = stopped
        self._location = location
        self._at = 0
        self._chunk: int | None = None

    def run(self) -> None:
        """Send the blob; what breaks off is resumed where the registry can, within bounds.

        Raises:
            RegistryError: The registry cannot be asked, or refuses.
        """
        try:
            self._tried()
        except BaseException:
            self._cancel()
            raise

    def _tried(self) -> None:
        failures = 0
        for _ in range(_MOST_TRIES):
            if self._location is None:
                self._begin()  # is tried several times by itself
            before = self._at
            headers: Mapping[str, str] | None = None
            try:
                reply = self._go_on()
                if reply.ok:
                    return
                problem = self._problem(reply)
                headers = reply.headers
            except Interrupted as error:
                problem = error
            failures += 1
            if failures >= (2 if _is_slow(problem) else TRIES):
                break
            self._session.transport.pause(failures, headers)
            if self._look():
                return
            if self._location is not None and self._at > before:
                failures = 0
        raise problem

    def _begin(self) -> None:
        reply = self._session.call("POST", self._target, "blobs/uploads/")
        if not reply.ok:
            raise self._session.failed(self._target, reply)
        self._at = 0
        self._moved(reply)

    def _go_on(self) -> Reply:
        """Send the rest; return the answer to the last request, or the first that is no success."""
        while self._chunk is not None and self._size - self._at > self._chunk:
            end = self._at + self._chunk
            reply = self._send("PATCH", self._where(), end)
            if not reply.ok:
                return reply
            self._moved(reply)
            had = _received(reply) or end
            if not self._at < had <= end:
                self._location = None
                raise Interrupted(f"the registry {self._target.registry} lost count of an upload")
            self._at = had
        digest = urlencode({"digest": self._blob.descriptor.digest})
        where = self._where()
        return self._send("PUT", f"{where}{'&' if '?' in where else '?'}{digest}", self._size)

    def _send(self, method: str, url: str, end: int) -> Reply:
        headers = dict(_BYTES)
        if method == "PATCH" or self._at:
            headers["Content-Range"] = f"{self._at}-{end - 1}"
        part = Part(
            descriptor=self._blob.descriptor,
            source=self._blob.open,
            stopped=self._stopped,
            begin=self._at,
            end=end,
        )
        # An empty body that is iterated over would be sent in chunks.
        data = part if len(part) else b""
        return self._session.upload(method, self._target, url, data=data, headers=headers)

    def _problem(self, reply: Reply) -> RegistryError:
        """Return the error to raise when no further try helps; raise what no try can help."""
        error = self._session.failed(self._target, reply)
        if reply.status == 413 and self._chunk is None:
            self._chunk = _CHUNK
            return error
        if reply.status in _LOST_STATUS and self._location is not None:
            self._location = None
            said = self._session.said(self._target, reply)
            return RegistryError(
                f"the registry {self._target.registry} did not take the blob "
                f"{self._blob.descriptor.digest}: {reply.status}, {said}",
                where=str(self._target),
            )
        if reply.status not in RETRIED_STATUS:
            raise error
        return error

    def _look(self) -> bool:
        """Ask how much the registry has; return whether it is all of it.

        What it does not know any more is begun anew.
        """
        if self._location is not None:
            with suppress(RegistryError):
                reply = self._session.call("GET", self._target, self._location)
                had = _received(reply) or 0
                if reply.ok and had < max(self._size, 1):
                    self._moved(reply)
                    self._at = had
                    return False
        self._location = None
        with suppress(RegistryError):
            # Perhaps only its last answer got lost.
            return has_blob(self._session, self._target, self._blob.descriptor.digest)
        return False

    def _moved(self, reply: Reply) -> None:
        """Remember where the upload goes on; each answer may name another place."""
        self._location = self._session.location(self._target, reply) or self._location

    def _where(self) -> str:
        if self._location is None:
            raise RegistryError(
                f"the registry {self._target.registry} opened an upload without a location",
                where=str(self._target),
            )
        return self._location

    def _cancel(self) -> None:
        """Let the registry forget what it got; it does so by itself after a week or so."""
        if self._location is not None:
            with suppress(MooringError):
                self._session.upload("DELETE", self._target, self._location, data=b"", headers={})


def _received(reply: Reply) -> int | None:
    """Return how many bytes a registry has; None when it does not say it."""
    match = _RANGE.fullmatch(reply.headers.get("range", "").strip())
    # `0-0` means one byte, but registries of the distribution project say it of none. If it was
    # one, the digest is wrong at the end, and the upload begun anew.
    return int(match[1]) + 1 if match and match[1] != "0" else None


def _is_slow(error: RegistryError) -> bool:
    return isinstance(error, Interrupted) and error.slow
