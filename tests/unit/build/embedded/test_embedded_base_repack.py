"""Bases without compressed layers: what `docker save` writes, and images of the engine alone."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.fakes import RecordingReporter
from tests.images import config, digest, layer, write_archive
from tests.unit.build.embedded.bases_made import PYTHON_312, file, tar

from mooring.build.embedded.bases.repack import archive_base, engine_base
from mooring.build.embedded.bases.sources import RawBase
from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.errors import MooringError
from mooring.oci.archive import open_saved_image
from mooring.oci.blob_store import BlobStore
from mooring.oci.content import OCI_LAYER_GZIP
from mooring.oci.store import SavedImageError
from mooring.reporting import SILENT

LAYERS = [tar(*PYTHON_312), tar(file("opt/x", b"x" * 3000)), tar(file("opt/x", b"x" * 3000))]
CONFIG = config(LAYERS)
PLATFORM = "linux/amd64"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOORING_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "cache" / "blobs")


class FakeEngine:
    """An engine that has one image; it counts how often it is exported."""

    def __init__(self, saved: bytes) -> None:
        self.saved = saved
        self.exported: list[str] = []

    @contextlib.contextmanager
    def save(self, image: str, /) -> Iterator[Iterator[bytes]]:
        self.exported.append(image)
        yield iter([self.saved[at : at + 1000] for at in range(0, len(self.saved), 1000)])


def saved(tmp_path: Path) -> bytes:
    return write_archive(tmp_path / "saved.tar", LAYERS, CONFIG, "base:1").read_bytes()


def plain(raw: RawBase) -> list[bytes]:
    found = []
    for blob in raw.layers:
        assert blob.descriptor.media_type == OCI_LAYER_GZIP
        with blob.open() as stream:
            data = stream.read()
        assert (digest(data), len(data)) == (blob.descriptor.digest, blob.descriptor.size)
        found.append(gzip.decompress(data))
    return found


def test_an_archive(tmp_path: Path, store: BlobStore) -> None:
    path = tmp_path / "saved.tar"
    saved(tmp_path)
    raw = archive_base(open_saved_image(f"docker-archive:{path}", [PLATFORM]), store)
    assert (raw.digest, raw.config) == (digest(CONFIG), CONFIG)
    assert plain(raw) == LAYERS
    assert [blob.diff_id for blob in raw.layers] == [digest(each) for each in LAYERS]


def test_the_same_blobs_in_another_cache(tmp_path: Path, store: BlobStore) -> None:
    saved(tmp_path)
    image = open_saved_image(str(tmp_path / "saved.tar"), [PLATFORM])
    other = BlobStore(tmp_path / "other")
    assert archive_base(image, store).layers == archive_base(image, other).layers


def test_layers_are_compressed_once(tmp_path: Path, store: BlobStore) -> None:
    path = tmp_path / "saved.tar"
    saved(tmp_path)
    image = open_saved_image(str(path), [PLATFORM])
    first = archive_base(image, store)
    path.unlink()
    assert archive_base(image, store) == first


def test_a_layer_that_is_another_is_not_kept(tmp_path: Path, store: BlobStore) -> None:
    path = write_archive(tmp_path / "saved.tar", [LAYERS[0], *LAYERS[:2]], CONFIG, "base:1")
    with pytest.raises(SavedImageError, match="not what its digest says"):
        archive_base(open_saved_image(str(path), [PLATFORM]), store)
    assert len(list((store.root / "sha256").iterdir())) == 1  # the first layer, which is right


def test_an_image_of_the_engine_is_exported_once(tmp_path: Path, store: BlobStore) -> None:
    engine, reporter = FakeEngine(saved(tmp_path)), RecordingReporter()
    image_id = digest(CONFIG)
    first = engine_base(image_id, PLATFORM, store=store, engine=engine, reporter=reporter)
    assert (first.digest, first.config, plain(first)) == (image_id, CONFIG, LAYERS)
    assert engine.exported == [image_id]
    # The export itself is as large as the image and is not kept.
    assert store.path(digest(engine.saved)) is None
    second = engine_base(image_id, PLATFORM, store=store, engine=engine, reporter=reporter)
    assert second == first
    assert engine.exported == [image_id]
    assert reporter.steps == ["Taking the base image out of the local engine"]


def test_a_lost_layer_is_exported_again(tmp_path: Path, store: BlobStore) -> None:
    engine = FakeEngine(saved(tmp_path))
    image_id = digest(CONFIG)
    first = engine_base(image_id, PLATFORM, store=store, engine=engine, reporter=SILENT)
    store.discard(first.layers[0].descriptor.digest)
    assert engine_base(image_id, PLATFORM, store=store, engine=engine, reporter=SILENT) == first
    assert len(engine.exported) == 2


def test_an_engine_that_gives_another_image(tmp_path: Path, store: BlobStore) -> None:
    engine = FakeEngine(saved(tmp_path))
    with pytest.raises(EmbeddedBuildError, match="gave the image sha256:") as caught:
        engine_base("sha256:" + "00" * 32, PLATFORM, store=store, engine=engine, reporter=SILENT)
    assert "upgrade-base" in str(caught.value.hint)
    assert store.path(digest(engine.saved)) is None


def modern(documents: Mapping[str, object], chain: list[bytes]) -> bytes:
    """Return what engines with the containerd store save: an OCI layout with a manifest.json."""
    packed = [gzip.compress(each, mtime=0) for each in LAYERS]
    name = "blobs/sha256/"
    entry = {
        "Config": name + digest(CONFIG)[7:],
        "RepoTags": None,
        "Layers": [name + digest(each)[7:] for each in packed],
    }
    members = {name + digest(each)[7:]: each for each in (*packed, CONFIG, *chain)}
    return layer(
        [
            *members.items(),
            ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'),
            ("index.json", json.dumps(documents).encode()),
            ("manifest.json", json.dumps([entry]).encode()),
        ]
    )


@pytest.mark.parametrize("by", ["manifest", "index"])
def test_engines_whose_image_id_is_no_configuration(store: BlobStore, by: str) -> None:
    manifest = json.dumps({"config": {"digest": digest(CONFIG)}, "layers": []}).encode()
    platform = {"os": "linux", "architecture": "amd64"}
    unknown = {"os": "unknown", "architecture": "unknown"}
    index = json.dumps(
        {
            "manifests": [
                {"digest": "sha256:" + "00" * 32, "platform": unknown},
                {"digest": digest(manifest), "platform": platform},
            ]
        }
    ).encode()
    image_id = digest(index if by == "index" else manifest)
    engine = FakeEngine(modern({"manifests": []}, [manifest, index]))
    raw = engine_base(image_id, PLATFORM, store=store, engine=engine, reporter=SILENT)
    assert raw.digest == image_id
    assert plain(raw) == LAYERS
    assert engine_base(image_id, PLATFORM, store=store, engine=engine, reporter=SILENT) == raw
    assert len(engine.exported) == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"no tar" * 999, layer([("manifest.json", b"[]")]), layer([("manifest.json", b"{")])],
)
def test_an_export_that_is_no_image(store: BlobStore, data: bytes) -> None:
    engine = FakeEngine(data)
    with pytest.raises(MooringError) as caught:
        engine_base(digest(CONFIG), PLATFORM, store=store, engine=engine, reporter=SILENT)
    assert caught.value.exit_code == 3
    assert store.path(digest(data)) is None


def test_an_export_that_breaks_off(tmp_path: Path, store: BlobStore) -> None:
    data = saved(tmp_path)
    engine = FakeEngine(data[: len(data) // 2 // 512 * 512])
    with pytest.raises(SavedImageError):
        engine_base(digest(CONFIG), PLATFORM, store=store, engine=engine, reporter=SILENT)
    assert not [each for each in (store.root / "sha256").iterdir() if each.stat().st_size > 5000]
