"""Images as data: manifests as registries send them, and images as an engine knows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from mooring.digests import DIGEST_PATTERN
from mooring.errors import MooringError

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)
"""What is asked for: without all four, a registry answers 404 for an image that is there."""

# The annotation of BuildKit's attestations, which sit among the images of an index.
_ATTESTATION = "vnd.docker.reference.type"
# Architectures whose only variant in use need not be written.
_DEFAULT_VARIANTS = {"arm64": "v8"}


class RegistryError(MooringError):
    """A registry could not be asked, or refused (exit code 3)."""


class RegistryUnreachable(RegistryError):
    """The registry did not answer: no network, no such host, no trusted certificate."""


class Unauthorised(RegistryError):
    """The registry wants other credentials, or hides the image from these."""


class ImageNotFound(RegistryError):
    """The registry answered: it has no such image, or the image has no such platform."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Descriptor:
    """A reference by digest to a manifest or blob (OCI image specification, descriptor).

    Attributes:
        platform: `os/arch` or `os/arch/variant` of an index entry, None elsewhere.
        size: Bytes.
    """

    media_type: str
    digest: str
    size: int
    platform: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RawManifest:
    """A manifest or index with the exact bytes that its digest covers."""

    media_type: str
    digest: str
    body: bytes

    @property
    def is_index(self) -> bool:
        """Whether it lists images for several platforms."""
        return self.media_type in INDEX_TYPES

    def images(self) -> tuple[Descriptor, ...]:
        """Return the images of an index, attestations left out.

        Raises:
            RegistryError: The document is not what its media type says.
        """
        entries = _document(self).get("manifests")
        if not isinstance(entries, list):
            raise _malformed(self, "`manifests` is not a list")
        return tuple(
            _descriptor(self, entry, f"manifests[{number}]")
            for number, entry in enumerate(entries)
            if not _is_attestation(entry)
        )

    def config(self) -> Descriptor:
        """Return the descriptor of a single image's configuration.

        Raises:
            RegistryError: The document is not what its media type says.
        """
        return _descriptor(self, _document(self).get("config"), "config")

    def layers(self) -> tuple[Descriptor, ...]:
        """Return the descriptors of a single image's layers, lowest first.

        Raises:
            RegistryError: The document is not what its media type says.
        """
        entries = _document(self).get("layers")
        if not isinstance(entries, list):
            raise _malformed(self, "`layers` is not a list")
        return tuple(
            _descriptor(self, entry, f"layers[{number}]") for number, entry in enumerate(entries)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalImage:
    """An image as the local engine knows it.

    Attributes:
        image_id: The engine's id, `sha256:<hex>`.
        platform: `os/arch`.
        repo_digests: References by digest under which it was pulled or pushed.
        labels: Of its configuration.
    """

    image_id: str
    platform: str
    repo_digests: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


class EngineImages(Protocol):
    """The images of a local engine, as the base image look-up needs them."""

    def inspect(self, reference: str) -> LocalImage | None:
        """Return the image, or None when the engine has none of that name.

        Raises:
            MooringError: The engine does not answer (exit code 3).
        """


def same_platform(one: str, other: str) -> bool:
    """Return whether two OCI platforms are the same; `arm64` and `arm64/v8` are."""
    return _normal_platform(one) == _normal_platform(other)


def platform_of(document: Mapping[str, object]) -> str:
    """Return `os/arch[/variant]` of an image configuration or of an index entry's platform."""
    parts = (document.get("os"), document.get("architecture"), document.get("variant"))
    return "/".join(part for part in parts if isinstance(part, str) and part)


def parse_object(body: bytes, what: str) -> dict[str, object]:
    """Parse bytes from a registry that must be a JSON object.

    Raises:
        RegistryError: They are not.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"the registry sent a {what} that is not JSON") from error
    if not isinstance(document, dict):
        raise RegistryError(f"the registry sent a {what} that is not a JSON object")
    return document


def _normal_platform(text: str) -> tuple[str, str, str]:
    system, arch, variant = (*text.split("/"), "", "", "")[:3]
    return system, arch, variant or _DEFAULT_VARIANTS.get(arch, "")


def _document(manifest: RawManifest) -> dict[str, object]:
    document = parse_object(manifest.body, "manifest")
    # One body that two readers take for two things is how a checked image becomes another one.
    if document.get("mediaType", manifest.media_type) != manifest.media_type:
        raise _malformed(manifest, "its two media types differ")
    if "manifests" in document and ("config" in document or "layers" in document):
        raise _malformed(manifest, "it is an index and an image at once")
    return document


def _is_attestation(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    annotations, platform = entry.get("annotations"), entry.get("platform")
    if isinstance(annotations, dict) and _ATTESTATION in annotations:
        return True
    return isinstance(platform, dict) and platform.get("os") == "unknown"


def _descriptor(manifest: RawManifest, entry: object, where: str) -> Descriptor:
    if not isinstance(entry, dict):
        raise _malformed(manifest, f"`{where}` is not an object")
    digest, size, kind = entry.get("digest"), entry.get("size"), entry.get("mediaType", "")
    if not isinstance(digest, str) or not DIGEST_PATTERN.fullmatch(digest):
        raise _malformed(manifest, f"`{where}.digest` is not a SHA-256 digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _malformed(manifest, f"`{where}.size` is not a size")
    platform = entry.get("platform")
    return Descriptor(
        media_type=kind if isinstance(kind, str) else "",
        digest=digest,
        size=size,
        platform=platform_of(platform) if isinstance(platform, dict) else None,
    )


def _malformed(manifest: RawManifest, reason: str) -> RegistryError:
    return RegistryError(
        f"the registry sent a manifest that breaks its format: {reason}", where=manifest.digest
    )
