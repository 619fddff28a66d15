"""Remembers which repository of a registry got a layer, so that another one can mount it."""

from __future__ import annotations

from dataclasses import replace

from mooring.artifacts.cache import FactCache
from mooring.oci.content import Blob, Content, ImageContent, IndexContent, images_of
from mooring.oci.reference import ImageReference

PUSHED = "pushed-layers-1"
"""Name of the cache of repositories, by registry and digest of a layer."""


class Donors:
    """Repositories that layers were pushed to from this machine.

    What is remembered may be wrong by now: the registry then opens an upload instead of a mount.

    Args:
        facts: Keeps them; a cache of Mooring's own by default.
    """

    def __init__(self, facts: FactCache | None = None) -> None:
        self._facts = facts or FactCache(PUSHED)

    def applied(self, content: Content, target: ImageReference) -> Content:
        """Return an image whose layers say which neighbour of the target has them."""
        known = self._facts.read()

        def layer(blob: Blob) -> Blob:
            if blob.origin is not None and blob.origin.registry == target.registry:
                return blob
            repository = known.get(_key(target, blob))
            if not repository or repository == target.repository:
                return blob
            name = f"{target.registry}/{repository}"
            origin = ImageReference(name=name, registry=target.registry, repository=repository)
            return replace(blob, origin=origin)

        def image(each: ImageContent) -> ImageContent:
            return replace(each, layers=tuple(map(layer, each.layers)))

        if isinstance(content, IndexContent):
            return replace(content, images=tuple(map(image, content.images)))
        return image(content)

    def remember(self, content: Content, target: ImageReference) -> None:
        """Note that the target's repository has all layers of an image."""
        known = self._facts.read()
        self._facts.add(
            {
                key: target.repository
                for image in images_of(content)
                for blob in image.layers
                if known.get(key := _key(target, blob)) != target.repository
            }
        )


def _key(target: ImageReference, blob: Blob) -> str:
    return f"{target.registry} {blob.descriptor.digest}"
