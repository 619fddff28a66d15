"""The recipe of an image with conda packages: that of its Dockerfile, and the locked archives."""

from __future__ import annotations

from dataclasses import dataclass

from mooring.build.recipe import Recipe
from mooring.lock.conda import CondaPackage

CONDA_SCHEMA = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaRecipe(Recipe):
    """Everything that decides an image with conda packages for one platform.

    Attributes:
        conda: The locked archives; `selection` holds what comes from PyPI.
    """

    conda: tuple[CondaPackage, ...] = ()

    def document(self) -> dict[str, object]:
        """Return the document that is hashed; see docs/reference/content-tag.md."""
        rows = sorted(
            [each.name, each.version, each.build, each.subdir, each.file_name, _digest(each)]
            for each in self.conda
        )
        # Slots make a new class, of which `super()` without arguments knows nothing.
        return Recipe.document(self) | {"conda-schema": CONDA_SCHEMA, "conda": rows}


def _digest(package: CondaPackage) -> str:
    if package.sha256:
        return f"sha256:{package.sha256}"
    return f"md5:{package.md5}" if package.md5 else ""
