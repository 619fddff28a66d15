"""Which Python a project means when it does not say so to Mooring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mooring.errors import InputError
from mooring.files import read_text
from mooring.platforms import LATEST_PATCH, PythonVersion

_KNOWN_MINORS = range(8, 16)
_VERSION_FILE = ".python-version"
_SMALL_FILE_BYTES = 64 << 10


def choose_python(requires_python: str | None, *candidates: PythonVersion) -> PythonVersion | None:
    """Return the first candidate as X.Y that satisfies requires-python, else the lowest that does.

    Where only single patch releases are allowed (`==3.10.19`), the newest of these is returned.
    """
    for version in (*candidates, *(PythonVersion(minor=minor) for minor in _KNOWN_MINORS)):
        short = PythonVersion(minor=version.minor)
        if requires_python is None or _satisfies(short, requires_python):
            return short
    patches = (version for version in _patches() if _satisfies(version, requires_python or ""))
    return next(patches, None)


def version_file(folder: Path) -> PythonVersion | None:
    """Return what `.python-version` names, or None when there is none that Mooring understands."""
    path = folder / _VERSION_FILE
    if not path.is_file():
        return None
    try:
        lines = read_text(path, shown=_VERSION_FILE, limit=_SMALL_FILE_BYTES).split()
        return PythonVersion.parse(lines[0], _VERSION_FILE) if lines else None
    except InputError:
        return None  # pyenv and uv allow names there that no lock can use, such as `pypy3.10`


def _patches() -> Iterator[PythonVersion]:
    for minor in _KNOWN_MINORS:
        for patch in range(LATEST_PATCH, -1, -1):
            yield PythonVersion(minor=minor, patch=patch)


def _satisfies(version: PythonVersion, requires_python: str) -> bool:
    from packaging.specifiers import SpecifierSet  # kept off the start-up path

    return SpecifierSet(requires_python).contains(version.full)
