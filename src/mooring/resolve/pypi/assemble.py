"""From uv's solution to the lock: packages with their markers, edges and artifacts."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from mooring.lock.formats.pylock_rules import url_file_name
from mooring.lock.model import Artifact, ArtifactKind, Dependency, Lock, Package
from mooring.manifest.model import DEFAULT_ENVIRONMENT
from mooring.resolve.interface import ResolveError, ResolveRequest
from mooring.resolve.pypi.direct import direct_artifact, hash_pair
from mooring.resolve.pypi.marker_text import MarkerText
from mooring.resolve.pypi.reachability import reach
from mooring.resolve.pypi.uv_lock import Solution, SolvedFile, SolvedPackage
from mooring.resolve.pypi.wheels import serves
from mooring.resolve.pypi.worlds import Worlds, python_minors
from mooring.urls import redact, strip_credentials

CREATED_BY = "mooring"

_FRACTION = re.compile(r"\.\d+")


def assemble(solution: Solution, request: ResolveRequest, folder: Path) -> Lock:
    """Make the lock; what is needed in no world is left out.

    Args:
        solution: What uv resolved.
        request: What was asked for.
        folder: Where uv ran, for its relative paths.

    Raises:
        ResolveError: An index serves what no lock can hold.
        InputError: A package comes from a place outside of the project.
    """
    manifest = request.manifest
    extras = sorted(name for name, _ in manifest.extras)
    groups = sorted(name for name, _ in manifest.groups)
    worlds = Worlds(request.platforms, request.requires_python, solution.markers())
    reached = reach(solution, worlds, extras, groups)
    counts = Counter(node.package.name for node in reached)
    text = MarkerText(worlds)
    minors = python_minors(request.requires_python)
    packages = []
    for node in reached:
        package = node.package
        registry = package.source.kind == "registry"
        packages.append(
            Package(
                name=package.name,
                version=package.version,
                marker=text.of_package(node),
                index=_index(package) if registry else None,
                dependencies=_dependencies(node.dependencies, counts),
                wheels=_wheels(package, minors) if registry else (),
                sdist=_sdist(package) if registry else None,
                direct=None
                if registry
                else direct_artifact(package, folder=folder, root=manifest.root),
            )
        )
    default = manifest.environment(DEFAULT_ENVIRONMENT)
    return Lock(
        created_by=CREATED_BY,
        requires_python=request.requires_python,
        environments=tuple(platform.marker for platform in worlds.platforms),
        extras=tuple(extras),
        groups=tuple(groups),
        default_groups=tuple(sorted(default.groups)) if default else (),
        packages=tuple(sorted(packages, key=lambda p: (p.name, p.version or "", p.index or ""))),
    )


def _dependencies(
    needed: tuple[SolvedPackage, ...], counts: Counter[str]
) -> tuple[Dependency, ...]:
    edges = {
        Dependency(name=each.name, version=each.version if counts[each.name] > 1 else None)
        for each in needed
    }
    return tuple(sorted(edges, key=lambda edge: (edge.name, edge.version or "")))


def _index(package: SolvedPackage) -> str:
    url = strip_credentials(package.source.value)
    if not url.startswith(("https://", "http://")):
        raise ResolveError(
            f"{package.name} comes from an index that is a folder of this machine: {redact(url)}",
            hint="serve the folder over http, so that other machines can use the lock",
        )
    return url


def _wheels(package: SolvedPackage, minors: frozenset[int]) -> tuple[Artifact, ...]:
    wheels = (_artifact(package, file, "wheel") for file in package.wheels)
    fitting = (wheel for wheel in wheels if serves(wheel.name, minors))
    return tuple(sorted(fitting, key=lambda wheel: wheel.name))


def _sdist(package: SolvedPackage) -> Artifact | None:
    return _artifact(package, package.sdist, "sdist") if package.sdist else None


def _artifact(package: SolvedPackage, file: SolvedFile, kind: ArtifactKind) -> Artifact:
    if file.url is None:
        raise ResolveError(f"the index gives no URL for a file of {package.name}")
    url = strip_credentials(file.url) if "@" in file.url else file.url
    time = file.upload_time
    return Artifact(
        kind=kind,
        name=url_file_name(url),
        url=url,
        hashes=(hash_pair(package.name, file.hash),),
        size=file.size,
        upload_time=_FRACTION.sub("", time) if time and "." in time else time,
    )
