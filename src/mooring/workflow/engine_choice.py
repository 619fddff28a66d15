"""Which builder makes an image, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mooring.errors import InputError
from mooring.lock.model import Artifact, Selection
from mooring.manifest.model import EngineName, ImageSpec
from mooring.manifest.system import SystemBase
from mooring.oci.saved_names import is_saved_image
from mooring.render.locate import builtin_names

BuilderName = Literal["oci", "docker"]


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineChoice:
    """The builder that was chosen; `reason` is one line for people."""

    name: BuilderName
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChoiceInput:
    """What the choice depends on.

    Attributes:
        base: The base image as it is declared.
        engine_options: Options of the command that only an engine can obey.
        embedded_options: Options that only the embedded builder can obey.
    """

    spec: ImageSpec
    template: str
    selections: Sequence[Selection]
    base: str | None = None
    engine_options: tuple[str, ...] = ()
    embedded_options: tuple[str, ...] = ()


def choose_engine(wanted: EngineName, asked: ChoiceInput) -> EngineChoice:
    """Choose the builder; `auto` takes the embedded one unless something needs an engine.

    Raises:
        InputError: The wanted builder cannot make the image, or none can.
    """
    needs_engine, needs_embedded = tuple(_needs_engine(asked)), tuple(_needs_embedded(asked))
    if wanted == "oci" and needs_engine:
        raise _cannot("the embedded builder", needs_engine, "docker")
    if wanted == "docker" and needs_embedded:
        raise _cannot("an engine", needs_embedded, "oci")
    if wanted == "auto" and needs_engine and needs_embedded:
        raise InputError(
            "no builder can make this image:\n"
            + "\n".join(f"  {reason}" for reason in (*needs_engine, *needs_embedded)),
            where="image",
        )
    if wanted == "auto":
        if needs_engine:
            return EngineChoice(name="docker", reason=needs_engine[0])
        return EngineChoice(name="oci", reason="nothing in it needs an engine")
    return EngineChoice(name=wanted, reason="as asked")


def _cannot(who: str, reasons: Sequence[str], other: str) -> InputError:
    return InputError(
        f"{who} cannot make this image: " + "; ".join(reasons),
        where="--engine",
        hint=f"use --engine {other}, or leave the choice to auto",
    )


def _needs_engine(asked: ChoiceInput) -> Iterator[str]:
    """Yield why commands must run while the image is built."""
    if asked.template not in builtin_names():
        yield f"the template {asked.template} may run commands"
    built = sorted(
        selected.package.name
        for selection in asked.selections
        for selected in selection.packages
        if not is_wheel(selected.artifact)
    )
    if built:
        names = ", ".join(dict.fromkeys(built))
        yield f"{names} must be built from source"
    for option in asked.engine_options:
        yield f"{option} is for the steps of an engine"


def _needs_embedded(asked: ChoiceInput) -> Iterator[str]:
    if asked.base is not None and is_saved_image(asked.base):
        yield f"the base {asked.base} lies in files, no engine knows it"
    if asked.base is not None and SystemBase.parse(asked.base):
        yield f"the base {asked.base} is assembled from packages, no engine knows it"
    if len(asked.selections) > 1:
        yield "several platforms in one run are for the embedded builder"
    for option in asked.embedded_options:
        yield f"{option} is an option of the embedded builder"


def is_wheel(artifact: Artifact) -> bool:
    """Return whether an artifact is installed without being built."""
    if artifact.kind == "archive":
        return artifact.name.endswith(".whl")
    return artifact.kind == "wheel"
