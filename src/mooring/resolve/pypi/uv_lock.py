"""The reader of uv.lock (version 1): the graph that uv resolved, as values of our own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mooring.resolve.interface import ResolveError

_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where uv takes a package from: `kind` is registry, git, url, path, directory, virtual..."""

    kind: str
    value: str
    subdirectory: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """One dependency; version and source are given where the name alone is not unique."""

    name: str
    version: str | None
    source: Source | None
    marker: str | None
    extras: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SolvedFile:
    """One wheel or sdist: its URL, or its path or name for one that is no URL."""

    url: str | None
    path: str | None
    hash: str | None
    size: int | None
    upload_time: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SolvedPackage:
    """One package of the solution; `extras` and `groups` hold the edges they add."""

    name: str
    version: str | None
    source: Source
    dependencies: tuple[Edge, ...]
    extras: Mapping[str, tuple[Edge, ...]] = field(hash=False)
    groups: Mapping[str, tuple[Edge, ...]] = field(hash=False)
    wheels: tuple[SolvedFile, ...]
    sdist: SolvedFile | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Solution:
    """What uv resolved; `project` is the one that was synthesised, and is in `packages` too."""

    packages: tuple[SolvedPackage, ...]
    project: SolvedPackage

    def markers(self) -> Iterator[str]:
        """Yield the marker of every edge that has one."""
        for package in self.packages:
            for edges in (
                package.dependencies,
                *package.extras.values(),
                *package.groups.values(),
            ):
                for edge in edges:
                    if edge.marker is not None:
                        yield edge.marker


def read_solution(text: str, project: str) -> Solution:
    """Read the text of a uv.lock.

    Args:
        text: The file's content.
        project: Normalised name of the project that was locked.

    Raises:
        ResolveError: uv wrote something else than this reader knows.
    """
    try:
        document = tomllib.loads(text)
        if document["version"] != _VERSION:
            raise _unknown(f"version {document['version']!r}")
        packages = tuple(_package(table) for table in document.get("package", []))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise _unknown(f"{type(error).__name__}: {error}") from error
    for package in packages:
        if package.name == project and package.source.kind in ("virtual", "editable"):
            return Solution(packages=packages, project=package)
    raise _unknown("the project is not in it")


def _package(table: Mapping[str, object]) -> SolvedPackage:
    sdist = table.get("sdist")
    return SolvedPackage(
        name=_text(table["name"]),
        version=_optional(table.get("version")),
        source=_source(_table(table["source"])),
        dependencies=_edges(table.get("dependencies", [])),
        extras={k: _edges(v) for k, v in _table(table.get("optional-dependencies", {})).items()},
        groups={k: _edges(v) for k, v in _table(table.get("dev-dependencies", {})).items()},
        wheels=tuple(_file(_table(row)) for row in _rows(table.get("wheels", []))),
        sdist=_file(_table(sdist)) if sdist is not None else None,
    )


def _edges(value: object) -> tuple[Edge, ...]:
    return tuple(
        Edge(
            name=_text(row["name"]),
            version=_optional(row.get("version")),
            source=_source(_table(row["source"])) if "source" in row else None,
            marker=_optional(row.get("marker")),
            extras=tuple(_text(extra) for extra in _rows(row.get("extra", []))),
        )
        for row in map(_table, _rows(value))
    )


def _source(table: Mapping[str, object]) -> Source:
    subdirectory = _optional(table.get("subdirectory"))
    for kind, value in table.items():
        if kind != "subdirectory":
            return Source(kind=kind, value=_text(value), subdirectory=subdirectory)
    raise _unknown("a package has no source")


def _file(table: Mapping[str, object]) -> SolvedFile:
    size = table.get("size")
    return SolvedFile(
        url=_optional(table.get("url")),
        path=_optional(table.get("path", table.get("filename"))),
        hash=_optional(table.get("hash")),
        size=size if isinstance(size, int) else None,
        upload_time=_optional(table.get("upload-time")),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _optional(value: object) -> str | None:
    return None if value is None else _text(value)


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no table")
    return value


def _rows(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _unknown(what: str) -> ResolveError:
    return ResolveError(
        f"uv wrote a lock that Mooring does not know: {what}",
        hint="install the version of uv that Mooring asks for",
    )
