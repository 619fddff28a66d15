"""The declared inputs of a project with conda packages, as one explicit document.

It is the document of `mooring.lock.inputs` with one entry more, `conda`. Mirrors and environment
variables are not in it: they do not decide what a lock holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mooring.lock.input_changes import (
    Places,
    named_table_lines,
    requirement_lines,
    requirement_table_lines,
    scalar_line,
    table_of,
)
from mooring.lock.inputs import changes, inputs_digest, inputs_document
from mooring.manifest.conda import MAIN, CondaInputs, CondaRequirement
from mooring.manifest.conda_channels import channel_name
from mooring.manifest.model import Manifest

CONDA_INPUTS_SCHEMA = 1


def conda_inputs_document(manifest: Manifest) -> dict[str, object]:
    """Return everything declared that decides what a lock with conda packages holds."""
    document = inputs_document(manifest)
    if manifest.conda is not None:
        document["conda"] = _conda(manifest.conda)
    return document


def conda_changes(
    old: Mapping[str, object], new: Mapping[str, object], manifest: Manifest | None = None
) -> tuple[str, ...]:
    """Say which input changed, and how, one line each.

    Args:
        old: The document that a lock recorded; its content is not trusted.
        new: The document of what is declared now.
        manifest: Where `new` comes from; it lets a line name the file and place.

    Returns:
        Lines such as `conda.dependencies: added "numpy >=2" (environment.yml:9)`; empty exactly
        when the two documents have the same digest.
    """
    if "schema" not in old:
        return ("the lock records its inputs by no schema",)
    if inputs_digest(old) == inputs_digest(new):
        return ()
    before, after = table_of(old.get("conda")), table_of(new.get("conda"))
    if before.get("schema") != after.get("schema"):
        return ("the lock records what is declared of conda by another schema",)
    lines = [*changes(_rest(old), _rest(new), manifest)]
    places = _places(manifest.conda) if manifest and manifest.conda else {}
    lines += (f"conda.{line}" for line in _conda_lines(before, after, places))
    return tuple(lines) or ("the declared inputs changed",)


def _conda(inputs: CondaInputs) -> dict[str, object]:
    groups: dict[str, list[CondaRequirement]] = {}
    for requirement in inputs.requirements:
        groups.setdefault(requirement.category, []).append(requirement)
    virtual: dict[str, list[str]] = {}
    for subdir, package in inputs.virtual_packages:
        virtual.setdefault(subdir, []).append(package)
    return {
        "schema": CONDA_INPUTS_SCHEMA,
        "channels": [
            {"name": channel.name, "url": channel_name(channel.url)} for channel in inputs.channels
        ],
        "channel-priority": inputs.priority,
        "dependencies": _texts(groups.pop(MAIN, ())),
        "groups": {name: _texts(items) for name, items in sorted(groups.items())},
        "virtual-packages": {subdir: sorted(texts) for subdir, texts in sorted(virtual.items())},
    }


def _texts(requirements: Iterable[CondaRequirement]) -> list[str]:
    return sorted({_text(requirement) for requirement in requirements})


def _text(requirement: CondaRequirement) -> str:
    """Return a specification with the platforms that it is for."""
    if requirement.platforms is None:
        return requirement.text
    return f"{requirement.text}  # {', '.join(sorted(requirement.platforms))}"


def _rest(document: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in document.items() if key != "conda"}


def _conda_lines(
    old: Mapping[str, object], new: Mapping[str, object], places: Places
) -> Iterator[str]:
    yield from named_table_lines("channels", old.get("channels"), new.get("channels"))
    name = "channel-priority"
    yield from scalar_line(name, old.get(name), new.get(name))
    name = "dependencies"
    yield from requirement_lines(name, old.get(name), new.get(name), places)
    for name in ("groups", "virtual-packages"):
        tables = table_of(old.get(name)), table_of(new.get(name))
        yield from requirement_table_lines(name, *tables, places)


def _places(inputs: CondaInputs) -> dict[tuple[str, str], str]:
    """Return where each specification stands, by section and text."""
    return {
        (
            "dependencies" if requirement.category == MAIN else f"groups.{requirement.category}",
            _text(requirement),
        ): requirement.where
        for requirement in inputs.requirements
    }
