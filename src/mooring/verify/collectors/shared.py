"""Changed files that are hard links: which cache or which other environment has them too."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice

from mooring.verify.collectors.folder import Folder
from mooring.verify.collectors.recorded import Look, RecordedFiles
from mooring.verify.inventory import Distribution, SeenFile

_MOST_ARCHIVES = 20_000
_MOST_FILES = 200
"""Changed files of a distribution that are looked for; one is enough to name the cache."""


def uv_cache(environ: Mapping[str, str]) -> str | None:
    """Return the folder in which uv keeps unpacked wheels, None when nothing tells it."""
    if environ.get("UV_CACHE_DIR"):
        return environ["UV_CACHE_DIR"]
    if environ.get("XDG_CACHE_HOME"):
        return f"{environ['XDG_CACHE_HOME']}/uv"
    return f"{environ['HOME']}/.cache/uv" if environ.get("HOME") else None


def with_shared(
    folder: Folder, distributions: Iterable[Distribution], cache: str | None
) -> tuple[Distribution, ...]:
    """Add to changed files how many names they have, and the one in uv's cache.

    Args:
        folder: The environment.
        distributions: With their files as they were found.
        cache: uv's cache on this machine, when it is known.
    """
    return tuple(_looked_up(folder, each, cache) for each in distributions)


def is_changed(file: SeenFile) -> bool:
    """Whether the content of a file, or its size where nothing was hashed, is not the recorded."""
    if file.kind != "file" or file.recorded is None or "__pycache__" in file.path:
        return False
    if file.actual is not None:
        return file.actual != file.recorded
    return file.recorded_size is not None and file.size not in (None, file.recorded_size)


def _looked_up(folder: Folder, distribution: Distribution, cache: str | None) -> Distribution:
    if not isinstance(distribution.files, RecordedFiles):
        return distribution
    odd = ((number, file) for number, file in distribution.files.odd() if is_changed(file))
    changed = list(islice(odd, _MOST_FILES))
    found: dict[int, Look] = {}
    archive: str | None = None
    searched = False
    for number, file in changed:
        info = _stat(folder.place(os.path.normpath(f"{distribution.site}/{file.path}")))
        if info is None or info.st_nlink < 2:
            continue
        if archive is None and cache is not None and not searched:
            archive = _archive(cache, file.path, info)
            searched = True
        twin = f"{archive}/{file.path}" if archive else None
        shared = twin if twin and _same(_stat(twin), info) else None
        found[number] = Look(file.kind, file.size, file.actual, file.problem, info.st_nlink, shared)
    return replace(distribution, files=distribution.files.changed(found)) if found else distribution


def _archive(cache: str, path: str, info: os.stat_result) -> str | None:
    """Return the unpacked wheel in the cache that holds this very file."""
    if ".." in path.split("/"):
        return None
    try:
        with os.scandir(f"{cache}/archive-v0") as archives:
            for number, archive in enumerate(archives):
                if number >= _MOST_ARCHIVES:
                    break
                if _same(_stat(f"{archive.path}/{path}"), info):
                    return archive.path
    except OSError:
        return None
    return None


def _stat(path: str | None) -> os.stat_result | None:
    try:
        info = os.lstat(path) if path is not None else None
    except OSError:
        return None
    return info if info is not None and stat.S_ISREG(info.st_mode) else None


def _same(found: os.stat_result | None, info: os.stat_result) -> bool:
    return found is not None and (found.st_dev, found.st_ino) == (info.st_dev, info.st_ino)
