"""`mooring verify` of images in files and of tars, against a lock."""

from __future__ import annotations

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
