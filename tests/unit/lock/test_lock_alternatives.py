"""Wheels that machines newer than a target take instead of the selected one."""

from __future__ import annotations

import pytest

from mooring.lock.alternatives import alternatives, newest, ranks_of
from mooring.lock.model import Artifact, Package
from mooring.platforms import Platform, PythonVersion

PYTHON = PythonVersion(minor=11)


def wheel(tag: str) -> Artifact:
    name = f"pkg-1.0-{tag}.whl"
    return Artifact(kind="wheel", name=name, url=f"https://files.example.org/{name}")


def others(chosen: str, *tags: str, platform: str = "linux-64") -> list[str]:
    wheels = tuple(map(wheel, (chosen, *tags)))
    package = Package(name="pkg", version="1.0", wheels=wheels)
    ranks = ranks_of(newest(Platform.parse(platform)), PYTHON)
    found = alternatives(package, wheels[0], ranks)
    return [artifact.name.removeprefix("pkg-1.0-").removesuffix(".whl") for artifact in found]


@pytest.mark.parametrize(
    "tag",
    [
        "cp311-cp311-manylinux_2_34_x86_64",
        "cp311-cp311-manylinux_2_35_x86_64.manylinux_2_90_x86_64",
        "cp39-abi3-manylinux_2_39_x86_64",
    ],
)
def test_what_a_newer_machine_prefers(tag: str) -> None:
    assert others("py2.py3-none-any", tag) == [tag]


@pytest.mark.parametrize(
    "tag",
    [
        "py3-none-any",
        "cp311-cp311-manylinux_2_5_x86_64",
        "cp39-abi3-manylinux_2_39_x86_64",
        "cp312-cp312-manylinux_2_39_x86_64",
        "cp311-cp311-manylinux_2_39_aarch64",
        "cp311-cp311-musllinux_1_2_x86_64",
        "cp311-cp311-win_amd64",
    ],
)
def test_what_no_newer_machine_prefers(tag: str) -> None:
    assert others("cp311-cp311-manylinux_2_28_x86_64", tag) == []


def test_other_kinds_of_machines() -> None:
    musl = "linux-64-musl1.2"
    assert others("py3-none-any", "cp311-cp311-musllinux_1_5_x86_64", platform=musl)
    assert others("py3-none-any", "cp311-cp311-macosx_26_0_arm64", platform="osx-arm64")
    assert others("py3-none-any", "cp311-cp311-win_amd64", platform="win-64")


def test_an_sdist_has_none() -> None:
    sdist = Artifact(kind="sdist", name="pkg-1.0.tar.gz")
    package = Package(name="pkg", version="1.0", wheels=(wheel("py3-none-any"),), sdist=sdist)
    assert alternatives(package, sdist, ranks_of(Platform.parse("linux-64"), PYTHON)) == ()
