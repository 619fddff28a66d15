"""The recipe of an image with conda packages: what moves its tag, and what does not."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.render.conda_making import lock_for, package

from mooring.build.conda_recipe import CondaRecipe
from mooring.build.recipe import Recipe
from mooring.lock.conda import select_conda
from mooring.lock.conda_pypi import pypi_selection

LOCK = lock_for(("linux-64",), "rich")
SELECTION = select_conda(LOCK, LOCK.platforms[0])
RECIPE = CondaRecipe(
    builder="docker",
    selection=pypi_selection(SELECTION),
    base="sha256:" + "5" * 64,
    dockerfile="sha256:" + "6" * 64,
    conda=SELECTION.packages,
)
GOLDEN = "sha256:ce368a6ad42c760b516010da93e6957cb5c061c74472a0dd3c5c5bb39376e1c9"


def test_the_digest_does_not_move_by_itself() -> None:
    """Golden: another value rebuilds images, and is an entry in the changelog."""
    assert RECIPE.digest == GOLDEN


def test_archives_decide_it_and_their_order_does_not() -> None:
    assert replace(RECIPE, conda=RECIPE.conda[::-1]).digest == RECIPE.digest
    other = replace(RECIPE, conda=(*RECIPE.conda, package("more")))
    assert other.digest != RECIPE.digest
    rebuilt = tuple(replace(each, sha256="9" * 64) for each in RECIPE.conda)
    assert replace(RECIPE, conda=rebuilt).digest != RECIPE.digest


def test_it_is_another_document_than_without_conda() -> None:
    document = replace(RECIPE, conda=()).document()
    plain = Recipe(
        builder="docker",
        selection=RECIPE.selection,
        base=RECIPE.base,
        dockerfile=RECIPE.dockerfile,
    )
    assert document.keys() - plain.document().keys() == {"conda-schema", "conda"}
    assert document["artifacts"] == plain.document()["artifacts"]
    assert RECIPE.content_tag.startswith("moor-")
