"""Documents that point at an image: SBOMs, provenance, signatures (OCI 1.1 referrers)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mooring.digests import canonical_json, digest_bytes
from mooring.oci.blobs import has_blob, open_blob
from mooring.oci.model import (
    OCI_MANIFEST,
    Descriptor,
    RawManifest,
    RegistryError,
    parse_object,
)
from mooring.oci.push import bytes_blob
from mooring.oci.reference import ImageReference
from mooring.oci.referrer_lists import add_to_list, descriptor_of, listed, malformed
from mooring.oci.registry import MissingBlob, RegistryClient
from mooring.oci.uploads import Upload

EMPTY = "application/vnd.oci.empty.v1+json"
_EMPTY_BYTES = b"{}"
_DOCUMENT_LIMIT = 64 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """What is attached to an image: its media type and bytes."""

    artifact_type: str
    payload: bytes = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Referrer:
    """A manifest that points at an image.

    Attributes:
        descriptor: Of that manifest.
        artifact_type: What kind of document it holds; empty when the registry does not tell.
    """

    descriptor: Descriptor
    artifact_type: str
    annotations: Mapping[str, str]


def attach(
    client: RegistryClient,
    target: ImageReference,
    subject: Descriptor,
    *,
    artifact_type: str,
    payload: bytes,
    annotations: Mapping[str, str] | None = None,
) -> Descriptor:
    """Attach one document; see `attach_all`."""
    document = Document(
        artifact_type=artifact_type, payload=payload, annotations=dict(annotations or {})
    )
    return attach_all(client, target, subject, [document])[0]


def attach_all(
    client: RegistryClient,
    target: ImageReference,
    subject: Descriptor,
    documents: Sequence[Document],
) -> tuple[Descriptor, ...]:
    """Attach documents to an image of the target's repository; what is attached stays as it is.

    A registry that does not list referrers by itself gets the list under a tag made of the
    image's digest, as the specification says. That list is read and written back, so of two that
    write at once one may be lost: each looks again, and adds its own anew.

    Args:
        client: The registry.
        target: The repository.
        subject: The image's manifest or index.
        documents: What is attached.

    Returns:
        The descriptor of each document's manifest.

    Raises:
        RegistryError: The registry cannot be asked, or refuses.
    """
    manifests = [_manifest(subject, document) for document in documents]
    there = {found.descriptor.digest for found in list_referrers(client, target, subject.digest)}
    entries = []
    for document, manifest in zip(documents, manifests):
        if manifest.digest not in there:
            noted = _store(client, target, document, manifest)
            if noted != subject.digest:
                entries.append(_entry(document, manifest))
    if entries:
        add_to_list(client, target, subject, entries)
    return tuple(_described(manifest) for manifest in manifests)


def list_referrers(
    client: RegistryClient, target: ImageReference, digest: str
) -> tuple[Referrer, ...]:
    """Return what points at an image of the target's repository, in the registry's order.

    Raises:
        RegistryError: The registry cannot be asked, or its list is malformed.
    """
    return tuple(_referrer(entry, target) for entry in listed(client, target, digest))


def fetch(client: RegistryClient, target: ImageReference, referrer: Referrer) -> bytes:
    """Return the document that a referrer holds, checked against its digests.

    Raises:
        RegistryError: It is absent, larger than 64 MiB, or not what its digest stands for.
    """
    manifest = client.manifest(target.with_digest(referrer.descriptor.digest))
    layers = parse_object(manifest.body, "manifest").get("layers")
    if not isinstance(layers, list) or len(layers) != 1 or not isinstance(layers[0], dict):
        raise malformed(target, "a referrer does not hold one document")
    found = descriptor_of(layers[0], target)
    if found.size > _DOCUMENT_LIMIT:
        raise RegistryError(
            f"the document has more than {_DOCUMENT_LIMIT >> 20} MiB", where=str(target)
        )
    with open_blob(client.session, target, found) as stream:
        return stream.read()


def _store(
    client: RegistryClient, target: ImageReference, document: Document, manifest: RawManifest
) -> str | None:
    session = client.session.pushing()
    blobs = (
        bytes_blob(_EMPTY_BYTES, EMPTY),
        bytes_blob(document.payload, document.artifact_type),
    )
    for blob in blobs:
        if not has_blob(session, target, blob.descriptor.digest):
            Upload(session, target, blob).run()
    place = target.with_digest(manifest.digest)
    try:
        return client.put_manifest(place, manifest)
    except MissingBlob:
        # Another push brought them at the same moment: the registry had them, and then had not.
        for blob in blobs:
            Upload(session, target, blob).run()
        return client.put_manifest(place, manifest)


def _manifest(subject: Descriptor, document: Document) -> RawManifest:
    body: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": document.artifact_type,
        "subject": _json(subject),
        "config": _json(bytes_blob(_EMPTY_BYTES, EMPTY).descriptor),
        "layers": [_json(bytes_blob(document.payload, document.artifact_type).descriptor)],
    }
    if document.annotations:
        body["annotations"] = dict(document.annotations)
    data = canonical_json(body)
    return RawManifest(media_type=OCI_MANIFEST, digest=digest_bytes(data), body=data)


def _described(manifest: RawManifest) -> Descriptor:
    return Descriptor(
        media_type=manifest.media_type, digest=manifest.digest, size=len(manifest.body)
    )


def _json(descriptor: Descriptor) -> dict[str, object]:
    return {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }


def _entry(document: Document, manifest: RawManifest) -> dict[str, object]:
    entry = {**_json(_described(manifest)), "artifactType": document.artifact_type}
    if document.annotations:
        entry["annotations"] = dict(document.annotations)
    return entry


def _referrer(entry: Mapping[str, object], target: ImageReference) -> Referrer:
    kind, annotations = entry.get("artifactType"), entry.get("annotations")
    return Referrer(
        descriptor=descriptor_of(entry, target),
        artifact_type=kind if isinstance(kind, str) else "",
        annotations={
            key: value
            for key, value in (annotations.items() if isinstance(annotations, dict) else ())
            if isinstance(key, str) and isinstance(value, str)
        },
    )
