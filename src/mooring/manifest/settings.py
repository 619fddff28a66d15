"""The keys of `[tool.mooring]`, or of mooring.toml, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from mooring.errors import InputError
from mooring.manifest.conda_found import FoundConda
from mooring.manifest.conda_table import read_conda
from mooring.manifest.environments import read_environments, read_platforms, read_python
from mooring.manifest.image import read_image
from mooring.manifest.indexes import read_indexes
from mooring.manifest.model import (
    DEFAULT_ENVIRONMENT,
    Environment,
    ImageSpec,
    Requirement,
    ResolverName,
    VerifyPolicy,
)
from mooring.manifest.places import relative_path
from mooring.manifest.problems import quoted
from mooring.manifest.requirement_lists import requirements
from mooring.manifest.sources.declared import FoundIndex
from mooring.manifest.tables import Table
from mooring.manifest.times import moment
from mooring.manifest.verify_policy import read_verify
from mooring.platforms import Platform, PythonVersion

_RESOLVERS: tuple[ResolverName, ...] = get_args(ResolverName)
DEFAULT_PLATFORM_NAMES = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")
DEFAULT_PLATFORMS = tuple(Platform.parse(name) for name in DEFAULT_PLATFORM_NAMES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the Mooring keys themselves say; `sources` is None when the default is meant."""

    platforms: tuple[Platform, ...] = DEFAULT_PLATFORMS
    python: PythonVersion | None = None
    sources: tuple[str, ...] | None = None
    dependencies: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    overrides: tuple[Requirement, ...] = ()
    exclude_newer: str | None = None
    resolver: ResolverName = "uv"
    indexes: tuple[FoundIndex, ...] = ()
    environments: tuple[Environment, ...] = (Environment(name=DEFAULT_ENVIRONMENT),)
    image: ImageSpec | None = None
    verify: VerifyPolicy = field(default_factory=VerifyPolicy)
    conda: FoundConda | None = None


def read_settings(table: Table) -> Settings:
    """Return the settings of a manifest; what is wrong is recorded and left at its default."""
    platforms = read_platforms(table) or DEFAULT_PLATFORMS
    python = read_python(table)
    image = table.table("image")
    verify = table.table("verify")
    conda = table.table("conda")
    settings = Settings(
        platforms=platforms,
        python=python,
        sources=_sources(table),
        dependencies=requirements(table, "dependencies"),
        constraints=requirements(table, "constraints"),
        overrides=requirements(table, "overrides"),
        exclude_newer=_exclude_newer(table),
        resolver=table.choice("resolver", _RESOLVERS, one="resolver", many="resolvers") or "uv",
        indexes=read_indexes(table),
        environments=read_environments(table, platforms),
        image=read_image(image) if image else None,
        verify=read_verify(verify) if verify else VerifyPolicy(),
        conda=read_conda(conda) if conda else None,
    )
    if not table.path:
        _refuse_pyproject_tables(table)
    table.refuse_unknown()
    return settings


def _refuse_pyproject_tables(table: Table) -> None:
    """Say what to do about `[tool.mooring]` and `[project]` in a mooring.toml."""
    for key, hint in (
        ("tool", "in mooring.toml the keys of [tool.mooring] stand at the top"),
        ("project", "it belongs into pyproject.toml"),
        ("dependency-groups", "they belong into pyproject.toml"),
    ):
        if key in table:
            table.problem(key, f"[{key}] is not read from this file", hint)


def _sources(table: Table) -> tuple[str, ...] | None:
    if "sources" not in table:
        return None
    found: dict[str, None] = {}
    for number, value in table.numbered("sources"):
        with table.catch("sources", number):
            path = relative_path(value)
            if path in found:
                raise InputError(f"{quoted(path)} is listed twice")
            found[path] = None
    return tuple(found)


def _exclude_newer(table: Table) -> str | None:
    if "exclude-newer" in table:
        with table.catch("exclude-newer"):
            return moment(table.data["exclude-newer"])
    return None
