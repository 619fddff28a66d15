"""Hashed requirements files for pip and uv: written from a selection, or for all platforms."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from mooring.errors import InputError
from mooring.lock.markers import restrict
from mooring.lock.model import Artifact, Lock, Package, Selected, Selection
from mooring.urls import strip_credentials

CONTEXT_NAME = "mooring.requirements.txt"
"""The file's name in a build context."""

_HEADER = "# Written by mooring from its lock: edit the declared inputs, not this file.\n"
# pip splits a line at ` -` and ` #` even inside quotes, and puts in environment variables.
_UNSAFE = re.compile(r"\s[-#]|\$\{|[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# What begins a marker, a fragment or extras at the end of a path, and joins parts of a fragment.
_UNSAFE_PATH = re.compile(r"[;#\[\]]")
_UNSAFE_FRAGMENT = re.compile(r"[;#&\s]")
# What pip's --hash takes, best first; weaker ones prove nothing.
_ALGORITHMS = ("sha256", "sha512", "sha384")


def write(selection: Selection) -> str:
    """Return the requirements of one platform: only the selected artifacts are allowed.

    VCS and directory sources have no hash, and pip's and uv's `--require-hashes` refuse them.

    Raises:
        InputError: An artifact has no hash that installers accept.
    """
    return _text(
        _entry(selected.package, [selected.artifact], None) for selected in selection.packages
    )


def write_universal(lock: Lock, *, extras: Collection[str], groups: Collection[str]) -> str:
    """Return the requirements for all platforms of a lock, with environment markers.

    Args:
        lock: Any lock.
        extras: The extras that are chosen; they decide those parts of the markers.
        groups: The dependency groups that are chosen.

    Raises:
        InputError: An artifact has no hash that installers accept, or a marker is not one.
    """
    return _text(_universal_entries(lock, extras, groups))


def requirement_line(selected: Selected) -> str:
    """Return one requirement with its hash on a single line, as other files embed it."""
    return " ".join(_entry(selected.package, [selected.artifact], None))


def _universal_entries(
    lock: Lock, extras: Collection[str], groups: Collection[str]
) -> Iterator[list[str]]:
    for package in lock.packages:
        marker = None if package.marker is None else restrict(package.marker, extras, groups)
        if marker is not False:
            yield _entry(package, _artifacts(package), marker)


def _artifacts(package: Package) -> list[Artifact]:
    if package.direct is not None:
        return [package.direct]
    return [*package.wheels, *([package.sdist] if package.sdist else [])]


def _text(entries: Iterable[list[str]]) -> str:
    """Write each entry over several lines; entries of one text are written once."""
    written = {" \\\n    ".join(entry) for entry in entries}
    return _HEADER + "".join(f"{entry}\n" for entry in sorted(written))


def _entry(package: Package, artifacts: list[Artifact], marker: str | None) -> list[str]:
    """Return the requirement, then one `--hash` option for each artifact."""
    first = _requirement(package, artifacts[0])
    if marker is not None:
        first = f"{first} ; {marker}"
    if _UNSAFE.search(first.removeprefix("-e ")):
        raise _unwritable(package)
    return [first, *sorted({h for artifact in artifacts for h in _hash(package, artifact)})]


def _requirement(package: Package, artifact: Artifact) -> str:
    match artifact.kind:
        case "directory":
            return ("-e " if artifact.editable else "") + _local(package, artifact)
        case "vcs" | "archive" if artifact.url is not None:
            return f"{package.name} @ {_direct_url(package, artifact)}"
        case "wheel" | "sdist" if artifact.url is not None or artifact.path is None:
            if package.version is None:
                raise InputError(f"{package.name} has no version in the lock")
            return f"{package.name}=={package.version}"
        case _:
            return _local(package, artifact)


def _direct_url(package: Package, artifact: Artifact) -> str:
    url = strip_credentials(artifact.url or "")
    if artifact.kind == "vcs":
        # The prefix may be there already: pip writes it, PEP 751 does not.
        prefix = f"{artifact.vcs}+"
        url = f"{prefix}{url.removeprefix(prefix)}@{artifact.commit}"
    if not artifact.subdirectory:
        return url
    if _UNSAFE_FRAGMENT.search(artifact.subdirectory):
        raise _unwritable(package)
    return f"{url}{'&' if '#' in url else '#'}subdirectory={artifact.subdirectory}"


def _local(package: Package, artifact: Artifact) -> str:
    parts = [part for part in (artifact.path, artifact.subdirectory) if part]
    path = "./" + "/".join(parts).removeprefix("./")
    if _UNSAFE_PATH.search(path):
        raise _unwritable(package)
    return path


def _unwritable(package: Package) -> InputError:
    return InputError(
        f"{package.name} cannot be written to a requirements file",
        hint="its URL, path or marker holds what installers would read as an option, a "
        "comment, a marker or a variable",
    )


def _hash(package: Package, artifact: Artifact) -> Iterator[str]:
    if artifact.kind in ("vcs", "directory"):
        return
    hashes = dict(artifact.hashes)
    algorithm = next((name for name in _ALGORITHMS if name in hashes), None)
    if algorithm is None:
        raise InputError(
            f"{artifact.name or artifact.url} of {package.name} has no SHA-2 hash in the lock",
            hint="installers accept sha256, sha384 and sha512",
        )
    yield f"--hash={algorithm}:{hashes[algorithm]}"
