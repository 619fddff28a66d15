"""A client of container registries (OCI distribution specification): manifests and tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from mooring.digests import DIGEST_PATTERN, digest_bytes
from mooring.oci.auth import answer, unauthorised
from mooring.oci.credentials import Credentials, CredentialSource, StoredCredentials
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
from mooring.oci.transport import Reply, Transport, said

_ACCEPT = {"Accept": ", ".join(MANIFEST_TYPES)}
_MAX_MANIFEST_BYTES = 4 << 20
_MAX_CONFIG_BYTES = 8 << 20


class RegistryClient:
    """Asks registries about images and moves tags; a context manager that closes connections.

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
        self._source = credentials or StoredCredentials()
        self._transport = transport or Transport()
        self._actions = "pull,push" if push else "pull"
        self._authorizations: dict[tuple[str, str], str] = {}
        self._found: dict[str, Credentials | None] = {}

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
            raise _failed(reference, reply)
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
            raise _not_found(reference)
        if not reply.ok:
            raise _failed(reference, reply)
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
        path = f"{reference.repository}/blobs/{descriptor.digest}"
        reply = self._call("GET", reference, path, limit=_MAX_CONFIG_BYTES)
        if not reply.ok:
            raise _failed(reference, reply)
        if digest_bytes(reply.body) != descriptor.digest:
            raise RegistryError(
                f"the registry sent other bytes than {descriptor.digest} stands for",
                where=str(reference),
            )
        return parse_object(reply.body, "image configuration")

    def put_manifest(self, reference: ImageReference, manifest: RawManifest) -> None:
        """Store a manifest under the reference's tag or digest; its blobs must be there.

        Raises:
            RegistryError: The registry cannot be asked or refuses.
        """
        reply = self._manifest_call(
            "PUT", reference, data=manifest.body, headers={"Content-Type": manifest.media_type}
        )
        if not reply.ok:
            raise _failed(reference, reply)

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

    def _manifest_call(
        self,
        method: str,
        reference: ImageReference,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] = _ACCEPT,
    ) -> Reply:
        path = f"{reference.repository}/manifests/{reference.selector}"
        return self._call(
            method, reference, path, limit=_MAX_MANIFEST_BYTES, data=data, headers=headers
        )

    def _call(
        self,
        method: str,
        reference: ImageReference,
        path: str,
        *,
        limit: int,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request; on 401 get an authorisation, which later requests then begin with."""
        url = f"{self._transport.base_url(reference.api_host)}/v2/{path}"
        key = (reference.registry, reference.repository)
        known = self._authorizations.get(key)
        sent = {**(headers or {}), **({"Authorization": known} if known else {})}
        reply = self._transport.send(method, url, headers=sent, limit=limit, data=data)
        if reply.status == 401:
            scope = f"repository:{reference.repository}:{self._actions}"
            sent["Authorization"] = self._authorizations[key] = answer(
                self._transport,
                reply,
                registry=reference.registry,
                credentials=self._credentials(reference),
                scope=scope,
            )
            reply = self._transport.send(method, url, headers=sent, limit=limit, data=data)
        if reply.status in (401, 403):
            self._authorizations.pop(key, None)
            raise unauthorised(reference.registry, said(reply))
        return reply

    def _credentials(self, reference: ImageReference) -> Credentials | None:
        name = f"{reference.registry}/{reference.repository}"
        if name not in self._found:
            self._found[name] = self._source.find(reference)
        return self._found[name]


def _not_found(reference: ImageReference) -> ImageNotFound:
    return ImageNotFound(
        f"the registry {reference.registry} has no such image",
        where=str(reference),
        hint="check the image's name and tag",
    )


def _failed(reference: ImageReference, reply: Reply) -> RegistryError:
    if reply.status == 404:
        return _not_found(reference)
    return RegistryError(
        f"the registry {reference.registry} answered {reply.status}: {said(reply)}",
        where=str(reference),
    )
