"""How images are named in files: annotations of an OCI layout's index, and Docker's tags."""

from __future__ import annotations

from collections.abc import Sequence

from mooring.oci.content import ImageContent, IndexContent, images_of, manifest_of
from mooring.oci.model import RawManifest
from mooring.oci.reference import ImageReference

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"


def name_annotations(name: str) -> dict[str, str]:
    """Return the annotations under which tools look for an image of this name.

    Args:
        name: A tag, or a whole reference with a tag such as `registry.example.com/team/app:1`.

    Raises:
        InputError: It is neither.
    """
    if "/" not in name and ":" not in name:
        ImageReference.parse("a").with_tag(name)  # refuses what is no tag
        return {REF_NAME: name}
    reference = ImageReference.parse(name)
    tag = reference.tag or "latest"
    full = f"{reference.registry}/{reference.repository}:{tag}"
    return {REF_NAME: tag, CONTAINERD_NAME: full}


def docker_tag(name: str) -> str:
    """Return a whole reference as `docker load` wants it, always with a tag.

    Raises:
        InputError: It is none.
    """
    reference = ImageReference.parse(name)
    return f"{reference.name}:{reference.tag or 'latest'}"


def entries(content: ImageContent | IndexContent, names: Sequence[str]) -> list[dict[str, object]]:
    """Return the entries of an index that name an image: one a name, or one without any.

    Raises:
        InputError: A name is none.
    """
    top = manifest_of(content)
    entry = describe(top)
    if isinstance(content, ImageContent):
        entry["platform"] = platform_object(content.platform)
    annotated = [name_annotations(name) for name in dict.fromkeys(names)]
    return [{**entry, "annotations": found} for found in annotated] or [entry]


def describe(manifest: RawManifest) -> dict[str, object]:
    """Return the descriptor of a manifest as a JSON object."""
    return {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": len(manifest.body),
    }


def platform_object(platform: str) -> dict[str, object]:
    """Return an OCI platform as a JSON object."""
    keys = ("os", "architecture", "variant")
    return dict(zip(keys, platform.split("/"), strict=False))


def small_blobs(content: ImageContent | IndexContent) -> dict[str, bytes]:
    """Return what is not a layer by digest: indexes, manifests, configurations."""
    found = {manifest_of(content).digest: manifest_of(content).body}
    for image in images_of(content):
        found[image.manifest.digest] = image.manifest.body
        found[image.manifest.config().digest] = image.config
    return found
