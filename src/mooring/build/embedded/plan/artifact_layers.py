"""The layers that hold artifacts, and those that hold their byte code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from mooring.build.embedded.bytecode.bytecode import BYTECODE_FORMAT, bytecode_of_all
from mooring.build.embedded.bytecode.compilers import Compiler
from mooring.build.embedded.interface import Entry, LayerPlan
from mooring.build.embedded.plan.request import PlanRequest, layer_key, surroundings
from mooring.build.embedded.wheels.entries import entries_of
from mooring.build.embedded.wheels.wheel import Wheel, open_wheel
from mooring.digests import canonical_json
from mooring.lock.model import Selected


def artifact_layer(request: PlanRequest, group: Sequence[Selected]) -> LayerPlan:
    """Return the layer of the files of some artifacts."""
    place = request.place
    return LayerPlan(
        title=_title(group),
        key=layer_key(
            "artifacts",
            surroundings(request.scan, [place.site_packages]),
            root=place.root,
            python=place.python.short,
            artifacts=_identities(group),
        ),
        entries=partial(_artifact_entries, request, group),
    )


def bytecode_layer(
    request: PlanRequest, group: Sequence[Selected], compiler: Compiler
) -> LayerPlan:
    """Return the layer of the byte code of some artifacts.

    It is a layer of its own: the files stay the same when the base's Python gets a patch release,
    and on machines that have no such Python.
    """
    place = request.place
    return LayerPlan(
        title=f"byte code of {_title(group)}",
        key=layer_key(
            "bytecode",
            surroundings(request.scan, [place.site_packages]),
            root=place.root,
            format=BYTECODE_FORMAT,
            python=str(compiler.version),
            artifacts=_identities(group),
        ),
        entries=partial(_bytecode_entries, request, group, compiler),
    )


@contextlib.contextmanager
def _artifact_entries(request: PlanRequest, group: Sequence[Selected]) -> Iterator[Sequence[Entry]]:
    files = request.fetch(group)
    with contextlib.ExitStack() as stack:
        found: dict[str, Entry] = {}
        for each in group:
            wheel = stack.enter_context(_opened(each, files))
            for entry in entries_of(wheel, request.place, direct_url=direct_url(each)):
                # Those of one path are equal, or `conflicts` would have refused them.
                found.setdefault(entry.path, entry)
        yield [found[path] for path in sorted(found)]


@contextlib.contextmanager
def _bytecode_entries(
    request: PlanRequest, group: Sequence[Selected], compiler: Compiler
) -> Iterator[Sequence[Entry]]:
    files = request.fetch(group)
    found: dict[str, Entry] = {}
    for entries in bytecode_of_all(group, files, request.place, compiler):
        for entry in entries:
            found.setdefault(entry.path, entry)
    yield [found[path] for path in sorted(found)]


def direct_url(selected: Selected) -> bytes | None:
    """Return direct_url.json (PEP 610) of an artifact that came from no index, else None."""
    artifact = selected.artifact
    if artifact.kind != "archive":
        return None
    document: dict[str, object] = {
        "archive_info": {"hashes": {"sha256": artifact.sha256}},
        # Where the project was when the lock was made is nothing that an image should know.
        "url": artifact.url or f"file:///{artifact.path or artifact.name}",
    }
    return canonical_json(document)


def _identities(group: Sequence[Selected]) -> list[list[str]]:
    return sorted(
        [each.artifact.sha256 or "", (direct_url(each) or b"").decode()] for each in group
    )


def _title(group: Sequence[Selected]) -> str:
    first = group[0].package
    name = f"{first.name} {first.version or ''}".strip()
    return name if len(group) == 1 else f"{name} and {len(group) - 1} more"


def _opened(each: Selected, files: Mapping[str, Path]) -> AbstractContextManager[Wheel]:
    package = each.package
    return open_wheel(
        files[package.name],
        name=package.name,
        version=package.version or "",
        sha256=each.artifact.sha256 or "",
    )
