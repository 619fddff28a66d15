"""What pip-compile is given, and what it must not be asked for."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from mooring.errors import Problem, raise_problems
from mooring.files import write_files
from mooring.manifest.model import Manifest, Requirement
from mooring.platforms import Platform
from mooring.resolve.interface import ResolveRequest
from mooring.resolve.pypi.synthesise import normal_name
from mooring.resolve.pypi.worlds import python_span

BASE = "base.in"
CONSTRAINTS = "constraints.txt"
OUTPUT = "pinned.txt"

_HINT = 'set resolver = "uv", which can'


def refuse_what_it_cannot_do(request: ResolveRequest) -> None:
    """Say everything that is asked for and that pip-tools cannot do.

    Raises:
        InputProblems: There is something.
    """
    manifest = request.manifest
    here = Platform.current().subdir
    others = [str(platform) for platform in request.platforms if platform.subdir != here]
    version = ".".join(map(str, sys.version_info[:3]))
    runs = python_span(request.requires_python).contains(version)
    cannot = {
        f"resolve for {', '.join(others)}: it knows only the machine it runs on ({here})": others,
        f"resolve for Python {request.requires_python}: it runs on {version}": not runs,
        "override what others require": manifest.overrides,
        "bind packages to an index": any(index.explicit for index in manifest.indexes),
        "lock a URL": any(" @ " in r.text for r in every_requirement(manifest)),
        "work offline": request.offline,
    }
    where = str(manifest.path or manifest.root)
    raise_problems(
        Problem(where=where, message=f"pip-tools cannot {what}", hint=_HINT)
        for what, asked in cannot.items()
        if asked
    )


def extra_file(name: str) -> str:
    """Return the name of the file that holds the requirements of an extra."""
    return f"extra-{name}.in"


def group_file(name: str) -> str:
    """Return the name of the file that holds the requirements of a dependency group."""
    return f"group-{name}.in"


def inputs(manifest: Manifest) -> dict[str, Sequence[Requirement]]:
    """Return the file that is compiled for each selection, self-references replaced."""
    files = {BASE: manifest.dependencies}
    files |= {extra_file(name): listed for name, listed in manifest.extras}
    files |= {group_file(name): listed for name, listed in manifest.groups}
    return {name: _expanded(listed, manifest, frozenset()) for name, listed in files.items()}


def _expanded(
    requirements: Sequence[Requirement], manifest: Manifest, seen: frozenset[str]
) -> tuple[Requirement, ...]:
    """Replace `project[extra]` by what that extra requires: pip would look for the project."""
    own, extras = normal_name(manifest.name), dict(manifest.extras)
    found: list[Requirement] = []
    for requirement in requirements:
        asked = re.match(rf"{re.escape(own)}\[([^\]]+)\]", requirement.text)
        names = asked[1].split(",") if asked else []
        if not names or not set(names) <= extras.keys():
            found.append(requirement)
            continue
        for name in names:
            if name not in seen:
                found += _expanded(extras[name], manifest, seen | {name})
    return tuple(found)


def every_requirement(manifest: Manifest) -> tuple[Requirement, ...]:
    """Return every requirement that is compiled."""
    return tuple(r for listed in inputs(manifest).values() for r in listed)


def write_inputs(folder: Path, request: ResolveRequest) -> None:
    """Write the files that pip-compile reads; the pins to keep are its existing output."""
    contents = {
        name: [requirement.text for requirement in listed]
        for name, listed in inputs(request.manifest).items()
    }
    contents[CONSTRAINTS] = [r.text for r in request.manifest.constraints]
    previous = request.previous.packages if request.previous else ()
    contents[OUTPUT] = [f"{p.name}=={p.version}" for p in previous if p.version and not p.direct]
    write_files(
        {
            folder / name: "".join(f"{line}\n" for line in lines).encode("utf-8")
            for name, lines in contents.items()
        }
    )
