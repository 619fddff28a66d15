"""Archives of conda packages: checked against the lock before anything reads them, unpacked once.

Unpacked packages are kept by the digest of their archive, with a seal: the digest of every file as
it was unpacked. A kept package that does not fit its seal any more is unpacked again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mooring.artifacts.record import NoIdentity, paths_id
from mooring.errors import InputError, MooringError
from mooring.files import write_file
from mooring.install import prefix_rattler
from mooring.install.failures import SyncError
from mooring.lock.conda import CondaPackage
from mooring.urls import redact

_AT_ONCE = 8
_JSON_LIMIT = 256 << 20
_SHOWN = 5
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.!+=-]*")
_HEX = re.compile(r"[0-9a-f]{64}")
_PACKAGE, _SEAL = "package", "seal"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unpacked:
    """A package whose bytes are those in the lock.

    Attributes:
        package: With what only the archive itself tells, such as `noarch`.
        folder: Where it is unpacked.
        paths_id: Digest of the file list that it publishes; None when it has no such id.
        paths: The files that it lists, as packaged.
        programs: Names of the programs that are made for its entry points.
    """

    package: CondaPackage
    folder: Path
    paths_id: str | None
    paths: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """The kept packages.

    Attributes:
        root: Their folder.
        places: Where a package may be fetched from, best first, as URLs with credentials.
        offline: Whether nothing is fetched over a network.
        said: Is told what is fetched.
    """

    root: Path
    places: Callable[[CondaPackage], Sequence[str]]
    offline: bool
    said: Callable[[str], None]

    def provide(self, packages: Sequence[CondaPackage]) -> tuple[Unpacked, ...]:
        """Return every package unpacked; all that are wrong are told together.

        Raises:
            SyncError: A package cannot be had, or its bytes are not those in the lock.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(self._tried, packages))
        failed = [each for each in found if isinstance(each, MooringError)]
        if failed:
            raise _together(failed)
        return tuple(each for each in found if isinstance(each, Unpacked))

    def _tried(self, package: CondaPackage) -> Unpacked | MooringError:
        try:
            return self._provide(package)
        except MooringError as error:
            return error
        except OSError as error:
            return SyncError(
                f"{package.file_name} cannot be unpacked: {error.strerror or error}",
                where=str(self.root),
                hint="free some space or check the permissions; MOORING_CACHE_DIR names another "
                "cache folder",
            )

    def _provide(self, package: CondaPackage) -> Unpacked:
        _refuse_odd(package)
        if package.sha256 is not None:
            kept = self.root / package.sha256
            if _is_sealed(kept):
                return _described(package, kept / _PACKAGE)
        self.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root, prefix="new-") as temporary:
            fresh = Path(temporary) / "fresh"
            archive = self._archive(package, Path(temporary))
            digest = prefix_rattler.unpack(archive, fresh / _PACKAGE)
            if package.sha256 not in (None, digest):
                # It was changed between the check and the unpacking.
                raise _other_bytes(package, str(package.sha256), digest)
            # Checked before it is kept: what is in the archive must be what the lock names.
            described = _described(package, fresh / _PACKAGE)
            write_file(fresh / _SEAL, _sealed(fresh / _PACKAGE))
            kept = self.root / digest
            _move(fresh, kept)
        return replace(described, folder=kept / _PACKAGE)

    def _archive(self, package: CondaPackage, folder: Path) -> Path:
        """Return the archive with the locked digest, fetched where it is not on this machine."""
        if package.sha256 is None and package.md5 is None:
            raise InputError(
                f"the lock has no digest for {package.file_name}",
                where=redact(package.url),
                hint="lock again with `mooring lock`",
            )
        problems = []
        for number, url in enumerate(self.places(package)):
            target = folder / f"{number}-{package.file_name}"
            try:
                archive = self._fetched(package, url, target)
                _check(package, archive)
            except SyncError as error:
                problems.append(error)
            else:
                return archive
        raise problems[0]

    def _fetched(self, package: CondaPackage, url: str, target: Path) -> Path:
        parts = urlsplit(url)
        if parts.scheme == "file":
            local = Path(url2pathname(parts.path))
            if not local.is_file():
                raise SyncError(
                    f"{package.file_name} is not in its channel",
                    where=redact(url),
                    hint="the channel was moved, or the package was removed from it; "
                    "`mooring lock` finds what is there now",
                )
            return local
        if self.offline:
            raise SyncError(
                f"{package.file_name} was never fetched on this machine, and this run is offline",
                hint="run it once without --offline",
            )
        self.said(f"fetching {package.file_name}")
        try:
            prefix_rattler.download(url, target)
        except SyncError as error:
            raise SyncError(
                f"{package.file_name} cannot be fetched: {error.message}",
                where=redact(package.url),
                hint="check the network, the proxy variables and the credentials of the channel",
            ) from error
        return target


def _refuse_odd(package: CondaPackage) -> None:
    """Refuse what cannot be the name of a folder: names and digests become some."""
    parts = (package.name, package.version, package.build, package.subdir)
    odd = not all(map(_PLAIN.fullmatch, parts)) or not _HEX.fullmatch(package.sha256 or "0" * 64)
    if odd:
        raise InputError(
            f"{package.file_name!r} has no valid name, version, build, subdir or digest",
            where=redact(package.url),
            hint="lock again with `mooring lock`",
        )


def _check(package: CondaPackage, archive: Path) -> None:
    """Compare the archive with the lock; MD5 only where the lock has nothing better."""
    algorithm, expected = ("sha256", package.sha256) if package.sha256 else ("md5", package.md5)
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, algorithm).hexdigest()
    if found != (expected or "").lower():
        raise _other_bytes(package, str(expected), found)


def _other_bytes(package: CondaPackage, expected: str, found: str) -> SyncError:
    return SyncError(
        f"{package.file_name} is not the archive in the lock: locked {expected}, found {found}",
        where=redact(package.url),
        hint="either the lock was edited or the channel serves another file under the same name; "
        "find out which before you run `mooring lock`",
    )


def _described(package: CondaPackage, folder: Path) -> Unpacked:
    index = _json(folder / "info" / "index.json", package)
    named = (index.get("name"), index.get("version"), index.get("build"))
    if named != (package.name, package.version, package.build):
        shown = " ".join(str(each) for each in named)
        raise SyncError(
            f"{package.file_name} holds another package than the lock says: {shown}",
            where=redact(package.url),
            hint="the lock was edited: lock again with `mooring lock`",
        )
    noarch = index.get("noarch")
    rows = _rows(folder, package)
    return Unpacked(
        package=replace(
            package,
            noarch=noarch if noarch in ("python", "generic") else None,
            build_number=_number(index.get("build_number")),
            depends=package.depends or _texts(index.get("depends")),
            constrains=package.constrains or _texts(index.get("constrains")),
        ),
        folder=folder,
        paths_id=_identity(rows, noarch == "python") if rows is not None else None,
        paths=_listed(folder, rows),
        programs=_programs(folder, package) if noarch == "python" else (),
    )


def _rows(folder: Path, package: CondaPackage) -> list[dict[str, object]] | None:
    """Return the list of files, None for packages of an old form that have no such list."""
    path = folder / "info" / "paths.json"
    if not path.is_file():
        return None
    rows = _json(path, package).get("paths")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SyncError(
            f"{package.file_name} is no usable package: info/paths.json lists no files",
            where=redact(package.url),
        )
    return rows


def _listed(folder: Path, rows: Sequence[Mapping[str, object]] | None) -> tuple[str, ...]:
    """Return the paths of a package; packages of an old form list them in `info/files`."""
    if rows is not None:
        return tuple(str(row.get("_path") or "") for row in rows)
    try:
        text = (folder / "info" / "files").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ()
    return tuple(line for line in text.split("\n") if line.strip())


def _programs(folder: Path, package: CondaPackage) -> tuple[str, ...]:
    path = folder / "info" / "link.json"
    noarch = _json(path, package).get("noarch") if path.is_file() else None
    points = noarch.get("entry_points") if isinstance(noarch, dict) else None
    found = points if isinstance(points, list) else []
    return tuple(str(point).partition("=")[0].strip() for point in found)


def _identity(rows: Sequence[Mapping[str, object]], noarch_python: bool) -> str | None:
    try:
        return paths_id(rows, noarch_python=noarch_python)
    except NoIdentity:
        return None


def _json(path: Path, package: CondaPackage) -> dict[str, object]:
    try:
        if path.stat().st_size > _JSON_LIMIT:
            raise ValueError("it is too large")
        data = json.loads(path.read_bytes())
        if not isinstance(data, dict):
            raise ValueError("it is no object")
    except (OSError, ValueError, RecursionError) as error:
        raise SyncError(
            f"{package.file_name} is no usable package: info/{path.name}: {error}",
            where=redact(package.url),
        ) from error
    return data


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _is_sealed(kept: Path) -> bool:
    """Whether a kept package is there and has not changed since it was unpacked."""
    try:
        return (kept / _SEAL).read_text(encoding="utf-8") == _sealed(kept / _PACKAGE)
    except (OSError, ValueError):
        return False


def _sealed(folder: Path) -> str:
    """Return one line for every file of an unpacked package: its digest or link text, its path."""
    lines = []
    for above, folders, files in os.walk(folder):
        for name in sorted(files + [each for each in folders if Path(above, each).is_symlink()]):
            path = Path(above, name)
            if path.is_symlink():
                value = f"link {path.readlink()}"
            else:
                with path.open("rb") as stream:
                    value = hashlib.file_digest(stream, "sha256").hexdigest()
            lines.append(f"{value}  {path.relative_to(folder).as_posix()}")
    text = "".join(f"{line!r}\n" for line in sorted(lines))
    return f"mooring.unpacked/1\n{text}"


def _move(fresh: Path, kept: Path) -> None:
    """Put a package in its place; one that is there does not fit its seal, or was just made."""
    if kept.exists() and not _is_sealed(kept):
        shutil.rmtree(kept)
    if not kept.exists():
        fresh.rename(kept)


def _together(failed: Sequence[MooringError]) -> MooringError:
    if len(failed) == 1:
        return failed[0]
    lines = "\n".join(f"  {error}" for error in failed[:_SHOWN])
    more = f"\n  and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    return SyncError(
        f"{len(failed)} packages cannot be installed:\n{lines}{more}", hint=failed[0].hint
    )
