"""What conda provides, said to the resolver of PyPI packages: fixed versions, and no files."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from mooring.lock.conda import CondaPackage
from mooring.manifest.model import Manifest, Requirement
from mooring.platforms import Platform, PythonVersion
from mooring.resolve.conda.names import Provided, needs_python
from mooring.resolve.interface import UnsatisfiableError
from mooring.resolve.pypi.synthesise import all_requirements, normal_name
from mooring.resolve.pypi.uv_lock import Solution, Source

_NEVER = "python_version < '0'"
_CONDA = Source(kind="registry", value="https://conda.invalid/simple")
"""Stands where an index would; it never gets into a lock."""
_STAND_IN = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]*\])? @ (?:file:)?[^\s`]*?/?stand-ins/"
    r"[^\s`/]+-(?P<version>[^-/\s`]+)-py3-none-any\.whl"
)


def with_provided(
    manifest: Manifest, provided: Mapping[str, Provided], folder: Path, exclude_newer: str | None
) -> Manifest:
    """Return the manifest with conda's distributions fixed.

    Those with a known version become stand-ins: wheels without content and without dependencies,
    which constraints bind their names to. Those of unknown version are needed by nobody.

    Args:
        manifest: What is declared.
        provided: What conda provides on one platform.
        folder: Where the stand-ins are written.
        exclude_newer: Of the request.
    """
    place = folder / "stand-ins"
    place.mkdir()
    constraints, overrides = [], []
    for each in provided.values():
        where = f"conda package {each.package.name} {each.package.version}"
        if each.version is None:
            overrides.append(Requirement(text=f"{each.name} ; {_NEVER}", where=where))
        else:
            url = _write_stand_in(each.name, each.version, place).as_uri()
            constraints.append(Requirement(text=f"{each.name} @ {url}", where=where))
    hidden = {requirement.name for requirement in overrides}
    return replace(
        manifest,
        constraints=(*manifest.constraints, *constraints),
        overrides=(*(o for o in manifest.overrides if o.name not in hidden), *overrides),
        exclude_newer=exclude_newer or manifest.exclude_newer,
    )


def without_files(solution: Solution, provided: Mapping[str, Provided]) -> Solution:
    """Return the solution with stand-ins as packages that have nothing to install."""
    packages = tuple(
        replace(package, source=_CONDA, wheels=(), sdist=None)
        if package.name in provided and package is not solution.project
        else package
        for package in solution.packages
    )
    project = next(p for p in packages if p.name == solution.project.name)
    return replace(solution, packages=packages, project=project)


def in_our_words(text: str) -> str:
    """Return a message of the resolver without the stand-ins' paths."""
    return _STAND_IN.sub(r"\g<name>\g<extras> \g<version> (from conda)", text)


def refuse_clashes(
    manifest: Manifest,
    provided: Mapping[str, Provided],
    platform: Platform,
    python: PythonVersion,
) -> None:
    """Refuse distributions that are declared to come from elsewhere, and that conda provides.

    Raises:
        UnsatisfiableError: There is one; it names both.
    """
    bound = {name: index.name for index in manifest.indexes for name in index.packages}
    for requirement in (*all_requirements(manifest), *manifest.overrides):
        each = provided.get(requirement.name)
        if each is None or not _applies(requirement, platform, python):
            continue
        index = bound.get(requirement.name)
        if " @ " in requirement.text or index:
            other = f"the index {index}" if index else requirement.text
            raise _clash(each.name, each.package, other, platform, requirement.where)


def refuse_look_alikes(
    names: Iterable[str], packages: Mapping[str, CondaPackage], platform: Platform
) -> None:
    """Refuse PyPI packages that have the name of a conda package for Python.

    Raises:
        UnsatisfiableError: There is one; it names both.
    """
    python_packages = {normal_name(n): p for n, p in packages.items() if needs_python(p)}
    for name in names:
        if package := python_packages.get(name):
            raise _clash(name, package, f"{name} of PyPI", platform, None)


def _clash(
    name: str, package: CondaPackage, other: str, platform: Platform, where: str | None
) -> UnsatisfiableError:
    return UnsatisfiableError(
        f"{name} would come from both on {platform.subdir}: from the conda package "
        f"{package.name} {package.version} and from {other}",
        where=where,
        hint="declare it in one place only; where the map of names is wrong, give a local one",
    )


def _applies(requirement: Requirement, platform: Platform, python: PythonVersion) -> bool:
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed

    try:
        marker = Parsed(requirement.text).marker
    except InvalidRequirement:
        return True
    environment = {**platform.marker_environment(python), "extra": ""}
    return marker is None or marker.evaluate(environment)


def _write_stand_in(name: str, version: str, folder: Path) -> Path:
    escaped = name.replace("-", "_")
    info = f"{escaped}-{version}.dist-info"
    path = folder / f"{escaped}-{version}-py3-none-any.whl"
    members = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: mooring\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        "RECORD": "".join(f"{info}/{member},,\n" for member in ("METADATA", "WHEEL", "RECORD")),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(f"{info}/{member}", text)
    return path
