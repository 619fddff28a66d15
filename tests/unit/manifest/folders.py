"""Project folders of the tests, and what a load of them complains about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mooring.errors import InputError, InputProblems
from mooring.manifest.model import Manifest
from mooring.manifest.reader import load


def folder(root: Path, files: Mapping[str, str]) -> Path:
    """Write the files below a folder and return it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return root


def loaded(root: Path, files: Mapping[str, str]) -> Manifest:
    """Write the files and load the folder."""
    return load(folder(root, files))


def complaints(root: Path, files: Mapping[str, str]) -> list[str]:
    """Write the files, load the folder and return `where: message | hint` of each problem."""
    return complaints_about(folder(root, files))


def complaints_about(path: Path) -> list[str]:
    """Load a path that must be refused; return `where: message | hint` of each problem."""
    try:
        manifest = load(path)
    except InputProblems as error:
        return [f"{problem} | {problem.hint}" for problem in error.problems]
    except InputError as error:
        return [f"{error} | {error.hint}"]
    raise AssertionError(f"it loads: {manifest}")
