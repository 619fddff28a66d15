"""A whole image as data: manifest, configuration and where each blob's bytes come from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from mooring.oci.model import Descriptor, RawManifest
from mooring.oci.reference import ImageReference
from mooring.oci.store import Source

OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
OCI_LAYER_PLAIN = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """One blob of an image.

    Attributes:
        descriptor: Media type, digest and size (compressed, bytes).
        diff_id: Digest of the plain tar of a layer.
        open: Gives its bytes, checked against the digest while they are read. For a layer of a
            base image this may download it first: call it only when the bytes are needed.
        origin: Repository that has the blob, from which a registry may mount it; None when no
            registry is known to have it.
    """

    descriptor: Descriptor
    diff_id: str
    open: Callable[[], AbstractContextManager[Source]] = field(compare=False, repr=False)
    origin: ImageReference | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageContent:
    """One image for one platform.

    Attributes:
        platform: OCI `os/arch[/variant]`.
        manifest: The OCI image manifest, with the bytes that its digest covers.
        config: The bytes of the image configuration.
        layers: Lowest first.
    """

    platform: str
    manifest: RawManifest
    config: bytes
    layers: tuple[Blob, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexContent:
    """Images for several platforms under one OCI image index."""

    index: RawManifest
    images: tuple[ImageContent, ...]


Content = ImageContent | IndexContent


def manifest_of(content: Content) -> RawManifest:
    """Return what a tag points at: the index, or the manifest of a single image."""
    return content.index if isinstance(content, IndexContent) else content.manifest


def images_of(content: Content) -> tuple[ImageContent, ...]:
    """Return the images of an index, or the single one."""
    return content.images if isinstance(content, IndexContent) else (content,)
