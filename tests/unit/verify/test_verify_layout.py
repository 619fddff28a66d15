"""Where packages are and which Python it is, told by names and small files alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.environments import make_venv

from mooring.verify.collectors.folder import Folder
from mooring.verify.collectors.layout import Layout, find_layout


def layout(root: Path) -> Layout:
    return find_layout(Folder(str(root)))


def folders(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).mkdir(parents=True)


def test_a_venv(tmp_path: Path) -> None:
    make_venv(tmp_path, version="3.12.4")
    found = layout(tmp_path)
    assert found.sites == ("lib/python3.12/site-packages",)
    assert (found.interpreter.version, found.interpreter.implementation) == ("3.12.4", "cpython")


def test_lib64_is_the_same_folder(tmp_path: Path) -> None:
    make_venv(tmp_path)
    (tmp_path / "lib64").symlink_to("lib")
    assert layout(tmp_path).sites == ("lib/python3.11/site-packages",)


@pytest.mark.parametrize(
    "text",
    ["version = 3.11.7\n", "version_info = 3.11.7.final.0\n", "VERSION=3.11.7\r\nhome=/x\r\n"],
)
def test_every_spelling_of_the_version(tmp_path: Path, text: str) -> None:
    make_venv(tmp_path)
    (tmp_path / "pyvenv.cfg").write_text(text)
    assert layout(tmp_path).interpreter.version == "3.11.7"


def test_packages_of_another_python_are_not_seen(tmp_path: Path) -> None:
    make_venv(tmp_path, version="3.12.1")
    folders(tmp_path, "lib/python3.11/site-packages")
    assert layout(tmp_path).sites == ("lib/python3.12/site-packages",)


def test_a_configuration_that_fits_no_folder(tmp_path: Path) -> None:
    make_venv(tmp_path, version="3.11.1")
    (tmp_path / "pyvenv.cfg").write_text("version = 3.13.0\n")
    found = layout(tmp_path)
    assert found.sites == ("lib/python3.11/site-packages",)
    assert found.interpreter.version == "3.13.0"


def test_a_whole_python(tmp_path: Path) -> None:
    folders(tmp_path, "lib/python3.12/site-packages", "include/python3.12")
    (tmp_path / "include/python3.12/patchlevel.h").write_text('#define PY_VERSION "3.12.7"\n')
    found = layout(tmp_path)
    assert found.sites == ("lib/python3.12/site-packages",)
    assert found.interpreter.version == "3.12.7"


def test_of_several_pythons_the_linked_one(tmp_path: Path) -> None:
    folders(tmp_path, "bin", "lib/python3.9/site-packages", "lib/python3.12/site-packages")
    assert layout(tmp_path).interpreter.version == "3.12"
    (tmp_path / "bin/python3").symlink_to("python3.9")
    found = layout(tmp_path)
    assert found.sites == ("lib/python3.9/site-packages",)
    assert found.interpreter.version == "3.9"


def test_a_debian_prefix(tmp_path: Path) -> None:
    folders(tmp_path, "bin", "lib/python3/dist-packages", "local/lib/python3.11/dist-packages")
    (tmp_path / "bin/python3").symlink_to("python3.11")
    found = layout(tmp_path)
    assert found.sites == ("local/lib/python3.11/dist-packages", "lib/python3/dist-packages")
    assert found.interpreter.version == "3.11"


def test_a_windows_venv(tmp_path: Path) -> None:
    folders(tmp_path, "Lib/site-packages", "Scripts")
    (tmp_path / "pyvenv.cfg").write_text("version = 3.12.1\n")
    assert layout(tmp_path).sites == ("Lib/site-packages",)


def test_no_environment(tmp_path: Path) -> None:
    folders(tmp_path, "lib/python3.11", "src/lib/python3.11/site-packages")
    assert layout(tmp_path).sites == ()


def test_a_site_outside_is_not_followed(tmp_path: Path) -> None:
    folders(tmp_path, "outside", "env/lib/python3.11")
    (tmp_path / "env/lib/python3.11/site-packages").symlink_to(tmp_path / "outside")
    assert layout(tmp_path / "env").sites == ()


def test_a_configuration_that_never_ends(tmp_path: Path) -> None:
    make_venv(tmp_path)
    (tmp_path / "pyvenv.cfg").unlink()
    os.mkfifo(tmp_path / "pyvenv.cfg")
    assert layout(tmp_path).interpreter.version == "3.11"
