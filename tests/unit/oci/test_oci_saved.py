"""Images in files: OCI layouts and the tars of `docker save`, with every digest checked."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from tests.images import LINK, Member, config, digest, layer, write_archive, write_layout

from mooring.oci.archive import open_saved_image
from mooring.oci.layers import Layer, open_layer
from mooring.oci.saved import SavedImage
from mooring.oci.saved_names import is_saved_image
from mooring.oci.store import FolderStore, SavedImageError, TarStore

LOW, TOP = layer([("a", b"low")]), layer([("a", b"top")])
CONFIG = config([LOW, TOP], labels={"x": "y"}, env=["VIRTUAL_ENV=/opt/env", "EMPTY="])


def contents(image: SavedImage) -> list[bytes]:
    found = []
    for each in image.layers:
        with open_layer(image.store, each) as stream:
            found.append(stream.read())
    return found


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("suffix", ["", ":v1"])
def test_a_layout(tmp_path: Path, compress: bool, suffix: str) -> None:
    write_layout(tmp_path / "image", {"v1": ([LOW, TOP], CONFIG)}, compress=compress)
    image = open_saved_image(f"oci:{tmp_path}/image{suffix}", ["linux/amd64"])
    assert contents(image) == [LOW, TOP]
    assert image.id == digest(CONFIG)
    assert image.platform == "linux/amd64"
    assert image.labels == {"x": "y"}
    assert image.variables == {"VIRTUAL_ENV": "/opt/env", "EMPTY": ""}


def test_a_layout_in_a_tar(tmp_path: Path) -> None:
    folder = write_layout(tmp_path / "image", {"v1": ([LOW, TOP], CONFIG)})
    path = tmp_path / "image.tar"
    path.write_bytes(layer(folder=folder, at="."))
    for name in (str(path), f"oci-archive:{path}", f"oci-archive:{path}:v1"):
        assert contents(open_saved_image(name, ["linux/amd64"])) == [LOW, TOP]


@pytest.mark.parametrize("prefix", ["", "docker-archive:"])
@pytest.mark.parametrize("suffix", ["", ":team/web:1", ":1"])
def test_what_docker_saves(tmp_path: Path, prefix: str, suffix: str) -> None:
    path = write_archive(tmp_path / "image.tar", [LOW, TOP], CONFIG, "team/web:1")
    image = open_saved_image(f"{prefix}{path}{suffix}", [])
    assert contents(image) == [LOW, TOP]
    assert image.id == digest(CONFIG)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("docker.io/team/web:1", "team/web:1"),
        ("docker.io/library/web:1", "web:1"),
        ("docker.io/team/web:1", "docker.io/team/web:1"),
    ],
)
def test_names_with_the_registry_that_is_meant(tmp_path: Path, written: str, asked: str) -> None:
    path = write_archive(tmp_path / "image.tar", [LOW, TOP], CONFIG, written)
    assert open_saved_image(f"docker-archive:{path}:{asked}", []).id == digest(CONFIG)


def test_layers_that_are_links(tmp_path: Path) -> None:
    described = config([LOW, LOW])
    manifest = [{"Config": digest(described)[7:] + ".json", "RepoTags": None,
                 "Layers": ["one/layer.tar", "two/layer.tar"]}]  # fmt: skip
    members: list[Member] = [
        ("one/layer.tar", LOW),
        ("two/layer.tar", LINK, "../one/layer.tar"),
        (digest(described)[7:] + ".json", described),
        ("manifest.json", json.dumps(manifest).encode()),
    ]
    (tmp_path / "image.tar").write_bytes(layer(members))
    assert contents(open_saved_image(str(tmp_path / "image.tar"), [])) == [LOW, LOW]


def test_one_of_several_platforms(tmp_path: Path) -> None:
    arm = config([TOP], architecture="arm64")
    write_layout(tmp_path, {"v1": ([LOW, TOP], CONFIG)})
    first = json.loads((tmp_path / "index.json").read_text())["manifests"]
    write_layout(tmp_path, {"v1": ([TOP], arm)})
    second = json.loads((tmp_path / "index.json").read_text())["manifests"]
    attestation = {"digest": digest(b""), "annotations": {"vnd.docker.reference.type": "x"}}
    index = json.dumps({"manifests": first + second + [attestation]}).encode()
    (tmp_path / "blobs" / "sha256" / digest(index)[7:]).write_bytes(index)
    nested = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest(index)}
    (tmp_path / "index.json").write_text(json.dumps({"manifests": [nested]}))
    assert open_saved_image(f"oci:{tmp_path}", ["linux/arm64/v8"]).id == digest(arm)
    assert open_saved_image(f"oci:{tmp_path}", ["linux/amd64"]).id == digest(CONFIG)
    with pytest.raises(SavedImageError, match="linux/s390x") as caught:
        open_saved_image(f"oci:{tmp_path}", ["linux/s390x"])
    assert "linux/amd64, linux/arm64" in str(caught.value.hint)


def test_several_images(tmp_path: Path) -> None:
    write_layout(tmp_path, {"v1": ([LOW], config([LOW])), "v2": ([TOP], config([TOP]))})
    assert contents(open_saved_image(f"oci:{tmp_path}:v2", ["linux/amd64"])) == [TOP]
    with pytest.raises(SavedImageError, match="several images") as caught:
        open_saved_image(f"oci:{tmp_path}", ["linux/amd64"])
    assert "v1, v2" in str(caught.value.hint)
    with pytest.raises(SavedImageError, match="no image 'v3'"):
        open_saved_image(f"oci:{tmp_path}:v3", ["linux/amd64"])


@pytest.mark.parametrize("what", ["layer", "manifest", "config"])
def test_a_blob_that_is_another(tmp_path: Path, what: str) -> None:
    write_layout(tmp_path, {"v1": ([LOW, TOP], CONFIG)}, compress=False)
    manifest = json.loads((tmp_path / "index.json").read_text())["manifests"][0]["digest"]
    changed = {"layer": digest(TOP), "config": digest(CONFIG), "manifest": manifest}[what]
    blob = tmp_path / "blobs" / "sha256" / changed[7:]
    blob.write_bytes(blob.read_bytes().replace(b"top", b"t0p").replace(b"amd64", b"AMD64") + b" ")
    with pytest.raises(SavedImageError, match="not what its digest says") as caught:
        contents(open_saved_image(f"oci:{tmp_path}", ["linux/amd64"]))
    assert caught.value.exit_code == 3


def test_a_saved_layer_that_is_another(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "image.tar", [LOW, LOW], CONFIG, "web:1")
    with pytest.raises(SavedImageError, match="not what its digest says"):
        contents(open_saved_image(str(path), []))


@pytest.mark.parametrize("padding", [b"", b"\0" * 100], ids=["none", "zeros"])
def test_gzip_in_several_members(tmp_path: Path, padding: bytes) -> None:
    data = gzip.compress(LOW[:700]) + gzip.compress(LOW[700:]) + padding
    (tmp_path / "layer").write_bytes(data)
    known = Layer(name="layer", digest=digest(data))
    with open_layer(FolderStore(tmp_path), known) as stream:
        assert stream.read() == LOW


def test_a_layer_is_checked_although_nobody_read_it(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(gzip.compress(LOW))
    wrong = Layer(name="layer", diff_id=digest(TOP))
    with (
        pytest.raises(SavedImageError, match="not what its digest says"),
        open_layer(FolderStore(tmp_path), wrong),
    ):
        pass


def frames(data: bytes) -> bytes:
    """Return data as builders pack it that fetch single files: many frames, one to be skipped."""
    packer = zstandard.ZstdCompressor()
    skipped = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    parts = [packer.compress(data[at : at + 700]) for at in range(0, len(data), 700)]
    return b"".join([*parts[:2], skipped, *parts[2:], skipped])


@pytest.mark.parametrize("pack", [zstandard.ZstdCompressor().compress, frames])
def test_zstd(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    large = LOW + random.Random(1).randbytes(3 << 20)
    (tmp_path / "layer").write_bytes(data := pack(large))
    known = Layer(name="layer", digest=digest(data))
    with open_layer(FolderStore(tmp_path), known) as stream:
        assert stream.read() == large


def test_zstd_that_breaks_off(tmp_path: Path) -> None:
    data = zstandard.ZstdCompressor().compress(random.Random(1).randbytes(1 << 20))
    (tmp_path / "layer").write_bytes(data[:-1000])
    with (
        pytest.raises(SavedImageError),
        open_layer(FolderStore(tmp_path), Layer(name="layer", digest=digest(data))) as stream,
    ):
        stream.read()


def test_zstd_of_another_content(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(zstandard.ZstdCompressor().compress(LOW))
    wrong = Layer(name="layer", diff_id=digest(TOP))
    with (
        pytest.raises(SavedImageError, match="not what its digest says"),
        open_layer(FolderStore(tmp_path), wrong) as stream,
    ):
        stream.read()


def test_a_zstd_bomb_ends(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(zstandard.ZstdCompressor().compress(bytes(32 << 20)))
    with (
        pytest.raises(SavedImageError, match="unpacks to more"),
        open_layer(FolderStore(tmp_path), Layer(name="layer"), most=1 << 20) as stream,
    ):
        stream.read()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(LOW)[:-20], "breaks off"),
        (gzip.compress(LOW)[:12] + b"\xff" * 400, "no valid gzip"),
        (b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "zstd"),
    ],
    ids=["short", "gzip", "zstd"],
)
def test_a_damaged_gzip(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "layer").write_bytes(data)
    with (
        pytest.raises(SavedImageError, match=message),
        open_layer(FolderStore(tmp_path), Layer(name="layer")) as stream,
    ):
        stream.read()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "neither manifest.json nor index.json"),
        (b"no tar at all" * 100, "no tar"),
        (layer([("bin/sh", b"")]), "neither manifest.json"),
        (layer([("manifest.json", b"x" * 9000)])[:4096], "breaks off"),
        (layer([("manifest.json", b"x")]), "not JSON"),
        (layer([("manifest.json", b"{}")]), "no list of images"),
        (layer([("manifest.json", b"[{}]")]), "does not name its configuration"),
        (layer([("manifest.json", b'[{"Config": "c", "Layers": []}]')]), "has no c"),
        (
            layer([("manifest.json", b'[{"Config": "c", "Layers": []}]'), ("c", b"{}")]),
            "not what its digest says",
        ),
        (layer([("manifest.json", b"[" * 100_000)]), "not JSON"),
        (layer([("manifest.json", LINK, "manifest.json")]), "neither manifest.json"),
    ],
    ids=range(11),
)
def test_a_file_that_is_no_image(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "image.tar"
    path.write_bytes(data)
    with pytest.raises(SavedImageError, match=message):
        open_saved_image(str(path), [])


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "lists no manifests"),
        ({"manifests": [{"digest": "sha256:../../../etc/passwd"}]}, "no SHA-256 digest"),
        ({"manifests": [{"digest": digest(b"absent")}]}, "does not exist"),
        ({"manifests": []}, "no image"),
    ],
)
def test_a_layout_that_is_none(tmp_path: Path, index: object, message: str) -> None:
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(SavedImageError, match=message):
        open_saved_image(f"oci:{tmp_path}", ["linux/amd64"])


def test_what_is_not_there(tmp_path: Path) -> None:
    for name in (f"oci:{tmp_path}/none", f"docker-archive:{tmp_path}/none", f"{tmp_path}/x.tar"):
        with pytest.raises(SavedImageError) as caught:
            open_saved_image(name, [])
        assert caught.value.exit_code == 3


def test_long_names_in_a_tar(tmp_path: Path) -> None:
    name = "a" * 120 + "/" + "b" * 120
    (tmp_path / "x.tar").write_bytes(layer([(name, b"1"), ("c", b"2")]))
    store = TarStore(tmp_path / "x.tar")
    for each, content in ((name, b"1"), ("c", b"2")):
        with store.open(each) as stream:
            assert stream.read() == content


@pytest.mark.parametrize(
    ("name", "expected"),
    [("oci:x", True), ("docker-archive:x", True), ("x.tar", True), ("web:1", False)],
)
def test_names(name: str, expected: bool) -> None:
    assert is_saved_image(name) is expected


def test_a_layer_that_never_ends(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(gzip.compress(b"\0" * (8 << 20)))
    known = Layer(name="layer")
    with (
        pytest.raises(SavedImageError, match="more than is accepted"),
        open_layer(FolderStore(tmp_path), known, most=1 << 20),
    ):
        pass
