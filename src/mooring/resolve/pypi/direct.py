"""Packages that come from no index: an archive by URL, a local file or folder, a commit."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from mooring.errors import InputError
from mooring.lock.model import Artifact
from mooring.resolve.interface import ResolveError
from mooring.resolve.pypi.uv_lock import SolvedFile, SolvedPackage
from mooring.urls import redact, strip_credentials

_ALGORITHMS = ("sha256", "sha384", "sha512")


def direct_artifact(package: SolvedPackage, *, folder: Path, root: Path) -> Artifact:
    """Return what a package without an index is installed from (PEP 751 vcs, archive, directory).

    Args:
        package: As uv resolved it.
        folder: Where uv ran; its relative paths start there.
        root: The project folder; paths in a lock are relative to it.

    Raises:
        InputError: It names a place that exists on this machine only.
        ResolveError: uv knows a kind of source that Mooring does not.
    """
    source = package.source
    match source.kind:
        case "git":
            return _commit(package)
        case "url":
            return _archive_by_url(package)
        case "path":
            return Artifact(
                kind="archive",
                name=source.value.rpartition("/")[2],
                path=_relative(package, folder=folder, root=root),
                hashes=_hashes(package),
                subdirectory=source.subdirectory,
            )
        case "directory" | "editable" | "virtual":
            return Artifact(
                kind="directory",
                path=_relative(package, folder=folder, root=root),
                editable=source.kind == "editable",
                subdirectory=source.subdirectory,
            )
        case _:
            raise ResolveError(f"{package.name} comes from a {source.kind}, which no lock can hold")


def hash_pair(package: str, text: str | None) -> tuple[str, str]:
    """Split uv's `sha256:<hex>`.

    Raises:
        ResolveError: uv knows no hash of the file, or one that proves nothing.
    """
    algorithm, colon, value = (text or "").partition(":")
    if not colon or algorithm not in _ALGORITHMS:
        published = f"only {algorithm}" if colon else "no hash"
        raise ResolveError(
            f"the index publishes {published} for a file of {package}",
            hint="a lock without SHA-2 hashes proves nothing; use an index that publishes them",
        )
    return algorithm, value.lower()


def _commit(package: SolvedPackage) -> Artifact:
    parts = urlsplit(package.source.value)
    if parts.scheme == "file":
        raise _only_here(package)
    query = parse_qs(parts.query)
    named = [query[key][0] for key in ("rev", "tag", "branch") if key in query]
    return Artifact(
        kind="vcs",
        vcs="git",
        url=strip_credentials(urlunsplit(parts._replace(query="", fragment=""))),
        commit=parts.fragment,
        requested_revision=named[0] if named else None,
        subdirectory=query.get("subdirectory", [package.source.subdirectory])[0],
    )


def _archive_by_url(package: SolvedPackage) -> Artifact:
    url = strip_credentials(urlunsplit(urlsplit(package.source.value)._replace(fragment="")))
    if urlsplit(url).scheme not in ("http", "https"):
        raise _only_here(package)
    file = _only_file(package)
    return Artifact(
        kind="archive",
        name=unquote(urlsplit(url).path.rpartition("/")[2]),
        url=url,
        hashes=_hashes(package),
        size=file.size if file else None,
        subdirectory=package.source.subdirectory,
    )


def _only_file(package: SolvedPackage) -> SolvedFile | None:
    return package.wheels[0] if package.wheels else package.sdist


def _hashes(package: SolvedPackage) -> tuple[tuple[str, str], ...]:
    file = _only_file(package)
    return (hash_pair(package.name, file.hash if file else None),)


def _relative(package: SolvedPackage, *, folder: Path, root: Path) -> str:
    """Return the path of a local source as the lock file has it."""
    value = package.source.value
    path = unquote(urlsplit(value).path) if value.startswith("file:") else value
    try:
        relative = Path(os.path.relpath(folder / path, root)).as_posix()
    except ValueError as error:  # another drive of Windows
        raise _only_here(package) from error
    if relative == ".." or relative.startswith("../"):
        raise _only_here(package)
    return relative


def _only_here(package: SolvedPackage) -> InputError:
    return InputError(
        f"{package.name} comes from a place on this machine: {redact(package.source.value)}",
        hint="move it into the project folder, publish it to an index, or name a URL",
    )
