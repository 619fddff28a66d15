"""Pushing an image or an index: blobs first and at once, then manifests, then tags."""

from __future__ import annotations

import contextlib
import io
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mooring.digests import digest_bytes
from mooring.oci.blobs import has_blob
from mooring.oci.content import (
    OCI_CONFIG,
    Blob,
    Content,
    IndexContent,
    images_of,
    manifest_of,
)
from mooring.oci.model import Descriptor, RawManifest
from mooring.oci.reference import ImageReference
from mooring.oci.registry import MissingBlob, RegistryClient
from mooring.oci.store import Source
from mooring.oci.uploads import Upload, mount
from mooring.reporting import Reporter

_THREADS = 4
_JOIN_SECONDS = 2.0  # for taking back what was begun

Outcome = Literal["sent", "mounted", "there"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """What a push did.

    Attributes:
        digest: Of the index, or of the manifest of a single image.
        uploaded: Bytes of blobs that were sent.
        sent: Blobs that were sent.
        mounted: Blobs that were taken over from another repository.
        there: Blobs that the repository had.
    """

    digest: str
    uploaded: int
    sent: int
    mounted: int
    there: int


def push(
    client: RegistryClient,
    target: ImageReference,
    content: Content,
    *,
    tags: Sequence[str] = (),
    reporter: Reporter,
) -> Pushed:
    """Push an image or an index, and give it the target's tag and others.

    What the registry has is not sent again; blobs of other repositories of the same registry
    are mounted. A manifest is stored when all it names is there, and a tag is moved when all
    manifests are: whenever this is interrupted, no name stands for a part of an image.

    Args:
        client: The registry.
        target: Its tag is given last; without one, and without `tags`, the image is stored by
            its digest only.
        content: What is pushed. A blob is opened only if it must be sent.
        tags: Other tags of the same repository.
        reporter: Told how each blob got there.

    Raises:
        RegistryError: The registry cannot be asked, or refuses.
        MooringError: A blob cannot be read.
    """
    top = manifest_of(content)
    blobs = _blobs(content)
    names = [*dict.fromkeys(tag for tag in (*tags, target.tag) if tag and tag != target.tag)]
    names += [target.tag] if target.tag else []
    if client.head(target.with_digest(top.digest)) is not None:
        for name in names:
            if client.head(target.with_tag(name)) != top.digest:
                client.put_manifest(target.with_tag(name), top)
        return _counted(top.digest, [(blob, "there") for blob in blobs])
    reporter.step(f"Pushing {len(blobs)} blobs to {target.name}")
    crew = _Crew(client, target, reporter)
    done = crew.bring(blobs)
    try:
        _put_manifests(client, target, content, names)
    except MissingBlob:
        # The registry said of a blob that it is there, and does not find it now: say it again
        # with all of them at hand.
        reporter.note(f"{target.registry} misses a blob that it had; all are sent again")
        done = crew.bring(blobs, believe=False)
        _put_manifests(client, target, content, names)
    return _counted(top.digest, done)


def bytes_blob(data: bytes, media_type: str) -> Blob:
    """Return bytes as a blob: a configuration, or a document."""

    @contextlib.contextmanager
    def opened() -> Iterator[Source]:
        yield io.BytesIO(data)

    described = Descriptor(media_type=media_type, digest=digest_bytes(data), size=len(data))
    return Blob(descriptor=described, diff_id="", open=opened)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shift:
    """The work of several threads: blobs to bring, and what became of them."""

    waiting: queue.SimpleQueue[Blob]
    done: queue.SimpleQueue[tuple[Blob, Outcome | BaseException]]
    stop: threading.Event
    believe: bool


class _Crew:
    """Brings blobs to a repository, several at once."""

    def __init__(self, client: RegistryClient, target: ImageReference, reporter: Reporter) -> None:
        self._session = client.session.pushing()
        self._target = target
        self._reporter = reporter

    def bring(self, blobs: Sequence[Blob], *, believe: bool = True) -> list[tuple[Blob, Outcome]]:
        """Bring all blobs, or raise the first error; reports come from this thread only.

        Args:
            blobs: Each digest once.
            believe: Leave out what the registry says it has.
        """
        shift = _Shift(
            waiting=queue.SimpleQueue(),
            done=queue.SimpleQueue(),
            stop=threading.Event(),
            believe=believe,
        )
        # The largest first, so that no thread is left with it at the end.
        for blob in sorted(blobs, key=lambda each: -each.descriptor.size):
            shift.waiting.put(blob)
        threads = [
            # Daemons: an interrupted command does not wait for a silent registry.
            threading.Thread(target=self._work, args=(shift,), daemon=True)
            for _ in range(min(_THREADS, len(blobs)))
        ]
        try:
            for thread in threads:
                thread.start()
            return [self._next(shift) for _ in blobs]
        finally:
            shift.stop.set()
            deadline = time.monotonic() + _JOIN_SECONDS
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _next(self, shift: _Shift) -> tuple[Blob, Outcome]:
        blob, outcome = shift.done.get()
        if isinstance(outcome, BaseException):
            raise outcome
        size = f"{blob.descriptor.size / 1e6:.1f} MB"
        self._reporter.detail(f"{blob.descriptor.digest[7:19]} {size} {outcome}")
        return blob, outcome

    def _work(self, shift: _Shift) -> None:
        with contextlib.suppress(queue.Empty):
            while not shift.stop.is_set():
                blob = shift.waiting.get_nowait()
                try:
                    shift.done.put((blob, self._bring_one(blob, shift)))
                except BaseException as error:  # noqa: BLE001  # raised again by the other thread
                    shift.done.put((blob, error))

    def _bring_one(self, blob: Blob, shift: _Shift) -> Outcome:
        digest, donor, location = blob.descriptor.digest, blob.origin, None
        if shift.believe and has_blob(self._session, self._target, digest):
            return "there"
        if donor and _is_neighbour(donor, self._target):
            mounted, location = mount(self._session, self._target, digest, donor)
            if mounted:
                return "mounted"
        Upload(
            self._session, self._target, blob, stopped=shift.stop.is_set, location=location
        ).run()
        return "sent"


def _is_neighbour(donor: ImageReference, target: ImageReference) -> bool:
    return donor.registry == target.registry and donor.repository != target.repository


def _blobs(content: Content) -> tuple[Blob, ...]:
    """Return every blob once, configurations included."""
    found = {
        blob.descriptor.digest: blob
        for image in images_of(content)
        for blob in (*image.layers, bytes_blob(image.config, OCI_CONFIG))
    }
    return tuple(found.values())


def _put_manifests(
    client: RegistryClient, target: ImageReference, content: Content, names: Sequence[str]
) -> None:
    if isinstance(content, IndexContent):
        for image in content.images:
            _put(client, target, image.manifest)
    top = manifest_of(content)
    if not names:
        _put(client, target, top)
    for name in names:
        client.put_manifest(target.with_tag(name), top)


def _put(client: RegistryClient, target: ImageReference, manifest: RawManifest) -> None:
    client.put_manifest(target.with_digest(manifest.digest), manifest)


def _counted(digest: str, done: Sequence[tuple[Blob, Outcome]]) -> Pushed:
    outcomes = [outcome for _, outcome in done]
    return Pushed(
        digest=digest,
        uploaded=sum(blob.descriptor.size for blob, outcome in done if outcome == "sent"),
        sent=outcomes.count("sent"),
        mounted=outcomes.count("mounted"),
        there=outcomes.count("there"),
    )
