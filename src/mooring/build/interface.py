"""What a builder takes and gives; each builder is one implementation of `Builder`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mooring.build.recipe import Recipe
from mooring.reporting import Reporter


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextFile:
    """One file of the build context.

    Attributes:
        path: Relative to the context's root, with `/`.
        source: Where its bytes are on disk, or the bytes themselves.
        executable: Whether mode 0755 is sent instead of 0644.
    """

    path: str
    source: Path | bytes
    executable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildRequest:
    """One image for one platform.

    Attributes:
        tags: Full references to give the image besides the content tag.
        secrets: BuildKit secret id to the file that holds it; never part of the recipe.
        push: Whether the image must be in the registry afterwards.
        labels: Labels besides those of the Dockerfile (the recipe digest among them).
    """

    recipe: Recipe
    repository: str
    context: tuple[ContextFile, ...]
    tags: tuple[str, ...] = ()
    secrets: Mapping[str, Path]
    labels: tuple[tuple[str, str], ...] = ()
    push: bool = False
    network_host: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltImage:
    """An image that is there.

    Attributes:
        reference: Repository and content tag.
        image_id: The engine's id, `sha256:<hex>`.
        digest: Manifest digest in the registry, when it was pushed or found there.
        reused: Whether nothing was built because the content tag was there already.
    """

    reference: str
    image_id: str | None
    digest: str | None
    reused: bool
    tags: tuple[str, ...] = ()


class Builder(Protocol):
    """Turns a request into an image, or finds that it is there already."""

    name: str

    def build(self, request: BuildRequest, reporter: Reporter) -> BuiltImage:
        """Build the image unless its content tag exists.

        Raises:
            MooringError: The engine is absent or the build fails (exit code 3).
        """
