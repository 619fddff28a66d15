"""From a `Lock` to the text of a pylock.toml: PEP 751 key order, one artifact a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import assert_never
from urllib.parse import quote

from mooring.errors import MooringError
from mooring.lock.formats.pylock_rules import file_name
from mooring.lock.formats.toml_text import array, date_time, inline, key, string
from mooring.lock.model import Artifact, Dependency, Lock, Package
from mooring.urls import strip_credentials

LOCK_VERSION = "1.0"
CREATED_BY = "mooring"
_NOT_IN_URLS = re.compile(r"[\s\"<>\\^`{|}\x00-\x20\x7f]")
_TO_THE_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def lock_lines(lock: Lock) -> Iterator[str]:
    """Yield the lines of everything but `[tool.mooring]`; an entry may hold several lines."""
    yield f"lock-version = {string(LOCK_VERSION)}"
    if lock.environments:
        yield f"environments = {array(map(string, lock.environments))}"
    if lock.requires_python is not None:
        yield f"requires-python = {string(lock.requires_python)}"
    for name, values in (
        ("extras", lock.extras),
        ("dependency-groups", lock.groups),
        ("default-groups", lock.default_groups),
    ):
        if values:
            yield f"{name} = {inline(sorted(values))}"
    yield f"created-by = {string(CREATED_BY)}"
    if not lock.packages:
        yield "packages = []"
    for package in sorted(lock.packages, key=package_order):
        yield from _package_lines(package)


def package_order(package: Package) -> tuple[str, str, str]:
    """Return what packages are sorted by: a name occurs twice where the resolution forked."""
    return package.name, package.version or "", package.marker or ""


def to_the_second(upload_time: str) -> str:
    """Return an RFC 3339 time in UTC, to the second.

    Raises:
        MooringError: The text is no such time.
    """
    if _TO_THE_SECOND.fullmatch(upload_time):
        return upload_time
    try:
        return date_time(datetime.fromisoformat(upload_time))
    except (ValueError, OverflowError) as error:
        raise MooringError(f"{upload_time!r} is not an upload time") from error


def bare_url(url: str | None) -> str | None:
    """Return a URL without credentials, none of which ever reaches a lock.

    What RFC 3986 leaves out is percent-encoded: resolvers pass some of it on, and readers refuse
    it.
    """
    if url is None:
        return None
    bare = strip_credentials(url) if "@" in url else url
    return _NOT_IN_URLS.sub(lambda match: quote(match[0], safe=""), bare)


def _package_lines(package: Package) -> Iterator[str]:
    yield "\n[[packages]]"
    yield f"name = {string(package.name)}"
    for name, value in (
        ("version", package.version),
        ("marker", package.marker),
        ("requires-python", package.requires_python),
    ):
        if value is not None:
            yield f"{name} = {string(value)}"
    if package.dependencies:
        yield f"dependencies = {array(map(_dependency, package.dependencies))}"
    yield from _source_lines(package)
    if package.record_ids:
        yield "\n[packages.tool.mooring.record-ids]"
        for name, record_id in sorted(package.record_ids):
            yield f"{key(name)} = {string(record_id)}"


def _source_lines(package: Package) -> Iterator[str]:
    if package.direct is not None:
        yield f"{package.direct.kind} = {_artifact(package.direct)}"
    if (index := bare_url(package.index)) is not None:
        yield f"index = {string(index)}"
    if package.sdist is not None:
        yield f"sdist = {_artifact(package.sdist)}"
    if package.wheels:
        yield f"wheels = {array(map(_artifact, package.wheels))}"


def _dependency(dependency: Dependency) -> str:
    return inline({"name": dependency.name, "version": dependency.version})


def _artifact(artifact: Artifact) -> str:
    match artifact.kind:
        case "wheel" | "sdist":
            fields = _file_fields(artifact)
        case "archive":
            fields = _archive_fields(artifact)
        case "vcs":
            fields = _vcs_fields(artifact)
        case "directory":
            fields = _directory_fields(artifact)
        case _:
            assert_never(artifact.kind)
    return f"{{ {', '.join(fields)} }}"


def _file_fields(artifact: Artifact) -> Iterator[str]:
    """Yield name, upload-time, url, path, size, hashes: the order of PEP 751 for files."""
    if artifact.name != file_name({"url": artifact.url, "path": artifact.path}):
        yield f"name = {string(artifact.name)}"
    if artifact.upload_time is not None:
        yield f"upload-time = {to_the_second(artifact.upload_time)}"
    yield from _place(artifact)
    if artifact.size is not None:
        yield f"size = {artifact.size}"
    yield _hashes(artifact)


def _archive_fields(artifact: Artifact) -> Iterator[str]:
    yield from _place(artifact)
    if artifact.size is not None:
        yield f"size = {artifact.size}"
    if artifact.upload_time is not None:
        yield f"upload-time = {to_the_second(artifact.upload_time)}"
    yield _hashes(artifact)
    if artifact.subdirectory is not None:
        yield f"subdirectory = {string(artifact.subdirectory)}"


def _vcs_fields(artifact: Artifact) -> Iterator[str]:
    yield f"type = {string(artifact.vcs or 'git')}"
    yield from _place(artifact)
    if artifact.requested_revision is not None:
        yield f"requested-revision = {string(artifact.requested_revision)}"
    yield f"commit-id = {string(artifact.commit or '')}"
    if artifact.subdirectory is not None:
        yield f"subdirectory = {string(artifact.subdirectory)}"


def _directory_fields(artifact: Artifact) -> Iterator[str]:
    yield f"path = {string(artifact.path or '.')}"
    if artifact.editable:
        yield "editable = true"
    if artifact.subdirectory is not None:
        yield f"subdirectory = {string(artifact.subdirectory)}"


def _place(artifact: Artifact) -> Iterator[str]:
    if (url := bare_url(artifact.url)) is not None:
        yield f"url = {string(url)}"
    if artifact.path is not None:
        yield f"path = {string(artifact.path)}"


def _hashes(artifact: Artifact) -> str:
    pairs = ", ".join(f"{key(name)} = {string(value)}" for name, value in sorted(artifact.hashes))
    return f"hashes = {{ {pairs} }}"
