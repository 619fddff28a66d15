"""Bases whose layers are saved as plain tars: compressed once, with the compressor of our layers.

What `docker save` gives says nothing about the compressed layers that a registry may have of the
same image. Here they are made out of the plain ones, so one image id always gives the same blobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Protocol

from mooring.build.embedded.bases.sources import RawBase, stored
from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.build.embedded.layers.cache import LayerCache
from mooring.build.embedded.layers.gzip_stream import GzipStream
from mooring.build.embedded.layers.writer import WrittenLayer
from mooring.oci.archive import open_saved_image
from mooring.oci.blob_store import PIECE, BlobStore
from mooring.oci.content import OCI_LAYER_GZIP, Blob
from mooring.oci.layers import Layer, open_layer
from mooring.oci.model import Descriptor, platform_of, same_platform
from mooring.oci.saved import CONFIG_LIMIT, SavedImage, blob_name, blob_of, read_config, read_object
from mooring.oci.store import Store
from mooring.reporting import Reporter

_SCHEMA = 1
_DEEPEST = 4

ReadDocument = Callable[[str], bytes | None]


class SavingEngine(Protocol):
    """What is asked of a local engine."""

    def save(self, image: str, /) -> AbstractContextManager[Iterator[bytes]]:
        """Give an image as the tar of `docker save`, in pieces."""


def archive_base(image: SavedImage, store: BlobStore) -> RawBase:
    """Return an image of a `docker save` tar; its layers are compressed into the store.

    Raises:
        SavedImageError: A layer is absent, damaged, or another one.
        BlobError: The disk is full.
    """
    cache = LayerCache(store=store)
    config = read_config(image.config, image.store.where)
    layers = tuple(
        _repacked(image.store, Layer(name=layer.name, diff_id=diff_id), store, cache)
        for layer, diff_id in zip(image.layers, config.diff_ids)
    )
    return RawBase(digest=image.id, config=image.config, layers=layers)


def engine_base(
    image_id: str, platform: str, *, store: BlobStore, engine: SavingEngine, reporter: Reporter
) -> RawBase:
    """Return an image that only the local engine has; it is exported the first time only.

    Raises:
        EngineError: The engine does not answer, or has no such image any more.
        EmbeddedBuildError: It gave another image.
        SavedImageError: What it gave is damaged.
    """
    known = _exported(image_id, platform, store)
    if known is not None:
        return known
    reporter.step("Taking the base image out of the local engine")
    with store.writing() as blob, engine.save(image_id) as pieces:
        for piece in pieces:
            blob.write(piece)
    try:
        path = store.path(blob.digest)
        assert path is not None, "it was written just now"
        image = open_saved_image(f"docker-archive:{path}", [platform])
        _keep_documents(image, image_id, platform, store)
        return replace(archive_base(image, store), digest=image_id)
    finally:
        # Once more the size of the image, and nobody asks for it by this digest.
        store.discard(blob.digest)


def _exported(image_id: str, platform: str, store: BlobStore) -> RawBase | None:
    """Return an image that was exported before, when all of it is still in the store."""
    data = _config_behind(image_id, platform, partial(stored, store, limit=CONFIG_LIMIT))
    if data is None:
        return None
    cache = LayerCache(store=store)
    found = [cache.get(_key(each)) for each in read_config(data, image_id).diff_ids]
    layers = tuple(_blob(each, store) for each in found if each is not None)
    if len(layers) < len(found):
        return None
    return RawBase(digest=image_id, config=data, layers=layers)


def _keep_documents(image: SavedImage, image_id: str, platform: str, store: BlobStore) -> None:
    """Keep what leads from the image id to the configuration, so that it is found again."""
    kept: list[bytes] = []

    def read(digest: str) -> bytes | None:
        if digest == image.id:
            data: bytes | None = image.config
        else:
            name = blob_name(digest, image.store.where)
            there = image.store.has(name)
            data = blob_of(image.store, digest, CONFIG_LIMIT) if there else None
        kept.extend([data] if data is not None else [])
        return data

    if _config_behind(image_id, platform, read) != image.config:
        raise EmbeddedBuildError(
            f"the local engine gave the image {image.id}, not {image_id}",
            hint="run `mooring lock --upgrade-base`",
        )
    for data in kept:
        store.add(data)


def _config_behind(image_id: str, platform: str, read: ReadDocument) -> bytes | None:
    """Follow an image id to a configuration.

    It is the configuration's own digest, or with the containerd store that of a manifest or index.
    """
    digest = image_id
    for _ in range(_DEEPEST):
        data = read(digest)
        document = {} if data is None else read_object(data, digest)
        if "rootfs" in document:
            return data
        following = _next(document, platform)
        if following is None:
            return None
        digest = following
    return None


def _next(document: Mapping[str, object], platform: str) -> str | None:
    manifests, config = document.get("manifests"), document.get("config")
    if isinstance(manifests, list):
        for entry in manifests:
            found = entry.get("platform") if isinstance(entry, dict) else None
            if isinstance(found, dict) and same_platform(platform_of(found), platform):
                return str(entry.get("digest"))
        return None
    return str(config.get("digest")) if isinstance(config, dict) else None


def _repacked(store: Store, layer: Layer, blobs: BlobStore, cache: LayerCache) -> Blob:
    key = _key(str(layer.diff_id))
    written = cache.get(key)
    if written is None:
        # The last block ends first and compares the plain bytes with the diff_id: nothing that
        # is not the layer is kept.
        with (
            blobs.writing() as blob,
            GzipStream(blob) as packed,
            open_layer(store, layer) as stream,
        ):
            while data := stream.read(PIECE):
                packed.write(data)
        written = WrittenLayer(
            descriptor=Descriptor(media_type=OCI_LAYER_GZIP, digest=blob.digest, size=blob.size),
            diff_id=packed.digest,
        )
        cache.put(key, written)
    return _blob(written, blobs)


def _key(diff_id: str) -> dict[str, object]:
    return {"schema": _SCHEMA, "layer": "base", "diff_id": diff_id}


def _blob(layer: WrittenLayer, store: BlobStore) -> Blob:
    digest = layer.descriptor.digest
    return Blob(
        descriptor=layer.descriptor, diff_id=layer.diff_id, open=partial(store.open, digest)
    )
