"""Small images as the embedded builder hands them on."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.images import layer

from mooring.digests import canonical_json, digest_bytes
from mooring.oci.content import (
    OCI_CONFIG,
    OCI_LAYER_GZIP,
    Blob,
    ImageContent,
    IndexContent,
)
from mooring.oci.model import OCI_INDEX, OCI_MANIFEST, Descriptor, RawManifest
from mooring.oci.reference import ImageReference
from mooring.oci.store import Source


@dataclass
class Opened:
    """Which blobs were opened, in order."""

    digests: list[str] = field(default_factory=list)


def blob(
    data: bytes,
    *,
    diff_id: str = "",
    origin: ImageReference | None = None,
    opened: Opened | None = None,
    described: Descriptor | None = None,
) -> Blob:
    """Return bytes as a layer; `described` may say something else than what comes."""
    descriptor = described or Descriptor(
        media_type=OCI_LAYER_GZIP, digest=digest_bytes(data), size=len(data)
    )

    @contextlib.contextmanager
    def give() -> Iterator[Source]:
        if opened is not None:
            opened.digests.append(descriptor.digest)
        yield io.BytesIO(data)

    return Blob(descriptor=descriptor, diff_id=diff_id, open=give, origin=origin)


def packed(
    name: str, content: bytes, *, origin: ImageReference | None = None, opened: Opened | None = None
) -> Blob:
    """Return a gzip layer with one file, as registries and engines want it."""
    plain = layer([(name, content)])
    diff_id = "sha256:" + hashlib.sha256(plain).hexdigest()
    return blob(gzip.compress(plain, 1, mtime=0), diff_id=diff_id, origin=origin, opened=opened)


def image(layers: Sequence[Blob], platform: str = "linux/amd64") -> ImageContent:
    """Return an image of these layers."""
    system, arch, *variant = platform.split("/")
    config = canonical_json(
        {
            "architecture": arch,
            "os": system,
            **({"variant": variant[0]} if variant else {}),
            "config": {"Env": ["PATH=/usr/bin"], "Labels": {"test": "yes"}},
            "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in layers]},
        }
    )
    described = {"mediaType": OCI_CONFIG, "digest": digest_bytes(config), "size": len(config)}
    body = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": described,
            "layers": [
                {
                    "mediaType": each.descriptor.media_type,
                    "digest": each.descriptor.digest,
                    "size": each.descriptor.size,
                }
                for each in layers
            ],
        }
    )
    manifest = RawManifest(media_type=OCI_MANIFEST, digest=digest_bytes(body), body=body)
    return ImageContent(platform=platform, manifest=manifest, config=config, layers=tuple(layers))


def index(images: Sequence[ImageContent]) -> IndexContent:
    """Return an index of images."""
    entries = []
    for each in images:
        keys = ("os", "architecture", "variant")
        platform = dict(zip(keys, each.platform.split("/"), strict=False))
        entry = {"mediaType": OCI_MANIFEST, "digest": each.manifest.digest}
        entries.append({**entry, "size": len(each.manifest.body), "platform": platform})
    body = canonical_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    manifest = RawManifest(media_type=OCI_INDEX, digest=digest_bytes(body), body=body)
    return IndexContent(index=manifest, images=tuple(images))


def top(content: ImageContent | IndexContent) -> Descriptor:
    """Return the descriptor of what a tag would point at."""
    found = content.index if isinstance(content, IndexContent) else content.manifest
    return Descriptor(media_type=found.media_type, digest=found.digest, size=len(found.body))
