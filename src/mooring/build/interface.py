"""What a builder takes and gives; each builder is one implementation of `Builder`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mooring.build.recipe import Recipe
from mooring.render.interface import BaseImage
from mooring.reporting import Reporter

RECIPE_LABEL = "dev.mooring.recipe-digest"
"""The image label that holds the whole recipe digest; the tag has its first digits only."""


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
class SmokeResult:
    """What a fresh image showed when it was run.

    Attributes:
        python: Version of its interpreter, X.Y.Z.
        distributions: How many it can import metadata of.
        command: The declared command that ended with 0; empty when none is declared.
        notes: What is odd but no failure.
    """

    python: str
    distributions: int
    command: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildRequest:
    """One image for one platform.

    Attributes:
        context: Every file that is sent, `Dockerfile` among them.
        tags: Tags to give the image besides the content tag: `latest`, or whole references in
            the same repository.
        secrets: BuildKit secret id to the file that holds it; never part of the recipe.
        push: Whether the image must be in the registry afterwards.
        labels: Labels besides those of the Dockerfile; the recipe digest is added.
        base: The base image of the Dockerfile; a local one is checked to be the same still.
        smoke: Command that must end with 0 in the fresh image; empty runs the interpreter and
            checks the dependencies only, None does not run the image at all.
        overridden: Normalised names of the packages whose requirements the manifest overrides:
            what other packages ask of them does not count in that check.
    """

    recipe: Recipe
    repository: str
    context: tuple[ContextFile, ...]
    tags: tuple[str, ...] = ()
    secrets: Mapping[str, Path]
    labels: tuple[tuple[str, str], ...] = ()
    push: bool = False
    network_host: bool = False
    base: BaseImage | None = None
    smoke: tuple[str, ...] | None = ()
    overridden: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltImage:
    """An image that is there.

    Attributes:
        reference: Repository and content tag.
        image_id: The engine's id, `sha256:<hex>`.
        digest: Of the manifest or index, when it is in a registry or an OCI layout.
        recipe_digest: What decides it, `sha256:<hex>`.
        reused: Whether nothing was built because the content tag was there already.
        pushed: Whether it had to be sent to the registry, which lacked it.
        registry: Whether the registry has it, sent now or before.
        smoke: What the fresh image showed; None for one that was there, or cannot run here.
        places: Where else it is, such as `oci:DIR:TAG`.
    """

    reference: str
    image_id: str | None
    digest: str | None
    recipe_digest: str
    reused: bool
    pushed: bool = False
    registry: bool = False
    tags: tuple[str, ...] = ()
    smoke: SmokeResult | None = None
    places: tuple[str, ...] = ()


class Builder(Protocol):
    """Turns a request into an image, or finds that it is there already."""

    name: str

    def build(self, request: BuildRequest, reporter: Reporter) -> BuiltImage:
        """Build the image unless its content tag exists.

        Raises:
            MooringError: The engine is absent or the build fails (exit code 3).
        """
