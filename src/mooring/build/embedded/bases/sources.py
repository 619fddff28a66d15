"""Where a base image comes from: a registry, or an OCI layout in files; what all bases have."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.oci.blob_store import PIECE, BlobError, BlobStore
from mooring.oci.content import OCI_LAYER_GZIP, OCI_LAYER_PLAIN, OCI_LAYER_ZSTD, Blob
from mooring.oci.layers import Layer
from mooring.oci.model import (
    INDEX_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    RawManifest,
    parse_object,
    same_platform,
)
from mooring.oci.reference import ImageReference
from mooring.oci.saved import CONFIG_LIMIT, SavedImage, read_config
from mooring.oci.store import SavedImageError, Source, Store

_MANIFEST_LIMIT = 4 << 20
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_LAYER_TYPES = {
    # The same bytes under the name that the manifests of ours use.
    _DOCKER_LAYER: OCI_LAYER_PLAIN,
    f"{_DOCKER_LAYER}.gzip": OCI_LAYER_GZIP,
    f"{_DOCKER_LAYER}.zstd": OCI_LAYER_ZSTD,
    OCI_LAYER_PLAIN: OCI_LAYER_PLAIN,
    OCI_LAYER_GZIP: OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD: OCI_LAYER_ZSTD,
}


class RegistryBlobs(Protocol):
    """What is asked of a registry."""

    def manifest(self, reference: ImageReference) -> RawManifest:
        """Return the manifest or index, checked against the digest that was asked for."""

    def blob(
        self, reference: ImageReference, descriptor: Descriptor
    ) -> AbstractContextManager[Source]:
        """Give a blob to read; its end is only given when size and digest are right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RawBase:
    """An image before its files are looked at.

    Attributes:
        digest: Of its manifest, or its image id.
        config: The bytes of its configuration.
        layers: Lowest first.
        stop: Ends downloads that are under way, when nobody waits for them any more.
    """

    digest: str
    config: bytes
    layers: tuple[Blob, ...]
    stop: Callable[[], None] = field(default=lambda: None, compare=False, repr=False)


class RegistryBase:
    """An image of a registry; its documents and layers are kept in a store of blobs.

    Args:
        reference: By digest.
        platform: OCI `os/arch`, which chooses from an index.
        store: Keeps what is downloaded.
        registry: None takes only what the store has.
    """

    def __init__(
        self,
        reference: ImageReference,
        platform: str,
        *,
        store: BlobStore,
        registry: RegistryBlobs | None,
    ) -> None:
        self._reference = reference
        self._platform = platform
        self._store = store
        self._registry = registry
        self._stopped = threading.Event()

    def read(self) -> RawBase:
        """Return the image; no layer is downloaded before somebody opens it.

        Raises:
            EmbeddedBuildError: It has no such platform, or layers that cannot be built upon.
            RegistryError: The registry cannot be asked, or sent what is no image.
        """
        manifest = self._manifest(self._reference)
        if manifest.is_index:
            manifest = self._manifest(self._reference.with_digest(self._chosen(manifest)))
        described = manifest.config()
        if described.size > CONFIG_LIMIT:
            raise EmbeddedBuildError(
                f"the configuration of the base image has {described.size} bytes",
                where=str(self._reference),
            )
        data = self._kept(described)
        config = read_config(data, str(self._reference))
        found = manifest.layers()
        require_as_many(len(found), len(config.diff_ids), str(self._reference))
        layers = (self._layer(each, diff_id) for each, diff_id in zip(found, config.diff_ids))
        return RawBase(
            digest=manifest.digest, config=data, layers=tuple(layers), stop=self._stopped.set
        )

    def _chosen(self, index: RawManifest) -> str:
        images = [each for each in index.images() if each.media_type not in INDEX_TYPES]
        for image in images:
            if image.platform and same_platform(image.platform, self._platform):
                return image.digest
        known = sorted({image.platform for image in images if image.platform})
        raise EmbeddedBuildError(
            f"the base image is not offered for {self._platform}",
            where=str(self._reference),
            hint="it is for " + (", ".join(known) or "no platform that it names"),
        )

    def _manifest(self, reference: ImageReference) -> RawManifest:
        digest = str(reference.digest)
        body = stored(self._store, digest, _MANIFEST_LIMIT)
        if body is not None:
            document = parse_object(body, "manifest")
            guessed = OCI_INDEX if "manifests" in document else OCI_MANIFEST
            kind = document.get("mediaType", guessed)
            return RawManifest(media_type=str(kind), digest=digest, body=body)
        manifest = self._asked().manifest(reference)
        self._store.add(manifest.body)
        return manifest

    def _kept(self, descriptor: Descriptor) -> bytes:
        data = stored(self._store, descriptor.digest, CONFIG_LIMIT)
        if data is not None:
            return data
        with self._open(descriptor) as stream:
            return stream.read()

    def _layer(self, descriptor: Descriptor, diff_id: str) -> Blob:
        kind = layer_type(descriptor.media_type, str(self._reference))
        plain = Descriptor(media_type=kind, digest=descriptor.digest, size=descriptor.size)
        return Blob(
            descriptor=plain,
            diff_id=diff_id,
            open=partial(self._open, plain),
            origin=self._reference,
        )

    @contextlib.contextmanager
    def _open(self, descriptor: Descriptor) -> Iterator[Source]:
        """Give a blob from the store, downloaded first when it is not there, or not as long."""
        # Of one that became longer nobody reads the end, where a wrong one is forgotten.
        if self._store.size(descriptor.digest) != descriptor.size:
            with (
                self._asked().blob(self._reference, descriptor) as source,
                self._store.writing(descriptor.digest) as kept,
            ):
                while data := source.read(PIECE):
                    if self._stopped.is_set():
                        raise EmbeddedBuildError("the download of the base image was given up")
                    kept.write(data)
        with self._store.open(descriptor.digest) as stream:
            yield stream

    def _asked(self) -> RegistryBlobs:
        if self._registry is None:
            raise EmbeddedBuildError(
                "the base image is not in the cache, and nothing may be downloaded",
                where=str(self._reference),
                hint="run this once with the network",
            )
        return self._registry


def layout_base(image: SavedImage) -> RawBase:
    """Return an image of an OCI layout; its blobs are read where they are.

    Raises:
        EmbeddedBuildError: It has layers that cannot be built upon.
        SavedImageError: Its manifest does not say enough.
    """
    where = image.store.where
    config = read_config(image.config, where)
    require_as_many(len(image.layers), len(config.diff_ids), where)
    return RawBase(
        digest=image.manifest_digest or image.id,
        config=image.config,
        layers=tuple(
            _stored_layer(image.store, layer, diff_id)
            for layer, diff_id in zip(image.layers, config.diff_ids)
        ),
    )


def _stored_layer(store: Store, layer: Layer, diff_id: str) -> Blob:
    if layer.digest is None or layer.size is None:
        raise SavedImageError("a layer is listed without its size", where=store.where)
    kind = layer_type(layer.media_type or "", store.where)
    descriptor = Descriptor(media_type=kind, digest=layer.digest, size=layer.size)
    return Blob(
        descriptor=descriptor,
        diff_id=diff_id,
        open=partial(_open_checked, store, layer.name, descriptor),
    )


@contextlib.contextmanager
def _open_checked(store: Store, name: str, descriptor: Descriptor) -> Iterator[Source]:
    with store.open(name) as stream:
        yield _Checked(stream, descriptor, f"{store.where}: {name}")


class _Checked:
    """A stream that ends only when size and digest are those of its descriptor."""

    def __init__(self, stream: Source, descriptor: Descriptor, where: str) -> None:
        self._stream = stream
        self._descriptor = descriptor
        self._where = where
        self._hash = hashlib.sha256()
        self._size = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        self._size += len(data)
        at_end = size < 0 or (size > 0 and not data)
        if at_end and f"sha256:{self._hash.hexdigest()}" != self._descriptor.digest:
            raise self._other("bytes")
        if self._size > self._descriptor.size or (at_end and self._size != self._descriptor.size):
            raise self._other("size")
        return data

    def _other(self, what: str) -> SavedImageError:
        return SavedImageError(
            f"a layer has another {what} than its digest and descriptor say",
            where=self._where,
            hint="the image was changed or is damaged; save or pull it again",
        )


def stored(store: BlobStore, digest: str, limit: int) -> bytes | None:
    """Return a small blob of the store, or None when it is absent, damaged or too large."""
    path = store.path(digest)
    if path is None or path.stat().st_size > limit:
        return None
    try:
        with store.open(digest) as stream:
            return stream.read()
    except BlobError:
        return None


def layer_type(media_type: str, where: str) -> str:
    """Return the OCI media type of a base's layer.

    Raises:
        EmbeddedBuildError: Such a layer cannot be part of another image.
    """
    try:
        return _LAYER_TYPES[media_type]
    except KeyError:
        raise EmbeddedBuildError(
            f"the base image has a layer of the type {media_type[:100]!r}, which cannot be used",
            where=where,
            hint="encrypted layers and layers that may not be distributed cannot be built upon",
        ) from None


def require_as_many(layers: int, diff_ids: int, where: str) -> None:
    """Refuse an image whose manifest and configuration list different layers.

    Raises:
        EmbeddedBuildError: They do.
    """
    if layers != diff_ids:
        raise EmbeddedBuildError(
            f"the manifest of the base image lists {layers} layers, its configuration {diff_ids}",
            where=where,
            hint="the image is damaged; choose another one",
        )
