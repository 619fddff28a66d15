"""The PyPI part of a conda selection, as the selection that uv and verification work on."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from mooring.errors import InputError
from mooring.lock.conda import CondaSelection, PypiRow
from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.platforms import PythonVersion

_PYTHON = re.compile(r"3\.(\d{1,2})(?:\.(\d{1,2}))?(?!\d)")
_VCS = re.compile(r"(git|hg|svn|bzr)\+")


def python_of(selection: CondaSelection) -> PythonVersion | None:
    """Return the Python among the conda packages, None where there is none."""
    package = next((each for each in selection.packages if each.name == "python"), None)
    match = _PYTHON.match(package.version) if package else None
    if match is None:
        return None
    return PythonVersion(minor=int(match[1]), patch=int(match[2]) if match[2] else None)


def pypi_selection(selection: CondaSelection) -> Selection:
    """Return what is installed beside conda's packages.

    Raises:
        InputError: There are such packages, but no Python among conda's.
    """
    python = python_of(selection)
    if python is None and selection.pypi:
        raise InputError(
            f"{selection.pypi[0].name} comes from PyPI, but no conda package is a Python",
            where=f"the lock for {selection.platform.subdir}",
            hint="declare python among the conda dependencies",
        )
    return Selection(
        platform=selection.platform,
        python=python or PythonVersion(minor=0),
        extras=(),
        groups=(),
        packages=tuple(_selected(row) for row in selection.pypi),
        environment=selection.environment,
    )


def _selected(row: PypiRow) -> Selected:
    artifact = _artifact(row)
    wheels = (artifact,) if artifact.kind == "wheel" else ()
    sdist = artifact if artifact.kind == "sdist" else None
    direct = None if wheels or sdist else artifact
    return Selected(
        package=Package(
            name=row.name, version=row.version, wheels=wheels, sdist=sdist, direct=direct
        ),
        artifact=artifact,
    )


def _artifact(row: PypiRow) -> Artifact:
    if match := _VCS.match(row.url):
        place, _, commit = row.url.partition("#")[0][match.end() :].rpartition("@")
        return Artifact(kind="vcs", vcs=match[1], url=place, commit=commit)
    name = unquote(urlsplit(row.url).path.rpartition("/")[2])
    return Artifact(
        kind="wheel" if name.endswith(".whl") else "sdist",
        name=name,
        url=row.url,
        hashes=(("sha256", row.sha256),) if row.sha256 else (),
    )
