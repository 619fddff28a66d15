"""What locked wheels hold: read from their files, or from their index by ranges, for `--deep`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mooring.errors import MooringError
from mooring.lock.model import Artifact
from mooring.manifest.model import Index
from mooring.verify.deep import Lines

if TYPE_CHECKING:
    from mooring.artifacts.fetch import Fetcher

Read = dict[str, "Lines | str"]


def read_wheels(wheels: Iterable[Artifact], *, folder: Path, indexes: Sequence[Index] = ()) -> Read:
    """Return what each wheel holds, by its file name, or why that cannot be told.

    A wheel in a folder is compared with its locked SHA-256 before it is believed. Of one in an
    index only the end is fetched, where its list of files is; its length must be the locked one.

    Args:
        wheels: Locked wheels.
        folder: The folder of the lock, for wheels with a path.
        indexes: The declared indexes, for their credentials.
    """
    found: Read = {}
    remote = {}
    for wheel in wheels:
        if wheel.url is not None:
            remote[wheel.name] = wheel
        elif wheel.path is not None:
            found[wheel.name] = _local(folder / wheel.path, wheel.sha256)
        else:
            found[wheel.name] = "the lock does not say where the wheel is"
    return found | _fetch(remote, indexes)


def _local(path: Path, sha256: str | None) -> Lines | str:
    from mooring.artifacts.record import NoIdentity
    from mooring.artifacts.wheel_record import read_local

    try:
        return read_local(path, sha256).lines
    except (MooringError, NoIdentity) as error:
        return str(error)


def _fetch(wheels: dict[str, Artifact], indexes: Sequence[Index]) -> Read:
    if not wheels:
        return {}
    # Threads and the HTTP client are slow to import, and wheels at hand need neither.
    from concurrent.futures import ThreadPoolExecutor

    from mooring.artifacts.fetch import CONNECTIONS, fetching

    away: dict[str, str] = {}
    with fetching(indexes) as fetcher, ThreadPoolExecutor(CONNECTIONS) as pool:
        found = pool.map(partial(_remote, fetcher, away), wheels.values())
        return dict(zip(wheels, found))


def _remote(fetcher: Fetcher, away: dict[str, str], wheel: Artifact) -> Lines | str:
    from mooring.artifacts.fetch import FetchError
    from mooring.artifacts.record import NoIdentity
    from mooring.artifacts.wheel_record import RefusedError, read_remote

    url = wheel.url or ""
    host = urlsplit(url).netloc
    if host in away:
        return away[host]  # each further attempt would take as long as the first
    try:
        return read_remote(fetcher, url, sha256=wheel.sha256, size=wheel.size).lines
    except RefusedError as error:
        return str(error)
    except FetchError as error:
        return away.setdefault(host, error.message)
    except (MooringError, NoIdentity) as error:
        return str(error)
