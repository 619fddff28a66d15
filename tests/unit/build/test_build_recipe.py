from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from mooring.build.recipe import HashedFile, Recipe
from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.platforms import Platform, PythonVersion

DIGEST = "sha256:" + "a" * 64


def selected(name: str, version: str, sha256: str, *, marker: str | None = None) -> Selected:
    artifact = Artifact(
        kind="wheel",
        name=f"{name}-{version}-py3-none-any.whl",
        url=f"https://packages.example.org/{name}.whl",
        hashes=(("sha256", sha256),),
    )
    package = Package(name=name, version=version, marker=marker, wheels=(artifact,))
    return Selected(package=package, artifact=artifact)


ONE, TWO = selected("alpha", "1.0", "1" * 64), selected("beta", "2.0", "2" * 64)
SELECTION = Selection(
    platform=Platform.parse("linux-64"),
    python=PythonVersion(minor=12),
    extras=(),
    groups=(),
    packages=(ONE, TWO),
)
RECIPE = Recipe(
    builder="docker",
    selection=SELECTION,
    base=DIGEST,
    dockerfile="sha256:" + "b" * 64,
    build_args=(("A", "1"), ("B", "2")),
    context=(
        HashedFile(path="Dockerfile", executable=False, digest="sha256:" + "b" * 64),
        HashedFile(path="src/app.py", executable=False, digest="sha256:" + "c" * 64),
    ),
    epoch=1767225600,
)


def test_golden_digest() -> None:
    # A change of this digest rebuilds every image of every user: it belongs into the changelog.
    assert RECIPE.digest == (
        "sha256:006e36c2ca981c62563f58459b7266126f8a7e8d02d5fbfc30637daed70d6be7"
    )
    assert RECIPE.content_tag == "moor-" + RECIPE.digest[len("sha256:") :][:16]


def select(**changes: object) -> Recipe:
    return dataclasses.replace(
        RECIPE,
        selection=dataclasses.replace(SELECTION, **changes),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "same",
    [
        lambda: select(packages=(TWO, ONE)),
        lambda: select(platform=Platform.parse("linux-64-glibc2.31")),
        lambda: select(groups=("dev",), extras=("x",)),
        lambda: select(packages=(selected("alpha", "1.0", "1" * 64, marker="'a' in extras"), TWO)),
        lambda: dataclasses.replace(RECIPE, context=RECIPE.context[::-1]),
        lambda: dataclasses.replace(RECIPE, build_args=RECIPE.build_args[::-1]),
    ],
)
def test_what_does_not_decide_the_image(same: Callable[[], Recipe]) -> None:
    assert same().digest == RECIPE.digest


@pytest.mark.parametrize(
    "other",
    [
        lambda: select(packages=(ONE,)),
        lambda: select(packages=(ONE, selected("beta", "2.0", "3" * 64))),
        lambda: select(packages=(ONE, selected("beta", "2.1", "2" * 64))),
        lambda: select(platform=Platform.parse("linux-aarch64")),
        lambda: select(python=PythonVersion(minor=13)),
        lambda: dataclasses.replace(RECIPE, builder="oci"),
        lambda: dataclasses.replace(RECIPE, base="sha256:" + "d" * 64),
        lambda: dataclasses.replace(RECIPE, dockerfile="sha256:" + "d" * 64),
        lambda: dataclasses.replace(RECIPE, build_args=(("A", "1"), ("B", "3"))),
        lambda: dataclasses.replace(RECIPE, context=RECIPE.context[:1]),
        lambda: dataclasses.replace(
            RECIPE, context=(dataclasses.replace(RECIPE.context[0], executable=True),)
        ),
        lambda: dataclasses.replace(RECIPE, epoch=0),
    ],
)
def test_what_decides_the_image(other: Callable[[], Recipe]) -> None:
    assert other().digest != RECIPE.digest
