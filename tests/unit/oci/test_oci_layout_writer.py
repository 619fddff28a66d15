from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest
from tests.contents import Opened, blob, image, index, packed

from mooring.digests import digest_bytes
from mooring.errors import InputError, MooringError
from mooring.oci.archive import open_saved_image
from mooring.oci.content import Content, images_of, manifest_of
from mooring.oci.layout import INDEX_NAME
from mooring.oci.layout_writer import named_digest, write_layout
from mooring.oci.model import Descriptor
from mooring.oci.names import name_annotations
from mooring.oci.store import FolderStore

ONE = image([packed("etc/a", b"one"), packed("etc/b", b"shared")])
TWO = image([packed("etc/a", b"two"), packed("etc/b", b"shared")])
ARM = image([packed("etc/a", b"arm")], "linux/arm64/v8")


def entries(folder: Path) -> list[dict[str, object]]:
    found = json.loads((folder / INDEX_NAME).read_text())["manifests"]
    assert isinstance(found, list)
    return found


def check(folder: Path) -> None:
    """Walk over everything that the index names, and compare digests and sizes."""
    waiting = entries(folder)
    while waiting:
        described = waiting.pop()
        digest, size = str(described["digest"]), described["size"]
        data = (folder / "blobs" / digest.replace(":", "/")).read_bytes()
        assert (digest_bytes(data), len(data)) == (digest, size)
        if "manifest" in str(described["mediaType"]) or "index" in str(described["mediaType"]):
            document = json.loads(data)
            waiting += document.get("manifests", [])
            waiting += [document["config"]] if "config" in document else []
            waiting += document.get("layers", [])


@pytest.mark.parametrize("content", [ONE, index([ONE, ARM])], ids=["image", "index"])
def test_a_layout_is_written_and_read_back(tmp_path: Path, content: Content) -> None:
    folder = tmp_path / "deep" / "layout"
    write_layout(folder, content, ["1.0"])
    check(folder)
    assert json.loads((folder / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    saved = open_saved_image(f"oci:{folder}:1.0", ["linux/amd64"])
    assert saved.id == ONE.manifest.config().digest
    assert isinstance(saved.store, FolderStore)
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]


def test_writing_again_changes_nothing_and_reads_no_layer(tmp_path: Path) -> None:
    opened = Opened()
    content = image([packed("etc/a", b"one", opened=opened)])
    for _ in range(2):
        write_layout(tmp_path, content, ["1", "latest"])
    assert len(opened.digests) == 1
    assert len(entries(tmp_path)) == 2


@pytest.mark.parametrize("content", [ONE, index([ONE, ARM])], ids=["image", "index"])
def test_a_name_stands_for_an_image_that_is_there_as_a_whole(
    tmp_path: Path, content: Content
) -> None:
    write_layout(tmp_path, content, ["1", "2"])
    digest = manifest_of(content).digest
    assert named_digest(tmp_path, ["1", "2"]) == digest
    assert named_digest(tmp_path, ["1", "absent"]) is None
    image = images_of(content)[-1]
    for needed in (digest, image.manifest.config().digest, image.layers[0].descriptor.digest):
        path = tmp_path / "blobs" / needed.replace(":", "/")
        data = path.read_bytes()
        path.write_bytes(data[:-1])
        assert named_digest(tmp_path, ["1"]) is None
        path.unlink()
        assert named_digest(tmp_path, ["1"]) is None
        path.write_bytes(data)
    assert named_digest(tmp_path, ["1"]) == digest


def test_images_beside_each_other(tmp_path: Path) -> None:
    write_layout(tmp_path, ONE, ["one", "latest"])
    write_layout(tmp_path, TWO, ["two", "latest"])
    write_layout(tmp_path, ARM, [])
    write_layout(tmp_path, ARM, [])
    check(tmp_path)
    names = [(e.get("annotations", {}), e["digest"]) for e in entries(tmp_path)]
    assert names == [
        (name_annotations("one"), ONE.manifest.digest),
        (name_annotations("two"), TWO.manifest.digest),
        (name_annotations("latest"), TWO.manifest.digest),
        ({}, ARM.manifest.digest),
    ]


def test_what_others_wrote_stays(tmp_path: Path) -> None:
    write_layout(tmp_path, ONE, ["one"])
    document = json.loads((tmp_path / INDEX_NAME).read_text())
    document["annotations"] = {"org.example": "kept"}
    document["manifests"][0]["x-unknown"] = [1]
    (tmp_path / INDEX_NAME).write_text(json.dumps(document))
    write_layout(tmp_path, TWO, ["two"])
    after = json.loads((tmp_path / INDEX_NAME).read_text())
    assert after["annotations"] == {"org.example": "kept"}
    assert after["manifests"][0]["x-unknown"] == [1]


def test_whole_names(tmp_path: Path) -> None:
    write_layout(tmp_path, ONE, ["registry.example.com/team/app:1"])
    write_layout(tmp_path, TWO, ["registry.example.com/team/other:1"])
    found = [entry["annotations"] for entry in entries(tmp_path)]
    assert found == [
        {
            "org.opencontainers.image.ref.name": "1",
            "io.containerd.image.name": f"registry.example.com/team/{name}:1",
        }
        for name in ("app", "other")
    ]


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 129, "team/UPPER:1", "registry/x:a b"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        write_layout(tmp_path / "layout", ONE, [name])
    assert not (tmp_path / "layout").exists()


def test_a_damaged_blob_is_replaced(tmp_path: Path) -> None:
    write_layout(tmp_path, ONE, ["1"])
    for path in (tmp_path / "blobs" / "sha256").iterdir():
        path.chmod(0o644)
        path.write_bytes(b"x" * path.stat().st_size)
    write_layout(tmp_path, ONE, ["1"])
    check(tmp_path)


def test_blobs_are_files_of_their_own(tmp_path: Path) -> None:
    write_layout(tmp_path, ONE, ["1"])
    for path in (tmp_path / "blobs" / "sha256").iterdir():
        assert path.stat().st_nlink == 1
        assert stat.S_IMODE(path.stat().st_mode) & 0o400


def wrong(data: bytes) -> Content:
    promised = Descriptor(media_type="x", digest=digest_bytes(b"good"), size=4)
    return image([packed("etc/a", b"fine"), blob(data, described=promised)])


@pytest.mark.parametrize("data", [b"evil", b"goo", b"good!"])
def test_wrong_bytes_change_nothing(tmp_path: Path, data: bytes) -> None:
    write_layout(tmp_path, ONE, ["1"])
    before = (tmp_path / INDEX_NAME).read_bytes()
    with pytest.raises(MooringError, match="is damaged"):
        write_layout(tmp_path, wrong(data), ["1"])
    assert (tmp_path / INDEX_NAME).read_bytes() == before
    assert not (tmp_path / "blobs" / "sha256" / digest_bytes(b"good")[7:]).exists()
    check(tmp_path)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"thesis\.txt"):
        write_layout(tmp_path, ONE, ["1"])
    with pytest.raises(InputError):
        write_layout(tmp_path / "thesis.txt", ONE, ["1"])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("oci-layout", '{"imageLayoutVersion": "2.0.0"}'),
        ("oci-layout", "[]"),
        ("oci-layout", ""),
        ("index.json", "{"),
        ("index.json", '{"manifests": 1}'),
        ("index.json", '{"manifests": [1]}'),
        ("index.json", "[" * 100_000),
    ],
)
def test_a_broken_layout_is_refused(tmp_path: Path, name: str, text: str) -> None:
    write_layout(tmp_path, ONE, ["1"])
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError):
        write_layout(tmp_path, TWO, ["1"])
    assert (tmp_path / name).read_text() == text


def test_what_a_killed_run_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "blobs" / "sha256").mkdir(parents=True)
    (tmp_path / "blobs" / "sha256" / ".x.tmp").write_text("half")
    (tmp_path / ".index.json.abc.tmp").write_text("{")
    write_layout(tmp_path, ONE, ["1"])
    check(tmp_path)


def test_writers_at_once(tmp_path: Path) -> None:
    contents = [image([packed("etc/a", bytes([n]))]) for n in range(6)]
    threads = [
        threading.Thread(target=write_layout, args=(tmp_path, content, [f"n{n}"]))
        for n, content in enumerate(contents)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entries(tmp_path)) == 6
    check(tmp_path)
