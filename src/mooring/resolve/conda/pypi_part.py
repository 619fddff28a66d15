"""The PyPI packages of one platform, beside what conda provides there."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mooring.errors import InputError, MooringError
from mooring.lock.conda import CondaPackage, PypiRow
from mooring.lock.model import Artifact, Lock, Package, Selected
from mooring.lock.select import select
from mooring.manifest.conda import MAIN
from mooring.manifest.model import Manifest
from mooring.platforms import Platform, PythonVersion
from mooring.reporting import Reporter
from mooring.resolve.conda.interface import CondaResolveRequest
from mooring.resolve.conda.names import CondaNames, Provided
from mooring.resolve.conda.provided import (
    in_our_words,
    refuse_clashes,
    refuse_look_alikes,
    with_provided,
    without_files,
)
from mooring.resolve.conda.reporters import Translated
from mooring.resolve.interface import ResolveError, ResolveRequest, UnsatisfiableError
from mooring.resolve.pypi.assemble import CREATED_BY, assemble
from mooring.resolve.pypi.resolver import solve_project
from mooring.resolve.pypi.synthesise import all_requirements

ANY_VERSION = "*"

_PYTHON = re.compile(r"3\.(?P<minor>\d{1,2})(?:\.(?P<patch>\d{1,2}))?")
_OTHER_PYTHON = re.compile(r"pypy|graalpy|cp\d+t(?:_|$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class PypiPart:
    """What comes from PyPI on one platform.

    Attributes:
        needs: For each category, the conda packages that its PyPI requirements rely on.
        built: Names of what is built from source there.
    """

    rows: tuple[PypiRow, ...] = ()
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    built: tuple[str, ...] = ()


def declares_pypi(manifest: Manifest) -> bool:
    """Whether anything is declared that may come from PyPI."""
    return next(all_requirements(manifest), None) is not None


def resolve_pypi(
    request: CondaResolveRequest,
    platform: Platform,
    packages: Mapping[str, CondaPackage],
    names: CondaNames,
    reporter: Reporter,
) -> PypiPart:
    """Resolve the manifest's own requirements on one platform, around conda's packages.

    Args:
        request: What was asked for.
        platform: Whose part it is.
        packages: What conda installs there, by name.
        names: Which distributions are inside.
        reporter: Hears uv's warnings.

    Raises:
        UnsatisfiableError: There is no solution, or a distribution would come from both.
        ResolveError: An index is down or closed, or the cache lacks something.
    """
    python = _python(packages, platform)
    provided = names.provided(packages.values())
    refuse_clashes(request.manifest, provided, platform, python)
    with tempfile.TemporaryDirectory(prefix="mooring-lock-") as name:
        folder = Path(name).resolve()
        asked = ResolveRequest(
            manifest=with_provided(request.manifest, provided, folder, request.exclude_newer),
            requires_python=f"=={python.full}",
            platforms=(platform,),
            previous=_previous(request, platform),
            upgrade=request.upgrade,
            upgrade_packages=request.upgrade_packages,
            offline=request.offline,
        )
        try:
            solution = solve_project(asked, folder, Translated(reporter, in_our_words))
            lock = assemble(without_files(solution, provided), asked, folder)
        except MooringError as error:
            raise _of_platform(error, platform, python) from error
    whole = {package.name: package for package in lock.packages}
    own = tuple(package for package in lock.packages if package.name not in provided)
    refuse_look_alikes((package.name for package in own), packages, platform)
    chosen = _chosen(replace(lock, packages=own), platform, python, request.manifest)
    return PypiPart(
        rows=_rows(chosen, platform),
        needs=_needs(chosen, whole, request.manifest, provided),
        built=_built(chosen),
    )


def _python(packages: Mapping[str, CondaPackage], platform: Platform) -> PythonVersion:
    package = packages.get("python")
    if package is None:
        raise InputError(
            f"PyPI packages are declared, and conda installs no Python on {platform.subdir}",
            hint="add `python` to the conda dependencies",
        )
    found = _PYTHON.fullmatch(package.version)
    abi = packages.get("python_abi")
    builds = f"{package.build} {abi.build if abi else ''}"
    if found is None or any(_OTHER_PYTHON.search(build) for build in builds.split()):
        raise InputError(
            f"PyPI packages cannot be chosen for the Python of conda on {platform.subdir}: "
            f"{package.version} {package.build}",
            hint="ask for a release of CPython with the GIL, such as `python 3.12.* *_cpython`",
        )
    patch = found["patch"]
    return PythonVersion(minor=int(found["minor"]), patch=int(patch) if patch else None)


def _previous(request: CondaResolveRequest, platform: Platform) -> Lock | None:
    """Return the pins of one platform; a commit is not one, its branch may be declared anew."""
    if request.previous is None:
        return None
    packages = (
        Package(name=row.name, version=row.version)
        for row in request.previous.pypi
        if row.platform.subdir == platform.subdir and row.url.startswith(("https://", "http://"))
    )
    return Lock(created_by=CREATED_BY, packages=tuple(packages))


def _of_platform(error: MooringError, platform: Platform, python: PythonVersion) -> MooringError:
    message = (
        f"the PyPI part for {platform.subdir} (beside conda's Python {python}): "
        + in_our_words(error.message)
    )
    where, hint = error.where, error.hint
    if where and where.startswith("conda package "):
        where = None
    if isinstance(error, UnsatisfiableError):
        return UnsatisfiableError(message, where=where, hint=hint)
    kind = InputError if isinstance(error, InputError) else ResolveError
    return kind(message, where=where, hint=hint)


def _chosen(
    lock: Lock, platform: Platform, python: PythonVersion, manifest: Manifest
) -> dict[str, dict[str, Selected]]:
    """Return what each category installs, by name; `main` is not repeated in the others."""
    extras = tuple(name for name, _ in manifest.extras)
    groups = tuple(name for name, _ in manifest.groups)
    found: dict[str, dict[str, Selected]] = {}
    for category, kind in [(MAIN, ""), *((e, "extra") for e in extras), *((g, "") for g in groups)]:
        is_extra, is_group = kind == "extra", kind == "" and category != MAIN
        try:
            selection = select(
                lock,
                platform=platform,
                python=python,
                extras=(category,) if is_extra else (),
                groups=(category,) if is_group else (),
            )
        except InputError:
            raise
        except MooringError as error:
            raise UnsatisfiableError(
                f"the PyPI part for {platform.subdir}: {error.message}",
                hint="bound the package, or take it from conda",
            ) from error
        main = found.get(MAIN, {})
        own = {s.package.name: s for s in selection.packages if s.package.name not in main}
        found[category] = {**found.get(category, {}), **own}
    return found


def _rows(chosen: Mapping[str, Mapping[str, Selected]], platform: Platform) -> tuple[PypiRow, ...]:
    listed: dict[str, tuple[Selected, list[str]]] = {}
    for category, selected in chosen.items():
        for name, each in selected.items():
            listed.setdefault(name, (each, []))[1].append(category)
    return tuple(
        PypiRow(
            name=name,
            version=each.package.version or "0",
            platform=platform,
            url=_url(each.package, each.artifact),
            sha256=each.artifact.sha256,
            categories=tuple(sorted(categories)),
            dependencies=tuple((edge.name, ANY_VERSION) for edge in each.package.dependencies),
        )
        for name, (each, categories) in sorted(listed.items())
    )


def _url(package: Package, artifact: Artifact) -> str:
    if artifact.url is None:
        raise InputError(
            f"{package.name} comes from a folder of the project: {artifact.path}",
            hint="a lock with conda packages holds what can be fetched: name its URL",
        )
    if artifact.kind != "vcs":
        return artifact.url
    below = f"#subdirectory={artifact.subdirectory}" if artifact.subdirectory else ""
    return f"{artifact.vcs}+{artifact.url}@{artifact.commit}{below}"


def _needs(
    chosen: Mapping[str, Mapping[str, Selected]],
    whole: Mapping[str, Package],
    manifest: Manifest,
    provided: Mapping[str, Provided],
) -> dict[str, frozenset[str]]:
    direct = {
        MAIN: manifest.dependencies,
        **dict(manifest.extras),
    }
    for group, requirements in manifest.groups:
        direct[group] = (*direct.get(group, ()), *requirements)
    found = {}
    for category, selected in chosen.items():
        edges = {edge.name for each in selected.values() for edge in each.package.dependencies}
        edges |= {r.name for r in direct.get(category, ()) if r.name in whole}
        found[category] = frozenset(provided[n].package.name for n in edges if n in provided)
    return found


def _built(chosen: Mapping[str, Mapping[str, Selected]]) -> tuple[str, ...]:
    return tuple(sorted({n for s in chosen.values() for n in _sdists(s)}))


def _sdists(selected: Mapping[str, Selected]) -> Iterator[str]:
    return (name for name, each in selected.items() if each.artifact.kind == "sdist")
