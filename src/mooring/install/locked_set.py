"""The file that an installer is given: exactly the selected artifacts, nothing to choose from."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from pathlib import Path

from mooring.lock.formats import pylock, requirements
from mooring.lock.model import Artifact, Lock, Package, Selected, Selection

_BUILT = ("sdist", "archive", "vcs", "directory")


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedSet:
    """A file for `uv pip sync`, with the options that go with it."""

    name: str
    text: str
    options: tuple[str, ...]


def locked_set(selection: Selection, folder: Path) -> LockedSet:
    """Write a selection for `uv pip sync`.

    A pylock.toml names each artifact by its own URL: no index is asked, another index or a local
    build in the cache cannot step in, and what is cached installs without the network. Locks that
    know no places (only versions and hashes) become hashed requirements.

    Args:
        selection: What to install.
        folder: The lock's folder, for artifacts with relative paths.

    Raises:
        InputError: An artifact has no hash that installers accept.
    """
    build = () if any(_is_built(s.artifact) for s in selection.packages) else ("--no-build",)
    if all(_has_place(selected.artifact) for selected in selection.packages):
        lock = Lock(
            created_by="mooring",
            packages=tuple(_only(selected, folder) for selected in selection.packages),
        )
        return LockedSet(
            name=pylock.FILE_NAME,
            text=pylock.write(lock),
            options=("--preview-features", "pylock", *build),
        )
    hashed = all(s.artifact.kind not in ("vcs", "directory") for s in selection.packages)
    return LockedSet(
        name="requirements.txt",
        text=requirements.write(selection),
        options=(*(("--require-hashes",) if hashed else ()), *build),
    )


def _is_built(artifact: Artifact) -> bool:
    if artifact.kind == "archive":
        return not artifact.name.endswith(".whl")
    return artifact.kind in _BUILT


def _has_place(artifact: Artifact) -> bool:
    return artifact.url is not None or artifact.path is not None


def _only(selected: Selected, folder: Path) -> Package:
    """Return the package with the one artifact, unconditional and without dependencies."""
    artifact = selected.artifact
    if artifact.path is not None and artifact.url is None:
        artifact = replace(
            artifact, path=posixpath.join(folder.absolute().as_posix(), artifact.path)
        )
    package = replace(
        selected.package,
        marker=None,
        requires_python=None,
        dependencies=(),
        record_ids=(),
        wheels=(),
        sdist=None,
        direct=None,
    )
    match artifact.kind:
        case "wheel":
            return replace(package, wheels=(artifact,))
        case "sdist":
            return replace(package, sdist=artifact)
        case _:
            return replace(package, index=None, direct=artifact)
