"""The PyPI part of a lock with conda packages, as a lock of its own for `pylock.toml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mooring.lock.conda import CondaLock, PypiRow
from mooring.lock.formats import pylock_rules
from mooring.lock.model import Artifact, Dependency, Lock, Package
from mooring.platforms import Platform

MAIN = "main"
_SDISTS = (".tar.gz", ".zip")
_VCS = ("git", "hg", "svn", "bzr")


@dataclass(kw_only=True, slots=True)
class _Fork:
    """The rows of one version of one package; a direct source is a fork of its own."""

    rows: list[PypiRow] = field(default_factory=list)


def pylock_part(lock: CondaLock) -> Lock:
    """Return what of a lock comes from PyPI, for every platform of it.

    Categories that the recorded inputs know as extras become extras, the others groups. Packages
    that conda provides are not in it: it installs into the conda environment, not on its own.
    """
    known = lock.facts.inputs.get("extras") if lock.facts else None
    extras = frozenset(known) if isinstance(known, Mapping) else frozenset()
    categories = {each for row in lock.pypi for each in row.categories} - {MAIN}
    forks: dict[tuple[str, str, str], _Fork] = {}
    for row in lock.pypi:
        source = "" if row.sha256 else row.url
        forks.setdefault((row.name, row.version, source), _Fork()).rows.append(row)
    return Lock(
        created_by="mooring",
        requires_python=_requires_python(lock),
        environments=tuple(platform.marker for platform in sorted(lock.platforms)),
        extras=tuple(sorted(categories & extras)),
        groups=tuple(sorted(categories - extras)),
        packages=tuple(_package(forks[key].rows, lock, extras) for key in sorted(forks)),
    )


def _requires_python(lock: CondaLock) -> str | None:
    minors = sorted(
        {
            int(parts[1])
            for row in lock.conda
            if row.package.name == "python"
            and len(parts := row.package.version.split(".")) > 1
            and parts[0] == "3"
            and parts[1].isdigit()
        }
    )
    if not minors:
        return None
    if len(minors) == 1:
        return f"==3.{minors[0]}.*"
    return f">=3.{minors[0]},<3.{minors[-1] + 1}"


def _package(rows: Sequence[PypiRow], lock: CondaLock, extras: frozenset[str]) -> Package:
    first = rows[0]
    artifacts = {artifact.name or artifact.url: artifact for artifact in map(_artifact, rows)}
    found = [artifacts[key] for key in sorted(artifacts, key=str)]
    return Package(
        name=first.name,
        version=first.version,
        marker=_marker(rows, lock, extras),
        dependencies=_dependencies(rows, lock),
        wheels=tuple(artifact for artifact in found if artifact.kind == "wheel"),
        sdist=next((artifact for artifact in found if artifact.kind == "sdist"), None),
        direct=next((artifact for artifact in found if artifact.kind in ("vcs", "archive")), None),
    )


def _artifact(row: PypiRow) -> Artifact:
    vcs, plus, _ = row.url.partition("+")
    if plus and vcs in _VCS:
        address, _, fragment = row.url.removeprefix(f"{vcs}+").partition("#")
        base, _, commit = address.rpartition("@")
        folder = dict(part.partition("=")[::2] for part in fragment.split("&")).get("subdirectory")
        return Artifact(kind="vcs", url=base, vcs=vcs, commit=commit, subdirectory=folder)
    name = pylock_rules.url_file_name(row.url)
    hashes = (("sha256", row.sha256),) if row.sha256 else ()
    if name.endswith(".whl"):
        return Artifact(kind="wheel", name=name, url=row.url, hashes=hashes)
    if name.endswith(_SDISTS) and row.sha256:
        return Artifact(kind="sdist", name=name, url=row.url, hashes=hashes)
    return Artifact(kind="archive", name=name, url=row.url, hashes=hashes)


def _dependencies(rows: Sequence[PypiRow], lock: CondaLock) -> tuple[Dependency, ...]:
    versions: dict[str, set[str]] = {}
    for row in lock.pypi:
        versions.setdefault(row.name, set()).add(row.version)
    here = {(row.name, row.platform.subdir): row.version for row in lock.pypi}
    found = set()
    for row in rows:
        for text, _ in row.dependencies:
            name = text.partition("[")[0].replace("_", "-").replace(".", "-").lower()
            version = here.get((name, row.platform.subdir))
            if version is not None:
                forked = len(versions[name]) > 1
                found.add(Dependency(name=name, version=version if forked else None))
    return tuple(sorted(found, key=lambda each: (each.name, each.version or "")))


def _marker(rows: Sequence[PypiRow], lock: CondaLock, extras: frozenset[str]) -> str | None:
    """Return when the package is installed: where, and for which extras and groups."""
    by_categories: dict[tuple[str, ...], list[Platform]] = {}
    for row in rows:
        by_categories.setdefault(row.categories, []).append(row.platform)
    parts = []
    for categories, platforms in sorted(by_categories.items()):
        everywhere = {p.subdir for p in platforms} == {p.subdir for p in lock.platforms}
        where = "" if everywhere else _any_of([p.marker for p in sorted(platforms)])
        what = "" if MAIN in categories else _any_of([_choice(c, extras) for c in categories])
        if not where and not what:
            return None
        parts.append(_all_of(where, what))
    return _any_of(parts)


def _choice(category: str, extras: frozenset[str]) -> str:
    return f"'{category}' in {'extras' if category in extras else 'dependency_groups'}"


def _any_of(terms: Sequence[str]) -> str:
    if len(terms) == 1:
        return terms[0]
    return " or ".join(f"({term})" if " and " in term else term for term in terms)


def _all_of(where: str, what: str) -> str:
    terms = [f"({term})" if " or " in term else term for term in (where, what) if term]
    return " and ".join(terms)
