"""Base images that lie in files, pinned by what is in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.fakes import RecordingReporter
from tests.images import config, digest, layer, write_archive, write_layout

from mooring.errors import InputError
from mooring.lock.formats import mooring_lock
from mooring.lock.formats.mooring_lock import BaseImageLock, MooringLock
from mooring.oci.store import SavedImageError
from mooring.platforms import Platform
from mooring.reporting import SILENT
from mooring.resolve.base_image import resolve_base

AMD64, ARM64 = Platform.parse("linux-64"), Platform.parse("linux-aarch64")
MAC = Platform.parse("osx-arm64")
LAYERS = [layer([("a", b"x")])]
ARM = config(LAYERS, architecture="arm64")


def two_platforms(folder: Path) -> tuple[str, str]:
    """Write a layout of one tag for two platforms; return the manifests' digests."""
    write_layout(folder, {"1": (LAYERS, config(LAYERS))})
    entries = json.loads((folder / "index.json").read_text())["manifests"]
    write_layout(folder, {"1": (LAYERS, ARM)})
    entries += json.loads((folder / "index.json").read_text())["manifests"]
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return entries[0]["digest"], entries[1]["digest"]


@pytest.mark.parametrize("reference", ["oci:bases/python:1", "oci:bases/python"])
def test_a_layout_by_manifest_digest(tmp_path: Path, reference: str) -> None:
    amd, arm = two_platforms(tmp_path / "bases" / "python")
    found = resolve_base(reference, [AMD64, ARM64, MAC], root=tmp_path)
    assert found == (
        BaseImageLock(reference=reference, platform=AMD64, digest=amd),
        BaseImageLock(reference=reference, platform=ARM64, digest=arm),
    )


@pytest.mark.parametrize("reference", ["docker-archive:base.tar:team/base:1", "./base.tar"])
def test_an_archive_by_image_id(tmp_path: Path, reference: str) -> None:
    write_archive(tmp_path / "base.tar", LAYERS, config(LAYERS), "team/base:1")
    reporter = RecordingReporter()
    found = resolve_base(reference, [AMD64, ARM64], root=tmp_path, reporter=reporter)
    assert found == (
        BaseImageLock(reference=reference, platform=AMD64, image_id=digest(config(LAYERS))),
        BaseImageLock(reference=reference, platform=ARM64, absent=True),
    )
    assert any("linux/arm64" in text for text in reporter.warnings)


def test_what_is_kept_and_what_is_asked_again(tmp_path: Path) -> None:
    amd, arm = two_platforms(tmp_path / "python")
    old = BaseImageLock(reference="oci:python", platform=AMD64, digest="sha256:" + "00" * 32)
    previous = MooringLock(base_images=(old,))
    found = resolve_base("oci:python", [AMD64, ARM64], root=tmp_path, previous=previous)
    assert [each.digest for each in found] == [old.digest, arm]
    found = resolve_base(
        "oci:python", [AMD64, ARM64], root=tmp_path, previous=previous, upgrade=True
    )
    assert [each.digest for each in found] == [amd, arm]


def test_floors_do_not_make_two_entries(tmp_path: Path) -> None:
    two_platforms(tmp_path / "python")
    wanted = [AMD64, Platform.parse("linux-64-musl1.2")]
    assert len(resolve_base("oci:python", wanted, root=tmp_path)) == 1


def test_none_of_the_platforms(tmp_path: Path) -> None:
    write_layout(tmp_path / "python", {"1": (LAYERS, ARM)})
    with pytest.raises(SavedImageError, match="no image for linux/amd64") as caught:
        resolve_base("oci:python", [AMD64], root=tmp_path)
    assert caught.value.hint == "it is for linux/arm64"


@pytest.mark.parametrize("reference", ["oci:none", "docker-archive:none.tar", "none.tar"])
def test_files_that_are_not_there(tmp_path: Path, reference: str) -> None:
    with pytest.raises(SavedImageError, match=r"no such folder|does not exist"):
        resolve_base(reference, [AMD64], root=tmp_path)


def test_damaged_files_are_not_a_missing_platform(tmp_path: Path) -> None:
    _, arm = two_platforms(tmp_path / "python")
    (tmp_path / "python" / "blobs" / "sha256" / arm[7:]).write_bytes(b"{}")
    with pytest.raises(SavedImageError, match="not what its digest says"):
        resolve_base("oci:python", [AMD64, ARM64], root=tmp_path)


@pytest.mark.parametrize(
    "reference", ['oci:a"b', "oci:a b", "oci:", "oci:a\nb", "oci:" + "x" * 600]
)
def test_names_that_cannot_be_locked(tmp_path: Path, reference: str) -> None:
    with pytest.raises((InputError, SavedImageError)):
        resolve_base(reference, [AMD64], root=tmp_path)


def test_the_lock_holds_them(tmp_path: Path) -> None:
    two_platforms(tmp_path / "python")
    write_archive(tmp_path / "base.tar", LAYERS, config(LAYERS), "team/base:1")
    entries = (
        *resolve_base("oci:python:1", [AMD64, ARM64], root=tmp_path),
        *resolve_base("docker-archive:base.tar:team/base:1", [AMD64], root=tmp_path),
        *resolve_base("base.tar", [AMD64, ARM64], root=tmp_path, reporter=SILENT),
    )
    lock = MooringLock(base_images=entries)
    assert set(mooring_lock.read(mooring_lock.write(lock)).base_images) == set(entries)


@pytest.mark.parametrize("reference", ['oci:a\\"b', "oci:a b", "docker-archive:a\\nb"])
def test_the_lock_takes_no_other_names(reference: str) -> None:
    text = (
        f'version = 1\n[[base-image]]\nreference = "{reference}"\nplatform = "linux-64"\n'
        f'digest = "sha256:{"00" * 32}"\n'
    )
    with pytest.raises(InputError, match="not an image reference"):
        mooring_lock.read(text)
