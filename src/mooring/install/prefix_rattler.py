"""The one place of `install` that knows py-rattler: read a prefix, fetch, unpack, link."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mooring.files import write_files
from mooring.install.failures import SyncError
from mooring.lock.conda import CondaPackage
from mooring.urls import redact

_DELAYS = (0.2, 0.5)
"""Seconds between tries to fetch a package."""

_SETTLING = 0.1
_COPY_ONLY = "allow-hard-links = false\n"
"""An edit in the prefix must not reach what is kept, nor the next prefix; reference links may."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """A conda package as a prefix records it.

    Attributes:
        sha256, md5: Of its archive as claimed, lower-case hex.
        infos: Metadata folders of Python distributions in it, relative to the prefix.
    """

    name: str
    version: str
    build: str
    subdir: str
    sha256: str | None
    md5: str | None
    noarch_python: bool
    infos: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Linking:
    """How packages are put into a prefix.

    Attributes:
        subdir: The platform they are linked for.
        kept: Folder with an entry `<name>-<version>-<build>` for every package to link.
        target_prefix: The path that files are told to be in; the prefix's own by default.
        copy: Whether files are copied, and not hard links to what is kept.
    """

    subdir: str
    kept: Path
    target_prefix: str | None
    copy: bool


def read_installed(prefix: Path) -> dict[str, Installed]:
    """Return what a prefix says is installed in it, by name.

    Raises:
        SyncError: A file of conda-meta is damaged.
    """
    from rattler import PrefixRecord  # 45 ms to import

    found = {}
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        try:
            record = PrefixRecord.from_path(path)
        except Exception as error:  # rattler's errors share no base class
            raise SyncError(
                f"a record of the prefix cannot be read: {_told(error)}",
                where=str(path),
                hint="remove the prefix's folder and sync again",
            ) from error
        found[record.name.normalized] = Installed(
            name=record.name.normalized,
            version=str(record.version),
            build=str(record.build),
            subdir=record.subdir,
            sha256=record.sha256.hex() if record.sha256 else None,
            md5=record.md5.hex() if record.md5 else None,
            noarch_python=bool(record.noarch.python),
            infos=frozenset(
                info for file in record.files if (info := _info_of(str(file))) is not None
            ),
        )
    return found


def download(url: str, target: Path) -> None:
    """Write what a URL serves to a file, with the credentials of rattler's auth file or keychain.

    Raises:
        SyncError: It cannot be fetched.
    """
    from rattler import Client
    from rattler.networking import (
        AuthenticationMiddleware,
        GCSMiddleware,
        OciMiddleware,
        S3Middleware,
    )
    from rattler.package_streaming import download_to_path

    # Its own way to try again forgets why it failed.
    client = Client([AuthenticationMiddleware(), OciMiddleware(), GCSMiddleware(), S3Middleware()])
    for delay in (*_DELAYS, None):
        try:
            _finish(download_to_path(client, url, target))
        except Exception as error:  # rattler's errors share no base class
            said = _told(error)
            if delay is None or "client error" in said:
                said = "its server does not answer" if "error sending" in said else said
                raise SyncError(said) from error
            time.sleep(delay)
        else:
            return


def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Run one of rattler's coroutines to its end."""

    async def settled() -> None:
        try:
            await work
        except Exception:
            # Its threads let go of the error a moment later; when Python ends before, it crashes.
            await asyncio.sleep(_SETTLING)
            raise

    asyncio.run(settled())


def base_url(channel: str) -> str:
    """Return the base URL of a channel that is declared by name or URL, without final `/`."""
    from rattler import Channel

    return Channel(channel).base_url.rstrip("/")


def unpack(archive: Path, folder: Path) -> str:
    """Unpack an archive, and return the SHA-256 of the very bytes that were unpacked, hex.

    Raises:
        SyncError: It is damaged.
    """
    from rattler.package_streaming import extract

    try:
        sha256, _ = extract(archive, folder)
    except Exception as error:  # rattler's errors share no base class
        raise SyncError(f"the archive cannot be unpacked: {_told(error)}") from error
    return sha256.hex()


def link(
    prefix: Path,
    packages: Sequence[CondaPackage],
    linking: Linking,
    reinstall: Sequence[str],
    said: Callable[[str], None],
) -> None:
    """Make a prefix hold exactly these packages; no script of a package runs.

    Raises:
        SyncError: It could not be done.
    """
    from rattler import (
        Client,
        Config,
        PackageCache,
        PackageCacheLayer,
        Subdir,
        ValidationMode,
        install,
    )

    # What is kept was compared with the archives' own digests just before.
    layer = PackageCacheLayer(linking.kept).with_validation_mode(ValidationMode.skip())

    class _Reporter:
        """Told by rattler; the start of something returns a token."""

        def on_link_start(self, operation: int, package_name: str) -> int:
            said(f"linking {package_name}")
            return operation

        def on_unlink_start(self, operation: int, package_name: str) -> int:
            said(f"removing {package_name}")
            return operation

        def __getattr__(self, name: str) -> Callable[..., int]:
            return lambda *_, **__: 0

    async def work() -> None:
        await install(
            [_record(package) for package in packages],
            prefix,
            reinstall_packages=set(reinstall),
            platform=Subdir(linking.subdir),
            execute_link_scripts=False,
            show_progress=False,
            client=Client(),
            reporter=_Reporter(),  # type: ignore[arg-type]
            alternative_target_prefix=linking.target_prefix,
            config=Config.from_toml(_COPY_ONLY) if linking.copy else Config(),
            package_cache=PackageCache.from_layers([layer]),
        )

    try:
        _finish(work())
    except Exception as error:  # rattler's errors share no base class
        raise _link_failure(_told(error), prefix, linking) from error


def _info_of(path: str) -> str | None:
    """Return the metadata folder that a file lies in, None when it lies in none."""
    folder = path.replace("\\", "/")
    while (folder := folder.rpartition("/")[0]) and not folder.endswith(
        (".dist-info", ".egg-info")
    ):
        pass
    return folder or None


def _record(package: CondaPackage) -> Any:
    from rattler import BuildString, PackageRecord, RepoDataRecord

    noarch: Any = package.noarch
    record = PackageRecord(
        package.name,
        package.version,
        BuildString(package.build),
        package.build_number or 0,
        package.subdir,
        noarch=noarch,
        depends=list(package.depends),
        constrains=list(package.constrains),
        sha256=bytes.fromhex(package.sha256) if package.sha256 else None,
        md5=bytes.fromhex(package.md5) if package.md5 else None,
        size=package.size,
        license=package.license,
    )
    return RepoDataRecord(record, package.file_name, package.url, package.channel)


def _link_failure(said: str, prefix: Path, linking: Linking) -> SyncError:
    if "codesign" in said:
        return SyncError(
            "a package for macOS has its place written into programs, which must then be signed "
            "anew: that is only possible on macOS",
            where=str(prefix),
            hint=f"make the prefix for {linking.subdir} on such a machine",
        )
    if "No space left" in said:
        return SyncError(
            "the disk is full", where=str(prefix), hint="free some space, then sync again"
        )
    return SyncError(f"rattler could not link the packages: {said}", where=str(prefix))


def _told(error: BaseException) -> str:
    """Return what an error says on one line, without credentials and Rust's words around it."""
    lines = [line.removeprefix("Caused by:").strip() for line in str(error).splitlines()]
    return redact("; ".join(line for line in lines if line)) or type(error).__name__


def forget_place(prefix: Path, packages: Sequence[CondaPackage], kept: Path) -> None:
    """Remove from the records of new packages where they were kept: the same bytes everywhere.

    Raises:
        MooringError: A record cannot be written.
    """
    place = json.dumps(f"{kept.as_posix()}/")[1:-1]
    files = {}
    for package in packages:
        path = prefix / "conda-meta" / f"{entry_of(package)}.json"
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            files[path] = text.replace(f'"{place}', '"').encode("utf-8")
    write_files(files)


def entry_of(package: CondaPackage) -> str:
    """Return the name under which rattler looks for an unpacked package."""
    return f"{package.name}-{package.version}-{package.build}"
