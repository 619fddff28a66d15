"""What pip-compile wrote: versions, and in annotations what needs them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mooring.manifest.model import Manifest
from mooring.resolve.interface import ResolveError
from mooring.resolve.pip_tools.inputs import BASE, extra_file, group_file
from mooring.resolve.pypi.synthesise import normal_name
from mooring.resolve.pypi.uv_lock import Edge, Solution, SolvedPackage, Source

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+).*?\s# via (?P<via>.+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """One pinned package.

    Attributes:
        name: Normalised name.
        via: Names of the packages that need it, and inputs written `-r file`.
    """

    name: str
    version: str
    via: tuple[str, ...]


def read_pins(text: str) -> tuple[Pin, ...]:
    """Read pip-compile's output, whose annotations are on the lines of the pins.

    Raises:
        ResolveError: A line is something else.
    """
    pins = []
    for line in text.splitlines():
        if match := _PIN.fullmatch(line):
            via = tuple(part.strip() for part in match["via"].split(","))
            pins.append(Pin(name=normal_name(match["name"]), version=match["version"], via=via))
        elif line.strip() and not line.startswith(("#", "--")):
            raise ResolveError(f"pip-compile wrote a line that Mooring does not know: {line!r}")
    return tuple(pins)


def solution_of(
    manifest: Manifest, pins: Iterable[Pin], packages: Mapping[str, SolvedPackage]
) -> Solution:
    """Turn the annotations round, from "needed by" to what each one needs.

    Args:
        manifest: What was compiled.
        pins: What came out.
        packages: Each pinned package with its files, by name.
    """
    needs: dict[str, tuple[Edge, ...]] = {}
    for pin in pins:
        edge = Edge(name=pin.name, version=None, source=None, marker=None, extras=())
        for by in pin.via:
            key = by if by.startswith("-") else normal_name(by)
            needs[key] = (*needs.get(key, ()), edge)
    project = SolvedPackage(
        name="",
        version=None,
        source=Source(kind="virtual", value="."),
        dependencies=needs.get(f"-r {BASE}", ()),
        extras={name: needs.get(f"-r {extra_file(name)}", ()) for name, _ in manifest.extras},
        groups={name: needs.get(f"-r {group_file(name)}", ()) for name, _ in manifest.groups},
        wheels=(),
        sdist=None,
    )
    found = (
        replace(package, dependencies=needs.get(name, ())) for name, package in packages.items()
    )
    return Solution(packages=(*found, project), project=project)
