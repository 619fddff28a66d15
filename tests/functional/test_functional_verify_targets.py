"""`mooring verify` of images in files and of tars, against a lock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.environments import install, locked, make_venv
from tests.functional.command import Mooring
from tests.images import config, layer, write_archive, write_layout

from mooring.lock.formats import pylock
from mooring.lock.model import Lock

SITE = "opt/env/lib/python3.11/site-packages"


@pytest.fixture
def clean(project: Path) -> bytes:
    """Lock one package, and return a layer with an environment that holds it."""
    package = locked("alpha", sdist=False).package
    (project / "pylock.toml").write_text(pylock.write(Lock(created_by="test", packages=(package,))))
    (project / "mooring.toml").write_text('dependencies = ["alpha"]\npython = "3.11"\n')
    install(make_venv(project / "made"), "alpha")
    return layer(folder=project / "made", at="opt/env")


@pytest.mark.parametrize("form", ["layout", "archive"])
def test_an_image_in_files(project: Path, mooring: Mooring, clean: bytes, form: str) -> None:
    changed = layer([(f"{SITE}/alpha/__init__.py", b"x = 2\n")])
    for layers, code in (([clean], 0), ([clean, changed], 1)):
        name = f"oci:{project}/image{code}"
        if form == "layout":
            write_layout(project / f"image{code}", {"v1": (layers, config(layers))})
        else:
            path = project / f"image{code}.tar"
            name = str(write_archive(path, layers, config(layers), "web:1"))
        told = mooring("verify", "--frozen", "--format", "json", "--image", name)
        assert told.code == code, told.err
        found = [(row["rule"], row["package"]) for row in told.document["findings"]]
        assert found == ([("MOR106", "alpha")] if code else [])
        assert told.document["target"]["kind"] == "image"


@pytest.fixture
def several(project: Path, clean: bytes) -> str:
    """Write an image for two platforms; in that for arm64 a file is another."""
    path = project / "mooring.toml"
    path.write_text('platforms = ["linux-64", "linux-aarch64"]\n' + path.read_text())
    layers = [clean, layer([(f"{SITE}/alpha/__init__.py", b"x = 2\n")])]
    # Builders write the variant of arm64 into the configuration, or leave it out.
    arm = json.dumps({**json.loads(config(layers, architecture="arm64")), "variant": "v8"}).encode()
    index, entries = project / "image" / "index.json", []
    for each, described in (([clean], config([clean])), (layers, arm)):
        write_layout(project / "image", {"all": (each, described)})
        entries += json.loads(index.read_text())["manifests"]
    index.write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return f"oci:{project}/image:all"


def test_an_image_for_several_platforms(mooring: Mooring, several: str) -> None:
    words = ["verify", "--frozen", "--image", several]
    for name, code in (("linux/amd64", 0), ("linux/arm64", 1), ("linux-aarch64", 1)):
        told = mooring(*words, "--platform", name)
        assert told.code == code, told.err
        shown = "linux/arm64/v8" if code else "linux/amd64"
        assert f"{several} ({shown}, one of 2 platforms): 1 package" in told.err
    told = mooring(*words, "--platform", "linux/s390x")
    assert (told.code, "it is for linux/amd64, linux/arm64" in told.err) == (3, True), told.err


def test_an_image_for_another_platform_than_the_named_one(
    project: Path, mooring: Mooring, clean: bytes
) -> None:
    write_layout(project / "image", {"v1": ([clean], config([clean]))})
    words = ["verify", "--frozen", "--image", f"oci:{project}/image"]
    told = mooring(*words, "--platform", "linux/arm64")
    assert told.code == 3
    assert "the image is for linux/amd64, not for linux/arm64" in told.err
    told = mooring(*words, "--platform", "linux/amd64")
    assert (told.code, "one of" in told.err) == (0, False), told.err


def test_a_damaged_image_is_not_checked(project: Path, mooring: Mooring, clean: bytes) -> None:
    path = write_archive(project / "image.tar", [clean], config([layer()]), "web:1")
    told = mooring("verify", "--frozen", "--image", str(path))
    assert told.code == 3
    assert "not what its digest says" in told.err


def test_a_tar(project: Path, mooring: Mooring, clean: bytes) -> None:
    (project / "root.tar").write_bytes(clean)
    words = ["verify", "--frozen", "--tar", str(project / "root.tar")]
    assert mooring(*words, "--root", "/opt/env").code == 0
    assert mooring(*words, "--root", "/srv").code == 3
    assert mooring(*words).code == 3
