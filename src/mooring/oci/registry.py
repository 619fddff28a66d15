"""A client of container registries (OCI distribution specification): manifests, tags, blobs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from mooring.digests import DIGEST_PATTERN, digest_bytes
from mooring.oci.auth import Authorizer
from mooring.oci.blobs import has_blob, open_blob
from mooring.oci.connection import Reply
from mooring.oci.credentials import CredentialSource, StoredCredentials
from mooring.oci.model import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    ImageNotFound,
    RawManifest,
    RegistryError,
    parse_object,
    platform_of,
    same_platform,
)
from mooring.oci.reference import ImageReference
from mooring.oci.session import Session, not_found
from mooring.oci.store import Source
from mooring.oci.transport import Transport

_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
_MAX_MANIFEST_BYTES = 4 << 20
_MAX_CONFIG_BYTES = 8 << 20


_MISSING_WAITS = (0.1, 0.3)
"""Seconds: what another push writes at the same moment, a registry may not find meanwhile."""
_UNKNOWN_BLOB = re.compile(rb'"(MANIFEST_)?BLOB_UNKNOWN"')


class MissingBlob(RegistryError):
    """A manifest was refused because the registry does not have all that it names."""


class RegistryClient:
    """Asks registries about images and moves tags; a context manager that closes connections.

    Threads may share it. `session` is what the other parts of this package send with.

    Args:
        credentials: Where to look for logins; what `docker login` stored by default.
        transport: How requests are sent.
        push: Ask for the right to push from the start. Some registries hide a repository that
            does not exist yet from those who may only pull.
    """

    def __init__(
        self,
        *,
        credentials: CredentialSource | None = None,
        transport: Transport | None = None,
        push: bool = False,
    ) -> None:
        self._transport = transport or Transport()
        authorizer = Authorizer(self._transport, credentials or StoredCredentials())
        self.session = Session(self._transport, authorizer, "pull,push" if push else "pull")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def head(self, reference: ImageReference) -> str | None:
        """Return the digest that a tag or digest stands for, or None; one HEAD request.

        Raises:
            RegistryError: The registry cannot be asked (exit code 3).
        """
        reply = self._manifest_call("HEAD", reference)
        if reply.status == 404:
            return None
        if not reply.ok:
            raise self.session.failed(reference, reply)
        digest = reply.headers.get("docker-content-digest", "")
        # The header is optional in the specification; the bytes are what counts then.
        return digest if DIGEST_PATTERN.fullmatch(digest) else self.manifest(reference).digest

    def exists(self, reference: ImageReference) -> bool:
        """Return whether the registry has this image; one HEAD request.

        Raises:
            RegistryError: The registry cannot be asked (exit code 3).
        """
        return self.head(reference) is not None

    def manifest(self, reference: ImageReference) -> RawManifest:
        """Return the manifest or index, checked against the digest that was asked for.

        Raises:
            ImageNotFound: The registry has none of that name.
            RegistryError: The registry cannot be asked, or its answer does not fit.
        """
        reply = self._manifest_call("GET", reference)
        if reply.status == 404:
            raise not_found(reference)
        if not reply.ok:
            raise self.session.failed(reference, reply)
        kind = reply.headers.get("content-type", "").partition(";")[0].strip()
        if kind not in MANIFEST_TYPES:
            raise RegistryError(
                f"the registry sent a manifest of the type {kind[:100]!r}, which is not supported",
                where=str(reference),
            )
        digest = digest_bytes(reply.body)
        claimed = reference.digest or reply.headers.get("docker-content-digest", digest)
        if claimed.startswith("sha256:") and claimed != digest:
            raise RegistryError(
                f"the registry sent other bytes than {claimed} stands for", where=str(reference)
            )
        return RawManifest(media_type=kind, digest=digest, body=reply.body)

    def manifest_digest(self, reference: ImageReference, platform: str) -> str:
        """Return the digest of the image's manifest for one OCI platform (`linux/arm64`).

        Raises:
            ImageNotFound: There is no such image, or not for that platform.
            RegistryError: The registry cannot be asked.
        """
        found = self.platform_digests(reference, [platform])
        if platform not in found:
            raise ImageNotFound(
                f"the image has no variant for {platform}",
                where=str(reference),
                hint="choose another base image or remove the platform",
            )
        return found[platform]

    def platform_digests(
        self, reference: ImageReference, platforms: Sequence[str]
    ) -> Mapping[str, str]:
        """Return the manifest digest for each of the platforms that the image has.

        Raises:
            ImageNotFound: The registry has no such image.
            RegistryError: The registry cannot be asked.
        """
        manifest = self.manifest(reference)
        if manifest.is_index:
            there = [
                (image.platform, image.digest)
                for image in manifest.images()
                if image.platform and image.media_type not in INDEX_TYPES
            ]
        else:
            config = self.config(reference, manifest.config())
            there = [(platform_of(config), manifest.digest)]
        return {
            wanted: digest
            for wanted in platforms
            # Reversed, so that the first of several entries for a platform wins, as with Docker.
            for platform, digest in reversed(there)
            if same_platform(wanted, platform)
        }

    def config(self, reference: ImageReference, descriptor: Descriptor) -> Mapping[str, object]:
        """Return an image's configuration, checked against its digest.

        Raises:
            RegistryError: It is absent, too large or not what its digest stands for.
        """
        path = f"blobs/{descriptor.digest}"
        reply = self.session.call("GET", reference, path, limit=_MAX_CONFIG_BYTES)
        if not reply.ok:
            raise self.session.failed(reference, reply)
        if digest_bytes(reply.body) != descriptor.digest:
            raise RegistryError(
                f"the registry sent other bytes than {descriptor.digest} stands for",
                where=str(reference),
            )
        return parse_object(reply.body, "image configuration")

    def put_manifest(self, reference: ImageReference, manifest: RawManifest) -> str | None:
        """Store a manifest under the reference's tag or digest; its blobs must be there.

        Returns:
            The digest of its subject when the registry lists referrers by itself (`OCI-Subject`).

        Raises:
            MissingBlob: The registry misses a blob or manifest that it names.
            RegistryError: The registry cannot be asked or refuses.
        """
        for wait in (*_MISSING_WAITS, None):
            reply = self._manifest_call(
                "PUT", reference, data=manifest.body, headers={"Content-Type": manifest.media_type}
            )
            missing = reply.status in (400, 404) and _UNKNOWN_BLOB.search(reply.body)
            if not missing or wait is None:
                break
            self._transport.sleep(wait)
        if not reply.ok:
            error = self.session.failed(reference, reply)
            if missing:
                raise MissingBlob(error.message, where=error.where)
            raise error
        stored = reply.headers.get("docker-content-digest", manifest.digest)
        if DIGEST_PATTERN.fullmatch(stored) and stored != manifest.digest:
            raise RegistryError(
                f"the registry stored other bytes than {manifest.digest} stands for",
                where=str(reference),
            )
        return reply.headers.get("oci-subject")

    def retag(self, reference: ImageReference, tags: Sequence[str]) -> str:
        """Give an image of the registry other tags, without moving a blob; return its digest.

        Raises:
            RegistryError: The image is absent, or the registry refuses.
        """
        manifest = self.manifest(reference)
        for tag in tags:
            target = reference.with_tag(tag)
            if self.head(target) != manifest.digest:
                self.put_manifest(target, manifest)
        return manifest.digest

    def blob(
        self, reference: ImageReference, descriptor: Descriptor
    ) -> AbstractContextManager[Source]:
        """Give a blob of the reference's repository to read, resumed where a connection breaks.

        The last bytes are only given when size and digest are those of the descriptor, so what
        reads to the end needs no check of its own. Reading raises `ImageNotFound` when there is
        no such blob, and `RegistryError` for whatever else is wrong.
        """
        return open_blob(self.session, reference, descriptor)

    def has_blob(self, reference: ImageReference, digest: str) -> bool:
        """Return whether the reference's repository has a blob; one HEAD request.

        Raises:
            RegistryError: The registry cannot be asked (exit code 3).
        """
        return has_blob(self.session, reference, digest)

    def _manifest_call(
        self,
        method: str,
        reference: ImageReference,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] = _ACCEPT,
    ) -> Reply:
        return self.session.call(
            method,
            reference,
            f"manifests/{reference.selector}",
            limit=_MAX_MANIFEST_BYTES,
            data=data,
            headers=headers,
        )
