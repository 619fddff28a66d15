"""The embedded builder's recipe: what moves the tag, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mooring.build.embedded.recipe import EmbeddedRecipe, index_digest
from mooring.build.recipe import HashedFile, content_tag
from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.manifest.model import ImageSpec
from mooring.platforms import Platform, PythonVersion


def selection(platform: str = "linux-64", wheel: str = "a" * 64) -> Selection:
    artifact = Artifact(
        kind="wheel", name="one-1.0-py3-none-any.whl", hashes=(("sha256", wheel),), url="https://x/"
    )
    package = Package(name="one", version="1.0", wheels=(artifact,))
    return Selection(
        platform=Platform.parse(platform),
        python=PythonVersion(minor=12),
        extras=(),
        groups=(),
        packages=(Selected(package=package, artifact=artifact),),
    )


RECIPE = EmbeddedRecipe(
    selection=selection(),
    base="sha256:" + "b" * 64,
    spec=ImageSpec(entrypoint=("python",)),
    labels=(("a", "1"),),
    files=(HashedFile(path="src/a.py", executable=False, digest="sha256:" + "c" * 64),),
    epoch=315532800,
    bytecode=True,
)


def test_the_digest_is_the_one_it_always_was() -> None:
    # Another value means that every image gets another tag: that is a changelog entry.
    assert RECIPE.content_tag == "moor-bbcf804da773403b"


@pytest.mark.parametrize(
    "other",
    [
        replace(RECIPE, base="sha256:" + "d" * 64),
        replace(RECIPE, selection=selection(wheel="e" * 64)),
        replace(RECIPE, selection=selection("linux-aarch64")),
        replace(RECIPE, spec=ImageSpec(entrypoint=("python",), user="0:0")),
        replace(RECIPE, spec=ImageSpec(entrypoint=("python",), env=(("A", "1"),))),
        replace(RECIPE, spec=ImageSpec(entrypoint=("python",), workdir="/srv")),
        replace(RECIPE, spec=ImageSpec(entrypoint=("python",), ports=(80,))),
        replace(RECIPE, spec=ImageSpec(entrypoint=("python",), cmd=("x",))),
        replace(RECIPE, spec=ImageSpec(entrypoint=("python",), healthcheck=("x",))),
        replace(RECIPE, spec=ImageSpec(entrypoint=("python", "-I"))),
        replace(RECIPE, labels=()),
        replace(RECIPE, files=()),
        replace(RECIPE, epoch=1),
        replace(RECIPE, bytecode=False),
    ],
)
def test_what_decides_the_image_moves_the_tag(other: EmbeddedRecipe) -> None:
    assert other.digest != RECIPE.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(RECIPE, selection=selection("linux-64-glibc2.34")),
        replace(RECIPE, spec=replace(RECIPE.spec, repository="example.com/other")),
        replace(RECIPE, spec=replace(RECIPE.spec, smoke=("true",))),
        replace(RECIPE, spec=replace(RECIPE.spec, files=("elsewhere",))),
    ],
)
def test_what_does_not_decide_the_image_leaves_the_tag(other: EmbeddedRecipe) -> None:
    assert other.digest == RECIPE.digest


def test_an_image_alone_has_the_same_tag_as_without_an_index() -> None:
    assert index_digest([RECIPE]) == RECIPE.digest


def test_the_order_of_platforms_does_not_move_the_tag_of_an_index() -> None:
    arm = replace(RECIPE, selection=selection("linux-aarch64"))
    both = index_digest([RECIPE, arm])
    assert both == index_digest([arm, RECIPE])
    assert content_tag(both) not in (RECIPE.content_tag, arm.content_tag)
