from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, loaded

from mooring.manifest.model import ImageSpec
from mooring.manifest.system import SystemBase, is_package_name


@pytest.mark.parametrize("text", ["debian:bookworm", "ubuntu:noble"])
def test_a_release_is_a_base_of_packages(text: str) -> None:
    base = SystemBase.parse(text)
    assert base is not None
    assert str(base) == text


@pytest.mark.parametrize(
    "text",
    [
        "debian",
        "debian:12",
        "debian:bookworm-slim",
        "debian:Bookworm",
        "debian:latest",
        "debian:stable",
        "debian:oldstable",
        "debian:testing",
        "debian:unstable",
        "debian:sid",
        "debian:experimental",
        "ubuntu:rolling",
        "ubuntu:devel",
        "docker.io/library/debian:bookworm",
        "debian:bookworm@sha256:" + "0" * 64,
        "fedora:rawhide",
        "debian:bookworm\n",
        " debian:bookworm",
    ],
)
def test_everything_else_is_an_image(text: str) -> None:
    assert SystemBase.parse(text) is None


def test_package_names() -> None:
    assert all(map(is_package_name, ["libgomp1", "libstdc++6", "g++-12", "0ad", "a.b"]))
    wrong = ["", "a", "-x", "libX", "lib gomp", "a=1", "a:arm64", "a/b", "a\n", "../x", "a" * 200]
    assert not any(map(is_package_name, wrong))


BASE = "dependencies = []\n[image]\n"


def image(tmp_path: Path, text: str) -> ImageSpec:
    found = loaded(tmp_path, {"mooring.toml": f"{BASE}{text}\n"}).image
    assert found is not None
    return found


def test_system_packages_are_read(tmp_path: Path) -> None:
    found = image(tmp_path, 'base = "debian:bookworm"\nsystem = ["libgomp1", "git"]\n')
    assert found.system == ("libgomp1", "git")
    assert image(tmp_path, 'base = "debian:bookworm"\n').system == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('base = "python:3.12-slim"\nsystem = ["git"]', "need a base that is assembled"),
        ('base = "docker.io/library/debian:bookworm"\nsystem = []', "need a base"),
        ('system = ["git"]', "need a base"),
        ('base = "debian:bookworm"\nsystem = ["git=1:2.39"]', "'git=1:2.39' is not a package"),
        ('base = "debian:bookworm"\nsystem = ["git", "git"]', "listed twice"),
        ('base = "debian:bookworm"\nsystem = "git"', "expected a list"),
        ('base = "debian:bookworm"\nsystem = [1]', "expected a string"),
    ],
)
def test_wrong_system_packages_are_problems(tmp_path: Path, text: str, message: str) -> None:
    (found,) = complaints(tmp_path, {"mooring.toml": f"{BASE}{text}\n"})
    assert message in found
    assert "image.system" in found
