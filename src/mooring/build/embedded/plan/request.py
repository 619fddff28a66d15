"""What a plan of layers is made of, and what of a base decides the bytes of a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mooring.build.embedded.bases.links import resolve
from mooring.build.embedded.bytecode.compilers import Compiler
from mooring.build.embedded.interface import BaseScan, LayerPlan, Place
from mooring.build.embedded.plan.groups import DEFAULT_BUDGET, LayerBudget
from mooring.build.embedded.plan.project import parents
from mooring.build.interface import ContextFile
from mooring.lock.model import Selected, Selection

KEY_SCHEMA = 1

Fetch = Callable[[Sequence[Selected]], Mapping[str, Path]]
"""Gives the files of artifacts by package name, fetched and compared with the lock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanRequest:
    """Everything that decides the layers of an image.

    Attributes:
        selection: The artifacts; all are wheels with a SHA-256.
        version: X.Y.Z of the base's interpreter, where it is known.
        scan: Of the base.
        base_layers: How many layers the base has.
        user, workdir: As declared.
        files: The project's files.
        digests: Of the project's files, by their path.
        fetch: Called only when a layer with artifacts has to be written.
        compiler: Compiles byte code; None for an image without.
        further: Layers of others, between the environment and the project.
    """

    selection: Selection
    place: Place
    version: str | None
    scan: BaseScan
    base_layers: int
    user: str
    workdir: str
    files: Sequence[ContextFile]
    digests: Mapping[str, str]
    fetch: Fetch
    compiler: Compiler | None = None
    further: tuple[LayerPlan, ...] = ()
    budget: LayerBudget = DEFAULT_BUDGET


def surroundings(scan: BaseScan, paths: Iterable[str]) -> dict[str, object]:
    """Return how a base changes the bytes of a layer that has these paths.

    Two bases whose links and folders look alike from there share the layer.

    Returns:
        Where each path ends when the base's links are followed, if that is elsewhere, and the
        folders above them that the base lacks.
    """
    places = {path: resolve(scan, path) for path in paths}
    above = {folder for place in places.values() for folder in parents(place)}
    return {
        "links": {path: place for path, place in sorted(places.items()) if path != place},
        "folders": sorted(above - scan.directories.keys()),
    }


def layer_key(kind: str, around: Mapping[str, object], **facts: object) -> dict[str, object]:
    """Return the key of a layer: its kind, how the base is around it, and the facts of it."""
    return {"schema": KEY_SCHEMA, "kind": kind, **around, **facts}
