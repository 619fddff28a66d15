"""Manifests and requests made in a line, for the tests of resolvers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mooring.lock.model import Lock, Package
from mooring.manifest.model import Environment, Index, Manifest, Requirement
from mooring.platforms import Platform
from mooring.resolve.interface import ResolveRequest

FOUR_PLATFORMS = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")


def requirements(texts: Sequence[str], where: str) -> tuple[Requirement, ...]:
    """Return requirements declared on the lines of a file."""
    return tuple(
        Requirement(text=text, where=f"{where}:{line}") for line, text in enumerate(texts, 1)
    )


def manifest(
    dependencies: Sequence[str] = (),
    *,
    extras: Mapping[str, Sequence[str]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    name: str = "churn",
    version: str | None = None,
    platforms: Sequence[str] = FOUR_PLATFORMS,
    constraints: Sequence[str] = (),
    overrides: Sequence[str] = (),
    indexes: Sequence[Index] = (),
    exclude_newer: str | None = None,
    environments: Sequence[Environment] = (Environment(name="default"),),
    root: Path = Path("/project"),
) -> Manifest:
    """Return a manifest with these declarations."""
    return Manifest(
        root=root,
        path=root / "pyproject.toml",
        inputs=(),
        name=name,
        version=version,
        requires_python=None,
        python=None,
        platforms=tuple(Platform.parse(platform) for platform in platforms),
        dependencies=requirements(dependencies, "requirements.in"),
        extras=tuple((k, requirements(v, f"extra-{k}")) for k, v in (extras or {}).items()),
        groups=tuple((k, requirements(v, f"group-{k}")) for k, v in (groups or {}).items()),
        constraints=requirements(constraints, "constraints.txt"),
        overrides=requirements(overrides, "overrides.txt"),
        indexes=tuple(indexes),
        exclude_newer=exclude_newer,
        environments=tuple(environments),
    )


def request(
    declared: Manifest,
    *,
    python: str = "==3.12.*",
    previous: Lock | None = None,
    upgrade: bool = False,
    upgrade_packages: Sequence[str] = (),
    offline: bool = False,
) -> ResolveRequest:
    """Return a request to resolve a manifest for its platforms."""
    return ResolveRequest(
        manifest=declared,
        requires_python=python,
        platforms=declared.platforms,
        previous=previous,
        upgrade=upgrade,
        upgrade_packages=frozenset(upgrade_packages),
        offline=offline,
    )


def pins(lock: Lock) -> list[tuple[str, str | None, str | None]]:
    """Return (name, version, marker) of each package."""
    return [(package.name, package.version, package.marker) for package in lock.packages]


def package(lock: Lock, name: str) -> Package:
    """Return the only package of that name."""
    (found,) = (each for each in lock.packages if each.name == name)
    return found
