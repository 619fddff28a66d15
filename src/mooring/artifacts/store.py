"""Wheels of a selection as files of this machine: fetched once, compared with the lock always."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mooring.artifacts.wheels_only import ArtifactError, require_wheels
from mooring.files import cache_root
from mooring.lock.model import Selected, Selection
from mooring.oci.blob_store import BlobStore
from mooring.reporting import SILENT, Reporter
from mooring.uv import IndexLike

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mooring.artifacts.download import Wanted

_DOWNLOADS = 8
_READERS = 4


class ArtifactStore:
    """The artifacts of locks, each in a file named by its SHA-256, shared by every project.

    Args:
        root: The folder; `artifacts` in Mooring's cache by default.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_root() / "artifacts"
        self._blobs = BlobStore(self.root)
        # What this process hashed already; another inode, size or time is another file.
        self._proved: dict[str, tuple[int, int, int]] = {}
        # One at a time: several layers of one image need the same artifacts.
        self._fetching = threading.Lock()

    def fetch(
        self,
        selection: Selection,
        *,
        folder: Path,
        indexes: Sequence[IndexLike] = (),
        offline: bool = False,
        reporter: Reporter = SILENT,
    ) -> Mapping[str, Path]:
        """Return the file of every artifact of a selection, by package name.

        Args:
            selection: What is wanted; all of it has to be wheels.
            folder: The folder of the lock, for artifacts with a path.
            indexes: The declared indexes, for their credentials, and for locks without URLs.
            offline: Whether nothing may be fetched.
            reporter: Told what is fetched.

        Raises:
            ArtifactError: Some are no wheels, one cannot be had, or is not the locked one.
            MooringError: The cache cannot be written.
        """
        require_wheels(selection)
        with self._fetching:
            self._have(selection.packages, folder, tuple(indexes), offline, reporter)
        return {each.package.name: self._path(each) for each in selection.packages}

    def _have(
        self,
        packages: Sequence[Selected],
        folder: Path,
        indexes: tuple[IndexLike, ...],
        offline: bool,
        reporter: Reporter,
    ) -> None:
        missing = self._missing(packages)
        local = [each for each in missing if each.artifact.path is not None]
        remote = [each for each in missing if each.artifact.path is None]
        if remote and offline:
            raise _offline(remote)
        if missing:
            # The HTTP client is slow to import, and most runs find all in the cache.
            from mooring.artifacts.download import Wanted, copy_local

            wanted = Wanted(folder=folder, indexes=indexes)
            for each in local:
                copy_local(each, wanted, self._blobs)
            if remote:
                reporter.step(_announcement(remote))
                self._download(remote, wanted, reporter)
        for each in missing:  # they were hashed on their way into the cache
            if (stamp := self._stamp(_sha256(each))) is not None:
                self._proved[_sha256(each)] = stamp

    def _missing(self, packages: Sequence[Selected]) -> list[Selected]:
        """Return the packages whose file is absent, or is not what its name says."""
        wanted = {_sha256(each): each for each in packages}
        unproved = [sha256 for sha256 in wanted if not self._is_known(sha256)]
        if len(unproved) < 2:
            return [wanted[sha256] for sha256 in unproved if not self._prove(sha256)]
        from concurrent.futures import ThreadPoolExecutor  # slow to import

        with ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1)) as pool:
            good = list(pool.map(self._prove, unproved))
        return [wanted[sha256] for sha256, there in zip(unproved, good) if not there]

    def _is_known(self, sha256: str) -> bool:
        stamp = self._stamp(sha256)
        return stamp is not None and self._proved.get(sha256) == stamp

    def _stamp(self, sha256: str) -> tuple[int, int, int] | None:
        path = self._blobs.path(f"sha256:{sha256}")
        if path is None:
            return None
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _prove(self, sha256: str) -> bool:
        """Compare a cached file with its name; one that was changed is forgotten."""
        stamp = self._stamp(sha256)
        path = self._blobs.path(f"sha256:{sha256}")
        if stamp is None or path is None:
            return False
        try:
            with path.open("rb") as stream:
                actual = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return False
        if actual != sha256:
            self._blobs.discard(f"sha256:{sha256}")
            return False
        self._proved[sha256] = stamp
        return True

    def _path(self, selected: Selected) -> Path:
        path = self._blobs.path(f"sha256:{_sha256(selected)}")
        if path is None:
            raise ArtifactError(
                f"{selected.artifact.name} vanished from the cache",
                where=str(self.root),
                hint="run this again",
            )
        size, locked = path.stat().st_size, selected.artifact.size
        if locked not in (None, size):
            # Which artifacts share a layer depends on sizes, so a wrong one makes another image.
            raise ArtifactError(
                f"{selected.artifact.name} has {size} bytes, the lock says {locked}",
                hint="the lock was changed by hand: run `mooring lock` again",
            )
        return path

    def _download(self, packages: Sequence[Selected], wanted: Wanted, reporter: Reporter) -> None:
        from concurrent.futures import as_completed

        from mooring.artifacts.download import download
        from mooring.artifacts.fetch import fetching
        from mooring.threads import Threads

        # The largest first: it is what the end would wait for.
        order = sorted(packages, key=lambda each: -(each.artifact.size or 0))
        with fetching(wanted.indexes) as fetcher, Threads(_DOWNLOADS) as threads:
            pending: dict[Future[None], Selected] = {
                threads.submit(download, each, fetcher, wanted, self._blobs): each for each in order
            }
            try:
                for future in as_completed(pending):
                    future.result()
                    reporter.detail(pending[future].artifact.name)
            except BaseException:
                wanted.stop.set()
                raise


def _sha256(selected: Selected) -> str:
    assert selected.artifact.sha256 is not None  # `require_wheels` saw to that
    return selected.artifact.sha256


def _announcement(packages: Sequence[Selected]) -> str:
    size = sum(each.artifact.size or 0 for each in packages)
    count = f"{len(packages)} wheel{'s' if len(packages) > 1 else ''}"
    return f"Downloading {count} ({size / 1e6:.1f} MB)" if size else f"Downloading {count}"


def _offline(packages: Sequence[Selected]) -> ArtifactError:
    names = [each.artifact.name for each in packages]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return ArtifactError(
        f"{names[0]}{more} is not in the cache, and --offline forbids to fetch it",
        hint="run this once with the network",
    )
