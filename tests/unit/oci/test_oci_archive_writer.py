from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest
from tests.contents import blob, image, packed

from mooring.digests import digest_bytes
from mooring.errors import InputError, MooringError
from mooring.oci.archive import open_saved_image
from mooring.oci.archive_writer import archive_pieces, check_place, write_archive
from mooring.oci.model import Descriptor

NAME = "registry.example.com/team/app:1"
ONE = image([packed("etc/a", b"one"), packed("etc/b", b"two")])


@pytest.mark.parametrize("prefix", ["docker-archive:", "oci-archive:"])
def test_an_archive_is_read_back_both_ways(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "deep" / "app.tar"
    write_archive(path, ONE, [NAME])
    saved = open_saved_image(f"{prefix}{path}:1", ["linux/amd64"])
    assert saved.id == ONE.manifest.config().digest
    assert len(saved.layers) == 2
    assert [each.name for each in path.parent.iterdir()] == ["app.tar"]


def test_what_is_inside(tmp_path: Path) -> None:
    write_archive(tmp_path / "app.tar", ONE, [NAME, "app", NAME])
    with tarfile.open(tmp_path / "app.tar") as archive:
        members = archive.getmembers()
        found = {m.name: archive.extractfile(m) for m in members if m.isreg()}
        files = {name: stream.read() for name, stream in found.items() if stream}
    names = [member.name for member in members]
    assert names[:5] == ["oci-layout", "index.json", "manifest.json", "blobs", "blobs/sha256"]
    assert names[5:] == sorted(names[5:])
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    assert json.loads(files["manifest.json"]) == [
        {
            "Config": "blobs/sha256/" + ONE.manifest.config().digest[7:],
            "Layers": ["blobs/sha256/" + each.descriptor.digest[7:] for each in ONE.layers],
            "RepoTags": [NAME, "app:latest"],
        }
    ]
    entries = json.loads(files["index.json"])["manifests"]
    assert [entry["annotations"]["io.containerd.image.name"] for entry in entries] == [
        NAME,
        "docker.io/library/app:latest",
    ]
    assert entries[0]["platform"] == {"os": "linux", "architecture": "amd64"}
    for name, data in files.items():
        if name.startswith("blobs/"):
            assert digest_bytes(data)[7:] == name[len("blobs/sha256/") :]


def test_the_bytes_do_not_change() -> None:
    """Golden: another digest here is an entry in the changelog."""
    content = image([blob(b"layer", diff_id="sha256:" + "0" * 64)])
    data = b"".join(archive_pieces(content, [NAME]))
    assert data == b"".join(archive_pieces(content, [NAME]))
    assert len(data) % 10240 == 0
    assert hashlib.sha256(data).hexdigest() == (
        "9ef30875f8d41bc655770f84a3ad6553530e7f069aec8ccaad5c6fe1bb688238"
    )


def test_a_layer_that_is_listed_twice_is_there_once(tmp_path: Path) -> None:
    content = image([ONE.layers[0], ONE.layers[0]])
    write_archive(tmp_path / "app.tar", content, [])
    with tarfile.open(tmp_path / "app.tar") as archive:
        assert len(archive.getnames()) == len(set(archive.getnames())) == 8
        stream = archive.extractfile("manifest.json")
        assert stream is not None
        (entry,) = json.loads(stream.read())
    assert entry["RepoTags"] is None
    assert len(entry["Layers"]) == 2


@pytest.mark.parametrize("data", [b"evil", b"goo", b"good!"])
def test_wrong_bytes_leave_the_old_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "app.tar"
    path.write_bytes(b"old")
    promised = Descriptor(media_type="x", digest=digest_bytes(b"good"), size=4)
    with pytest.raises(MooringError, match="is damaged"):
        write_archive(path, image([blob(data, described=promised)]), [NAME])
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["app.tar"]


@pytest.mark.parametrize("name", ["", "a b", "team/UPPER:1", "x:" + "t" * 200])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        write_archive(tmp_path / "app.tar", ONE, [name])
    with pytest.raises(InputError):
        archive_pieces(ONE, [name])
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "app.tar", tmp_path):
        with pytest.raises(MooringError, match="cannot write"):
            write_archive(path, ONE, [NAME])


def test_a_layer_of_more_than_eight_gigabytes_keeps_its_size() -> None:
    """Beyond that an old header has no digits left; the extended one says it."""
    huge = Descriptor(media_type="x", digest=digest_bytes(b"huge"), size=10 << 30)
    got: list[bytes] = []
    with pytest.raises(MooringError, match="is damaged"):
        got.extend(archive_pieces(image([blob(b"", described=huge)]), []))
    assert any(b"size=10737418240\n" in piece for piece in got)


def test_only_an_archive_may_be_replaced(tmp_path: Path) -> None:
    write_archive(tmp_path / "app.tar", ONE, [NAME])
    (tmp_path / "empty").touch()
    (tmp_path / "notes.txt").write_text("what nobody has a copy of")
    for name in ("app.tar", "empty", "absent", "absent/deep"):
        check_place(tmp_path / name)
    with pytest.raises(InputError, match=r"notes\.txt: there is a file already"):
        check_place(tmp_path / "notes.txt")
    with pytest.raises(InputError, match="Not a directory"):
        check_place(tmp_path / "notes.txt" / "app.tar")
    with pytest.raises(InputError, match="not a file"):
        check_place(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_no_place_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a file"):
        check_place(tmp_path / "pipe")
