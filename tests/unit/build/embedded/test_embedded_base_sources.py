"""Bases of a registry and of OCI layouts: what is asked for, kept, checked and refused."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from tests.images import config, digest, write_layout
from tests.unit.build.embedded.bases_made import PYTHON_312, file, tar

from mooring.build.embedded.bases.sources import RegistryBase, layer_type, layout_base
from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.errors import MooringError
from mooring.oci.archive import open_saved_image
from mooring.oci.blob_store import BlobError, BlobStore
from mooring.oci.content import OCI_LAYER_GZIP, OCI_LAYER_PLAIN, OCI_LAYER_ZSTD
from mooring.oci.model import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    ImageNotFound,
    RawManifest,
    RegistryError,
)
from mooring.oci.reference import ImageReference
from mooring.oci.store import SavedImageError, Source

AMD64 = "linux/amd64"
LAYERS = [tar(*PYTHON_312), tar(file("opt/x", b"x" * 3000))]
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class FakeRegistry:
    """A repository in memory; it notes what it is asked for."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.kinds: dict[str, str] = {}
        self.asked: list[str] = []

    def put(self, data: bytes, kind: str) -> dict[str, object]:
        self.blobs[digest(data)] = data
        self.kinds[digest(data)] = kind
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    def image(
        self,
        layers: Sequence[bytes] = LAYERS,
        *,
        kind: str = OCI_MANIFEST,
        layer_kind: str = OCI_LAYER_GZIP,
        described: bytes | None = None,
    ) -> str:
        """Add an image and return the digest of its manifest."""
        described = config(layers) if described is None else described
        manifest = {
            "schemaVersion": 2,
            "config": self.put(described, "application/vnd.oci.image.config.v1+json"),
            "layers": [self.put(gzip.compress(each, 1, mtime=0), layer_kind) for each in layers],
        }
        if kind != OCI_MANIFEST:
            manifest["mediaType"] = kind
        return str(self.put(json.dumps(manifest).encode(), kind)["digest"])

    def index(self, images: Mapping[str, str], kind: str = OCI_INDEX) -> str:
        """Add an index of manifests by platform and return its digest."""
        entries = []
        for platform, manifest in images.items():
            system, architecture, *variant = platform.split("/")
            entry = {"os": system, "architecture": architecture}
            entry |= {"variant": variant[0]} if variant else {}
            size = len(self.blobs.get(manifest, b""))
            kind_of = self.kinds.get(manifest, OCI_MANIFEST)
            entries.append(
                {"mediaType": kind_of, "digest": manifest, "size": size, "platform": entry}
            )
        document = {"schemaVersion": 2, "mediaType": kind, "manifests": entries}
        return str(self.put(json.dumps(document).encode(), kind)["digest"])

    def manifest(self, reference: ImageReference) -> RawManifest:
        self.asked.append(f"manifest {reference.selector}")
        body = self.blobs.get(reference.selector)
        if body is None:
            raise ImageNotFound("there is no such image", where=str(reference))
        return RawManifest(
            media_type=self.kinds[reference.selector], digest=reference.selector, body=body
        )

    @contextlib.contextmanager
    def blob(self, reference: ImageReference, descriptor: Descriptor) -> Iterator[io.BytesIO]:
        self.asked.append(f"blob {descriptor.digest}")
        if descriptor.digest not in self.blobs:
            raise ImageNotFound("there is no such blob", where=str(reference))
        yield io.BytesIO(self.blobs[descriptor.digest])


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "cache" / "blobs")


def base(
    found: str, store: BlobStore, registry: FakeRegistry | None, platform: str = AMD64
) -> RegistryBase:
    reference = ImageReference.parse(f"example.com/team/base:1@{found}")
    return RegistryBase(reference, platform, store=store, registry=registry)


@pytest.mark.parametrize(
    ("kind", "layer_kind"), [(OCI_MANIFEST, OCI_LAYER_GZIP), (DOCKER_MANIFEST, DOCKER_LAYER)]
)
def test_an_image_of_a_registry(
    registry: FakeRegistry, store: BlobStore, kind: str, layer_kind: str
) -> None:
    manifest = registry.image(kind=kind, layer_kind=layer_kind)
    raw = base(manifest, store, registry).read()
    assert raw.digest == manifest
    assert raw.config == config(LAYERS)
    assert [blob.diff_id for blob in raw.layers] == [digest(each) for each in LAYERS]
    assert {blob.descriptor.media_type for blob in raw.layers} == {OCI_LAYER_GZIP}
    assert raw.layers[0].origin is not None
    assert raw.layers[0].origin.repository == "team/base"
    # No layer was asked for so far; each is downloaded once, when somebody opens it.
    assert registry.asked == [f"manifest {manifest}", f"blob {digest(config(LAYERS))}"]
    registry.asked.clear()
    for _ in range(2):
        for blob, plain in zip(raw.layers, LAYERS):
            with blob.open() as stream:
                assert gzip.decompress(stream.read()) == plain
    assert registry.asked == [f"blob {blob.descriptor.digest}" for blob in raw.layers]


def test_the_second_time_nothing_is_asked(registry: FakeRegistry, store: BlobStore) -> None:
    manifest = registry.image()
    first = base(manifest, store, registry).read()
    second = base(manifest, store, None).read()
    assert second == first


@pytest.mark.parametrize("kind", [OCI_INDEX, DOCKER_LIST])
def test_an_index(registry: FakeRegistry, store: BlobStore, kind: str) -> None:
    amd = registry.image()
    arm = registry.image(LAYERS[:1], described=config(LAYERS[:1], architecture="arm64"))
    index = registry.index(
        {"linux/amd64": amd, "linux/arm64/v8": arm, "unknown/unknown": amd}, kind
    )
    assert base(index, store, registry).read().digest == amd
    assert base(index, store, None).read().digest == amd
    assert base(index, store, registry, "linux/arm64").read().digest == arm
    with pytest.raises(EmbeddedBuildError, match="not offered for linux/s390x") as caught:
        base(index, store, registry, "linux/s390x").read()
    assert caught.value.hint == "it is for linux/amd64, linux/arm64/v8"


def test_an_index_in_an_index_is_no_image(registry: FakeRegistry, store: BlobStore) -> None:
    inner = registry.index({"linux/amd64": registry.image()})
    with pytest.raises(EmbeddedBuildError, match="not offered"):
        base(registry.index({"linux/amd64": inner}), store, registry).read()


def test_without_a_network(registry: FakeRegistry, store: BlobStore) -> None:
    manifest = registry.image()
    with pytest.raises(EmbeddedBuildError, match="not in the cache") as caught:
        base(manifest, store, None).read()
    assert caught.value.hint
    raw = base(manifest, store, registry).read()
    registry.blobs.clear()
    with pytest.raises(ImageNotFound), raw.layers[0].open():
        pass


def test_a_damaged_document_in_the_store_is_asked_for_again(
    registry: FakeRegistry, store: BlobStore
) -> None:
    manifest = registry.image()
    first = base(manifest, store, registry).read()
    for name in (manifest, digest(config(LAYERS))):
        path = store.path(name)
        assert path is not None
        path.write_bytes(b"{}")
    registry.asked.clear()
    assert base(manifest, store, registry).read() == first
    assert len(registry.asked) == 2


@pytest.mark.parametrize("change", [-1, 1])
def test_a_layer_that_became_longer_or_shorter_is_downloaded_again(
    registry: FakeRegistry, store: BlobStore, change: int
) -> None:
    raw = base(registry.image(), store, registry).read()
    with raw.layers[1].open() as stream:
        data = stream.read()
    path = store.path(raw.layers[1].descriptor.digest)
    assert path is not None
    path.write_bytes((data + b"x")[: len(data) + change])
    with raw.layers[1].open() as stream:
        assert stream.read() == data


def test_a_layer_with_other_bytes_is_not_kept(registry: FakeRegistry, store: BlobStore) -> None:
    raw = base(registry.image(), store, registry).read()
    name = raw.layers[0].descriptor.digest
    registry.blobs[name] = b"other"
    with pytest.raises(BlobError, match="was expected"), raw.layers[0].open():
        pass
    assert store.path(name) is None


def test_downloads_end_when_nobody_waits(registry: FakeRegistry, store: BlobStore) -> None:
    raw = base(registry.image(), store, registry).read()
    raw.stop()
    with pytest.raises(EmbeddedBuildError, match="given up"), raw.layers[0].open():
        pass
    assert store.path(raw.layers[0].descriptor.digest) is None


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "",
    ],
)
def test_layers_that_cannot_be_built_upon(
    registry: FakeRegistry, store: BlobStore, kind: str
) -> None:
    with pytest.raises(EmbeddedBuildError, match="layer of the type"):
        base(registry.image(layer_kind=kind), store, registry).read()


def test_layer_types() -> None:
    docker = "application/vnd.docker.image.rootfs.diff.tar"
    for kind, expected in [
        (docker, OCI_LAYER_PLAIN),
        (f"{docker}.gzip", OCI_LAYER_GZIP),
        (f"{docker}.zstd", OCI_LAYER_ZSTD),
        (OCI_LAYER_PLAIN, OCI_LAYER_PLAIN),
        (OCI_LAYER_GZIP, OCI_LAYER_GZIP),
        (OCI_LAYER_ZSTD, OCI_LAYER_ZSTD),
    ]:
        assert layer_type(kind, "here") == expected


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (config(LAYERS[:1]), "lists 2 layers, its configuration 1"),
        (b"{}", "lists no layers by digest"),
        (b"no json", "not JSON"),
    ],
)
def test_a_configuration_that_does_not_fit(
    registry: FakeRegistry, store: BlobStore, described: bytes, message: str
) -> None:
    with pytest.raises(MooringError, match=message):
        base(registry.image(described=described), store, registry).read()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"manifests": 1}',
        b'{"config": {}, "layers": []}',
        b'{"config": {"digest": "sha256:x", "size": 1}, "layers": 3}',
        b'{"mediaType": "text/plain", "config": 1}',
    ],
)
def test_a_manifest_that_is_none(registry: FakeRegistry, store: BlobStore, body: bytes) -> None:
    found = str(registry.put(body, OCI_MANIFEST)["digest"])
    for _ in range(2):  # the second one comes out of the store
        with pytest.raises(MooringError) as caught:
            base(found, store, registry).read()
        assert caught.value.exit_code == 3


def test_a_configuration_of_any_size(registry: FakeRegistry, store: BlobStore) -> None:
    manifest = registry.image()
    document = json.loads(registry.blobs[manifest])
    document["config"]["size"] = 1 << 40
    found = str(registry.put(json.dumps(document).encode(), OCI_MANIFEST)["digest"])
    with pytest.raises(EmbeddedBuildError, match="has 1099511627776 bytes"):
        base(found, store, registry).read()


def test_a_layout(tmp_path: Path) -> None:
    write_layout(tmp_path, {"1": (LAYERS, config(LAYERS))})
    raw = layout_base(open_saved_image(f"oci:{tmp_path}:1", [AMD64]))
    index = json.loads((tmp_path / "index.json").read_text())
    assert raw.digest == index["manifests"][0]["digest"]
    assert [blob.origin for blob in raw.layers] == [None, None]
    for blob, plain in zip(raw.layers, LAYERS):
        with blob.open() as stream:
            data = stream.read()
        assert (gzip.decompress(data), len(data)) == (plain, blob.descriptor.size)


def read_out(stream: Source, size: int) -> None:
    while stream.read(size):
        pass


@pytest.mark.parametrize("change", [b"more", b""])
def test_a_layout_whose_layer_was_changed(tmp_path: Path, change: bytes) -> None:
    write_layout(tmp_path, {"1": (LAYERS, config(LAYERS))})
    raw = layout_base(open_saved_image(f"oci:{tmp_path}", [AMD64]))
    path = tmp_path / "blobs" / "sha256" / raw.layers[0].descriptor.digest[7:]
    path.write_bytes(path.read_bytes() + change if change else path.read_bytes()[:-1])
    for size in (-1, 100):
        with (
            pytest.raises(SavedImageError, match="has another"),
            raw.layers[0].open() as stream,
        ):
            read_out(stream, size)


def test_a_layout_without_sizes(tmp_path: Path) -> None:
    write_layout(tmp_path, {"1": (LAYERS, config(LAYERS))})
    index = json.loads((tmp_path / "index.json").read_text())
    blobs = tmp_path / "blobs" / "sha256"
    manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
    del manifest["layers"][0]["size"]
    body = json.dumps(manifest).encode()
    (blobs / digest(body)[7:]).write_bytes(body)
    index["manifests"][0]["digest"] = digest(body)
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(SavedImageError, match="without its size"):
        layout_base(open_saved_image(f"oci:{tmp_path}", [AMD64]))


def test_a_registry_that_fails(store: BlobStore) -> None:
    class Down(FakeRegistry):
        def manifest(self, reference: ImageReference) -> RawManifest:
            raise RegistryError("down")

    with pytest.raises(RegistryError, match="down"):
        base("sha256:" + "00" * 32, store, Down()).read()
