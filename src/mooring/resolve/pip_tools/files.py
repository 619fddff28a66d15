"""The files behind pip-compile's pins: it writes versions, a lock needs URLs, hashes and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from mooring.artifacts.fetch import CONNECTIONS, Fetcher, FetchError, fetching
from mooring.artifacts.simple_page import ACCEPT, PAGE_BYTES, PageFile, read_page
from mooring.manifest.model import Index
from mooring.platforms import Platform
from mooring.resolve.interface import ResolveError, UnsatisfiableError
from mooring.resolve.pypi.requires_python import normal_specifiers
from mooring.resolve.pypi.uv_lock import SolvedFile, SolvedPackage, Source
from mooring.uv import credentials_hint


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One pinned package with its files, and the Pythons that the index says it is for."""

    package: SolvedPackage
    requires_python: str | None


def find_files(
    pins: Mapping[str, str],
    urls: Sequence[str],
    indexes: Sequence[Index],
    platforms: Sequence[Platform],
) -> dict[str, Found]:
    """Return the files of each pinned version, from the first index that has it.

    Args:
        pins: Version by normalised name.
        urls: The indexes that pip asked, in its order, without credentials.
        indexes: Indexes for their credentials.
        platforms: Wheels of other platforms are left out.

    Raises:
        ResolveError: No index has a pinned version: pip found it in a folder, or it is gone.
        FetchError: An index does not answer.
    """
    tags = {"any"}.union(*(platform.platform_tags() for platform in platforms))
    with fetching(indexes) as fetcher, ThreadPoolExecutor(CONNECTIONS) as pool:

        def find(name: str) -> Found:
            return _find(fetcher, name, pins[name], urls, tags)

        return dict(zip(pins, pool.map(find, pins)))


def why_nothing_was_found(
    name: str, urls: Sequence[str], indexes: Sequence[Index], where: str | None
) -> ResolveError:
    """Say why pip found no version of a package: it treats a closed index as an empty one.

    Args:
        name: Normalised name of the package.
        urls: The indexes that pip asked.
        indexes: Indexes for their credentials.
        where: Where the package is declared; None when others need it.
    """
    try:
        with fetching(indexes) as fetcher:
            for url in urls:
                page = f"{url.rstrip('/')}/{name}/"
                status = fetcher.get(page, limit=PAGE_BYTES).status
                if status in (401, 403):
                    return ResolveError(
                        f"the index refused the request for {name}: {status}",
                        hint=credentials_hint(page, indexes),
                    )
    except FetchError as error:
        return ResolveError(error.message, hint=error.hint)
    return UnsatisfiableError(
        f"the package {name!r} does not exist in the index, or has no version for this Python",
        where=where,
        hint="check the spelling, or declare the index that serves it",
    )


def _find(fetcher: Fetcher, name: str, version: str, urls: Sequence[str], tags: set[str]) -> Found:
    wanted = Version(version)
    for url in urls:
        answer = fetcher.get(f"{url.rstrip('/')}/{name}/", limit=PAGE_BYTES, accept=ACCEPT)
        files = read_page(answer) if answer.status == 200 else ()
        wheels = [file for file in files if _is_wheel(file, wanted, tags)]
        sdists = [file for file in files if _is_sdist(file, wanted)]
        if wheels or sdists:
            package = SolvedPackage(
                name=name,
                version=version,
                source=Source(kind="registry", value=url),
                dependencies=(),
                extras={},
                groups={},
                wheels=tuple(_solved(file) for file in wheels),
                sdist=_solved(sdists[0]) if sdists else None,
            )
            first = min([*wheels, *sdists[:1]], key=lambda file: (file in sdists, file.name))
            declared = first.requires_python
            return Found(
                package=package,
                requires_python=normal_specifiers(declared) if declared else None,
            )
    raise ResolveError(
        f"no index serves {name} {version}, which pip chose",
        hint="pip may have found it in a folder (find-links), which a lock cannot name",
    )


def _is_wheel(file: PageFile, version: Version, tags: set[str]) -> bool:
    if not file.name.endswith(".whl"):
        return False
    try:
        _, found, _, supported = parse_wheel_filename(file.name)
    except InvalidWheelFilename:
        return False
    return found == version and any(tag.platform in tags for tag in supported)


def _is_sdist(file: PageFile, version: Version) -> bool:
    try:
        return parse_sdist_filename(file.name)[1] == version
    except (InvalidSdistFilename, InvalidVersion):
        return False


def _solved(file: PageFile) -> SolvedFile:
    return SolvedFile(
        url=file.url,
        path=None,
        hash=f"sha256:{file.sha256}" if file.sha256 else None,
        size=file.size,
        upload_time=file.upload_time,
    )
