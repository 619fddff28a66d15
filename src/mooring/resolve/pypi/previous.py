"""The pins of the existing lock as a uv.lock that uv takes its preferences from."""

from __future__ import annotations

from collections import Counter
from urllib.parse import quote

from mooring.lock.formats import toml_text
from mooring.lock.markers import restrict
from mooring.lock.model import Artifact, Lock, Package
from mooring.resolve.interface import ResolveRequest
from mooring.resolve.pypi.synthesise import widened

_NOWHERE = "https://previous.invalid/simple"
"""uv compares pins by name and version; where they came from must not decide anything."""


def previous_lock(request: ResolveRequest) -> str | None:
    """Return the text of the uv.lock to start from; None when no pin is to be kept.

    Raises:
        InputError: The span of Pythons is malformed or empty.
    """
    if request.upgrade or request.previous is None:
        return None
    lines = [
        "version = 1",
        f"requires-python = {toml_text.string(widened(request.requires_python))}",
    ]
    if request.manifest.exclude_newer:
        # uv throws a lock away that was made with another limit.
        lines += toml_text.table("options", {"exclude-newer": request.manifest.exclude_newer})
    names = Counter(package.name for package in request.previous.packages)
    for package in request.previous.packages:
        source = _source(package)
        if package.name in request.upgrade_packages or source is None:
            continue
        lines += ["", "[[package]]", f"name = {toml_text.string(package.name)}"]
        if package.version:
            lines.append(f"version = {toml_text.string(package.version)}")
        lines.append(f"source = {toml_text.inline(source)}")
        if names[package.name] > 1 and (marker := _fork(package, request.previous)):
            lines.append(f"resolution-markers = {toml_text.inline([marker])}")
    return "\n".join(lines) + "\n"


def _source(package: Package) -> dict[str, str] | None:
    """Return what is pinned: a version of an index, or a commit; None for anything else."""
    if package.direct is None:
        return {"registry": _NOWHERE} if package.version else None
    if package.direct.vcs == "git" and package.direct.url and package.direct.commit:
        return {"git": _git_source(package.direct)}
    return None


def _fork(package: Package, lock: Lock) -> str | None:
    """Return where one of several versions of a package belongs."""
    if package.marker is None:
        return None
    return restrict(package.marker, lock.extras, lock.groups) or None


def _git_source(artifact: Artifact) -> str:
    query = []
    if artifact.subdirectory:
        query.append(f"subdirectory={quote(artifact.subdirectory, safe='')}")
    if artifact.requested_revision:
        query.append(f"rev={quote(artifact.requested_revision, safe='')}")
    return f"{artifact.url}{'?' + '&'.join(query) if query else ''}#{artifact.commit}"
