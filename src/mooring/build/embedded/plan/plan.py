"""Which layers an image has on top of its base, decided before anything is fetched or opened."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from mooring.build.embedded.bases.links import resolve
from mooring.build.embedded.interface import (
    BaseScan,
    EmbeddedBuildError,
    Entry,
    LayerPlan,
    Place,
)
from mooring.build.embedded.plan.account import account_entries
from mooring.build.embedded.plan.artifact_layers import artifact_layer, bytecode_layer
from mooring.build.embedded.plan.groups import Grouping, LayerBudget, groupings
from mooring.build.embedded.plan.project import (
    absolute,
    check_places,
    place_paths,
    project_entries,
)
from mooring.build.embedded.plan.request import PlanRequest, layer_key, surroundings
from mooring.build.embedded.plan.skeleton import skeleton_entries
from mooring.build.interface import ContextFile
from mooring.digests import digest_bytes
from mooring.reporting import SILENT, Reporter

__all__ = ["LayerBudget", "PlanRequest", "plan_layers"]


def plan_layers(request: PlanRequest, reporter: Reporter = SILENT) -> tuple[LayerPlan, ...]:
    """Return the layers of an image above those of its base, lowest first.

    What changes least comes first, because engines share layers by the chain below them: account,
    empty environment, each big artifact, the byte code of each, all other artifacts, their byte
    code, the project. Nothing is fetched or opened here.

    Args:
        request: What decides the layers.
        reporter: Told when the base leaves too little room.

    Raises:
        InputError: The user, the working folder or a project file does not fit the base.
        EmbeddedBuildError: The base has an environment there already, or too many layers.
    """
    place, scan = request.place, request.scan
    _require_free(place, scan)
    check_places(request.files, request.workdir, scan=scan, root=place.root)
    first = [*_account(request), _skeleton(request)]
    last = [*request.further, *_project(request)]
    room = request.budget.layers - request.base_layers - len(first + last)
    artifacts = _artifacts(request, room)
    if artifacts is None:
        raise EmbeddedBuildError(
            f"the base has {request.base_layers} layers, and an image may have "
            f"{request.budget.layers}",
            hint="use a base with fewer layers",
        )
    plans, crowded = artifacts
    if crowded:
        reporter.note(
            f"the base has {request.base_layers} of at most {request.budget.layers} layers: "
            f"big artifacts without a layer of their own: {crowded}"
        )
    return (*first, *plans, *last)


def _require_free(place: Place, scan: BaseScan) -> None:
    home = resolve(scan, place.root)
    inner = next((p for p in (*scan.directories, *scan.links) if p.startswith(f"{home}/")), None)
    if inner is not None:
        raise EmbeddedBuildError(
            f"the base image has an environment at {place.root} already: {inner}",
            hint="use a base without one; files of both would be mixed",
        )


def _account(request: PlanRequest) -> Iterator[LayerPlan]:
    entries = account_entries(request.user, request.scan)
    if entries:
        yield LayerPlan(
            title=f"the account {request.user}",
            key=layer_key(
                "account",
                surroundings(request.scan, [entry.path for entry in entries]),
                entries=[
                    [each.path, each.kind, each.mode, each.uid, each.gid, _content(each)]
                    for each in entries
                ],
            ),
            entries=partial(_given, entries),
        )


def _skeleton(request: PlanRequest) -> LayerPlan:
    place = request.place
    entries = skeleton_entries(place, request.version)
    return LayerPlan(
        title=f"an empty environment for Python {request.version or place.python}",
        key=layer_key(
            "skeleton",
            surroundings(request.scan, [place.site_packages]),
            entries=[[each.path, each.kind, each.target, _content(each)] for each in entries],
        ),
        entries=partial(_given, entries),
    )


def _artifacts(request: PlanRequest, room: int) -> tuple[list[LayerPlan], int] | None:
    """Return the layers of all artifacts, and how many big ones have to share; None: no room."""
    for grouping in groupings(request.selection.packages, request.budget):
        plans = list(_artifact_plans(request, grouping))
        if len(plans) <= room:
            return plans, grouping.crowded
    return None


def _artifact_plans(request: PlanRequest, grouping: Grouping) -> Iterator[LayerPlan]:
    for groups in ([(each,) for each in grouping.alone], grouping.shared):
        for group in groups:
            yield artifact_layer(request, group)
        if request.compiler is not None:
            for group in groups:
                yield bytecode_layer(request, group, request.compiler)


def _project(request: PlanRequest) -> Iterator[LayerPlan]:
    rows = [[file.path, file.executable, _digest_of(request, file)] for file in request.files]
    entries = partial(
        project_entries,
        request.files,
        request.workdir,
        scan=request.scan,
        digests=request.digests,
    )
    made = place_paths(request.files, request.workdir, request.scan)
    if made:
        yield LayerPlan(
            title="the project's files" if rows else f"the folder {request.workdir}",
            key=layer_key(
                "project",
                surroundings(request.scan, made),
                workdir=absolute(request.workdir),
                files=sorted(rows),
            ),
            entries=partial(_later, entries),
        )


@contextlib.contextmanager
def _given(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    yield entries


@contextlib.contextmanager
def _later(entries: Callable[[], Sequence[Entry]]) -> Iterator[Sequence[Entry]]:
    yield entries()


def _digest_of(request: PlanRequest, file: ContextFile) -> str:
    try:
        return request.digests[file.path]
    except KeyError:
        raise EmbeddedBuildError("the file has no digest", where=file.path) from None


def _content(entry: Entry) -> str:
    if entry.open is None:
        return ""
    with entry.open() as stream:
        return digest_bytes(stream.read())
