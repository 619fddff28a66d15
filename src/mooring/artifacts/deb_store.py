"""Locked Debian packages on this machine: fetched by apt once, known by their SHA-256."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from mooring.artifacts.deb import Deb, open_deb
from mooring.artifacts.deb_apt import HELPER, Apt, AptError, host_apt, refusal
from mooring.files import cache_root
from mooring.lock.formats.system_lock import SystemLock, SystemPackage
from mooring.oci.blob_store import BlobError, BlobStore
from mooring.process import Completed
from mooring.reporting import SILENT, Reporter

_AT_ONCE = 100
"""Files that one call of apt's helper is asked for."""
_PIECE = 1 << 20


class DebStore:
    """A folder of packages, each in a file named by its SHA-256.

    Args:
        root: The folder; `debs` in Mooring's cache by default.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._blobs = BlobStore(root or cache_root() / "debs")

    def missing(self, lock: SystemLock) -> tuple[SystemPackage, ...]:
        """Return the packages of a base that are not here yet."""
        return tuple(p for p in lock.packages if self._blobs.path(_digest(p)) is None)

    def fetch(
        self, lock: SystemLock, *, offline: bool = False, reporter: Reporter = SILENT
    ) -> None:
        """Get every package of a base that is not here yet; each is checked before it is kept.

        Raises:
            AptError: There is no apt here, no archive has a package any more or answers, or what
                it sends is something else.
        """
        missing = self.missing(lock)
        if not missing:
            return
        if offline:
            raise AptError(
                f"{len(missing)} packages of {lock.base} are not in the cache, and --offline "
                "forbids fetching them",
                hint="build once with the network",
            )
        size = sum(package.size for package in missing)
        counted = f"{len(missing)} package{'s' * (len(missing) != 1)}"
        reporter.step(f"Fetching {counted} of {lock.base} ({size / 1e6:.1f} MB)")
        # Not where packages are resolved: that state changes while it is used.
        root = cache_root() / "apt" / "fetch"
        apt = Apt(host_apt(lock.base), lock.base, lock.architecture, root=root)
        apt.prepare()
        for start in range(0, len(missing), _AT_ONCE):
            self._fetch(apt, missing[start : start + _AT_ONCE])

    @contextlib.contextmanager
    def open(self, package: SystemPackage) -> Iterator[Deb]:
        """Open a package that was fetched; its SHA-256 is compared when it was read.

        Raises:
            BlobError: It is not here, or was changed.
            DebRefused: It is damaged, holds what no package may, or is another package.
        """
        digest = _digest(package)
        path = self._blobs.path(digest)
        with self._blobs.open(digest) as stream:
            assert path is not None
            with open_deb(stream, path, where=package.path, size=package.size) as deb:
                yield deb

    def _fetch(self, apt: Apt, packages: Sequence[SystemPackage]) -> None:
        """Ask each archive in turn for what is still missing."""
        addresses = list(dict.fromkeys(source.uri for source in apt.sources))
        security = {source.uri for source in apt.sources if source.is_security}
        wanted = list(packages)
        done: Completed | None = None
        with _folder(apt) as folder:
            for turn in range(len(addresses)):
                requests = {
                    package: _in_order(addresses, security, package)[turn] for package in wanted
                }
                words: list[str] = []
                for package, address in requests.items():
                    target = folder / package.sha256
                    words += [f"{address}/{package.path}", str(target), f"SHA256:{package.sha256}"]
                done = apt.run([HELPER, "-q", "download-file", *words])
                wanted = [p for p in wanted if not self._keep(folder / p.sha256, p)]
                if not wanted:
                    return
        assert done is not None
        raise _not_fetched(apt, wanted, done)

    def _keep(self, path: Path, package: SystemPackage) -> bool:
        """Move a file into the store; what apt did not fetch is not there."""
        try:
            stream = path.open("rb")
        except OSError:
            return False
        with stream:
            self._copy(stream, package)
        path.unlink(missing_ok=True)
        return True

    def _copy(self, stream: IO[bytes], package: SystemPackage) -> None:
        try:
            with self._blobs.writing(expected=_digest(package)) as blob:
                shutil.copyfileobj(stream, blob, _PIECE)
        except BlobError as error:
            raise AptError(
                f"{package} was fetched, but cannot be kept: {error.message}",
                where=error.where,
                hint=error.hint,
            ) from error


def _digest(package: SystemPackage) -> str:
    return f"sha256:{package.sha256}"


def _in_order(
    addresses: Sequence[str], security: set[str], package: SystemPackage
) -> Sequence[str]:
    """Return the archives, that first which is more likely to have the package."""
    updated = package.path.startswith("pool/updates/")
    return sorted(addresses, key=lambda address: (address in security) != updated)


@contextlib.contextmanager
def _folder(apt: Apt) -> Iterator[Path]:
    """Give an empty folder beside apt's own; two processes never share one."""
    try:
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=apt.folder) as name:
            yield Path(name)
    except OSError as error:
        raise AptError(
            f"the cache folder cannot be written: {error.strerror}", where=str(apt.folder)
        ) from error


def _not_fetched(apt: Apt, packages: Sequence[SystemPackage], done: Completed) -> AptError:
    names = ", ".join(str(package) for package in packages[:3])
    more = f" and {len(packages) - 3} more" if len(packages) > 3 else ""
    if "Hash Sum mismatch" in done.stderr:
        return AptError(
            f"the archive sends something else for {names}{more} than what is locked",
            hint="the mirror is damaged or lies; try another one",
        )
    reason = refusal(apt, done)
    if "404" in done.stdout or "404" in done.stderr or "File not found" in done.stderr:
        return AptError(
            f"the archives of this machine do not have {names}{more} any more",
            hint="run `mooring lock --upgrade-base` for the present versions",
        )
    return AptError(f"{names}{more}: {reason.message}", where=reason.where, hint=reason.hint)
