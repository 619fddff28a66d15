"""Where a registry lists what points at an image: its API, or the tag that stands in for it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from mooring.digests import DIGEST_PATTERN, canonical_json, digest_bytes
from mooring.oci.connection import Reply
from mooring.oci.model import (
    OCI_INDEX,
    Descriptor,
    ImageNotFound,
    RawManifest,
    RegistryError,
    parse_object,
)
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.oci.session import Session

_INDEX_LIMIT = 4 << 20
_MOST_PAGES = 20
_MOST_LISTED = 10_000
_MOST_TRIES = 8
# Longer than another pusher takes between reading the list and writing it back: who looks again
# after this sees its own entry overwritten, if it was.
_SETTLE_SECONDS = 0.15


def listed(
    client: RegistryClient, target: ImageReference, digest: str
) -> list[Mapping[str, object]]:
    """Return the entries that point at an image, from the API or else from the tag.

    Raises:
        RegistryError: The registry cannot be asked, or its list is malformed.
    """
    entries = _from_api(client.session, target, digest)
    return _from_tag(client, target, digest) if entries is None else entries


def add_to_list(
    client: RegistryClient,
    target: ImageReference,
    subject: Descriptor,
    entries: Sequence[Mapping[str, object]],
) -> None:
    """Carry out the tag scheme of the distribution specification (referrers tag schema).

    Raises:
        RegistryError: The registry cannot be asked, or others write the list all the time.
    """
    tag = _list_tag(target, subject.digest)
    for attempt in range(_MOST_TRIES + 1):
        there = _from_tag(client, target, subject.digest)
        missing = [entry for entry in entries if _absent(entry, there)]
        if not missing:
            return
        if attempt == _MOST_TRIES:
            break
        everything = sorted([*there, *missing], key=lambda entry: str(entry.get("digest")))
        body = canonical_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": everything})
        client.put_manifest(
            tag, RawManifest(media_type=OCI_INDEX, digest=digest_bytes(body), body=body)
        )
        # Of several that lost, not all may come again at the same moment.
        spread = random.random() * attempt * _SETTLE_SECONDS  # noqa: S311  # no secret
        client.session.transport.sleep(_SETTLE_SECONDS + spread)
    raise RegistryError(
        "others keep writing the list of what points at this image",
        where=str(tag),
        hint="run this again when they are done",
    )


def _absent(entry: Mapping[str, object], there: Sequence[Mapping[str, object]]) -> bool:
    return all(entry["digest"] != each.get("digest") for each in there)


def _list_tag(target: ImageReference, digest: str) -> ImageReference:
    return target.with_tag(digest.replace(":", "-"))


def _from_api(
    session: Session, target: ImageReference, digest: str
) -> list[Mapping[str, object]] | None:
    """Ask the referrers API; None when the registry has none."""
    path = f"referrers/{digest}"
    found: list[Mapping[str, object]] = []
    for _ in range(_MOST_PAGES):
        reply = session.call("GET", target, path, limit=_INDEX_LIMIT, headers={"Accept": OCI_INDEX})
        kind = reply.headers.get("content-type", "").partition(";")[0].strip()
        if not found and (reply.status in (400, 404, 405, 406) or (reply.ok and kind != OCI_INDEX)):
            return None  # some answer an unknown path with a page of theirs
        if not reply.ok:
            raise session.failed(target, reply)
        found += _entries(reply.body, target)
        following = _next_page(session, target, reply)
        if following is None:
            return found
        path = following
    raise malformed(target, "the list of referrers has no end")


def _next_page(session: Session, target: ImageReference, reply: Reply) -> str | None:
    """Return the URL of a `Link: <...>; rel="next"` header (RFC 8288)."""
    link, _, parameters = reply.headers.get("link", "").partition(">")
    if not link.startswith("<") or 'rel="next"' not in parameters.replace("rel=next", 'rel="next"'):
        return None
    return session.location(target, reply, link[1:])


def _from_tag(
    client: RegistryClient, target: ImageReference, digest: str
) -> list[Mapping[str, object]]:
    tag = _list_tag(target, digest)
    try:
        manifest = client.manifest(tag)
    except ImageNotFound:
        return []
    if manifest.media_type != OCI_INDEX:
        raise malformed(tag, "the tag for the list of referrers holds something else")
    return _entries(manifest.body, target)


def _entries(body: bytes, target: ImageReference) -> list[Mapping[str, object]]:
    entries = parse_object(body, "list of referrers").get("manifests")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise malformed(target, "the list of referrers is none")
    if len(entries) > _MOST_LISTED:
        raise malformed(target, f"the list of referrers has more than {_MOST_LISTED} entries")
    return entries


def descriptor_of(entry: Mapping[str, object], target: ImageReference) -> Descriptor:
    """Read a descriptor.

    Raises:
        RegistryError: It is none.
    """
    kind, digest, size = entry.get("mediaType"), entry.get("digest"), entry.get("size")
    if (
        not isinstance(digest, str)
        or not DIGEST_PATTERN.fullmatch(digest)
        or not isinstance(size, int)
        or isinstance(size, bool)
        or size < 0
    ):
        raise malformed(target, "a referrer has no digest or no size")
    return Descriptor(media_type=kind if isinstance(kind, str) else "", digest=digest, size=size)


def malformed(target: ImageReference, reason: str) -> RegistryError:
    """Return the error for a list or a referrer that breaks its format."""
    return RegistryError(f"the registry sent what breaks its format: {reason}", where=str(target))
