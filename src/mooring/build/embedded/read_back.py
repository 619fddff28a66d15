"""Reads an image that was built earlier back from its registry, without its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mooring.build.embedded.recipe import EmbeddedRecipe
from mooring.build.interface import RECIPE_LABEL
from mooring.oci.content import Content, ImageContent, IndexContent
from mooring.oci.model import INDEX_TYPES, RegistryError, parse_object, platform_of
from mooring.oci.reference import ImageReference

if TYPE_CHECKING:
    from mooring.oci.registry import RegistryClient


def read_back(
    client: RegistryClient, reference: ImageReference, recipes: tuple[EmbeddedRecipe, ...]
) -> Content:
    """Return the image or index that a digest names; its images have no layers.

    Args:
        client: The registry.
        reference: Repository and digest.
        recipes: What the images must have been made by, in this order.

    Raises:
        RegistryError: The registry cannot be asked, or has something else there.
    """
    top = client.manifest(reference)
    if top.media_type not in INDEX_TYPES:
        found = [(_image(client, reference))]
    else:
        listed = parse_object(top.body, "index").get("manifests")
        entries = listed if isinstance(listed, list) else []
        digests = [str(each.get("digest")) for each in entries if isinstance(each, dict)]
        found = [_image(client, _at(reference, digest)) for digest in digests[: len(recipes) + 1]]
    images = tuple(image for image, _ in found)
    if [recipe.digest for recipe in recipes] != [recipe for _, recipe in found]:
        raise RegistryError(
            "what has the content tag there was not made by this recipe",
            where=str(reference),
            hint="delete it from the registry, and build again",
        )
    if top.media_type not in INDEX_TYPES:
        return images[0]
    return IndexContent(index=top, images=images)


def _at(reference: ImageReference, digest: str) -> ImageReference:
    return ImageReference.parse(f"{reference.name}@{digest}", "a registry's index")


def _image(client: RegistryClient, reference: ImageReference) -> tuple[ImageContent, object]:
    """Return an image, and the digest of its recipe."""
    manifest = client.manifest(reference)
    with client.blob(reference, manifest.config()) as stream:
        config = stream.read()
    document = parse_object(config, "image configuration")
    inner = document.get("config")
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    recipe = labels.get(RECIPE_LABEL) if isinstance(labels, dict) else None
    image = ImageContent(
        platform=platform_of(document), manifest=manifest, config=config, layers=()
    )
    return image, recipe
