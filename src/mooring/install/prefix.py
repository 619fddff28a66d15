"""Make a conda prefix hold exactly what a selection says, with rattler and then uv."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mooring.errors import InputError, MooringError
from mooring.files import LOCK_WAIT_SECONDS, cache_root, one_writer
from mooring.install import prefix_folder, prefix_rattler
from mooring.install.failures import SyncError
from mooring.install.prefix_packages import Store, Unpacked
from mooring.install.prefix_paths import refuse_escapes
from mooring.install.prefix_pypi import PypiSettings, sync_pypi
from mooring.install.prefix_rattler import Installed, Linking
from mooring.lock.conda import CondaPackage, CondaSelection
from mooring.lock.conda_pypi import pypi_selection
from mooring.manifest.conda import CondaChannel
from mooring.manifest.model import Index
from mooring.platforms import Platform
from mooring.reporting import Reporter
from mooring.urls import strip_credentials

_KEPT = "conda-packages"
_SCRIPTS = ("bin/.{0}-post-link.sh", "Scripts/.{0}-post-link.bat")


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefixSettings:
    """What a sync of a prefix may be told besides.

    Attributes:
        platform: What the prefix is for; this machine by default.
        target_prefix: The path that its files are told to be in, for a prefix that will be used
            elsewhere, such as the root of an image.
        copy: Whether files are copies, and not hard links to the kept packages.
        channels: The declared channels, for their mirrors and credentials.
        reinstall: Names of packages, conda's and PyPI's, that are put in place afresh.
        packages: Where unpacked packages are kept; in Mooring's cache by default.
        lock_folder: Where relative paths of the lock begin; beside the prefix by default.
        wait: How long to wait for another Mooring that writes this prefix, seconds.
    """

    platform: Platform | None = None
    target_prefix: str | None = None
    copy: bool = True
    channels: tuple[CondaChannel, ...] = ()
    reinstall: tuple[str, ...] = ()
    packages: Path | None = None
    lock_folder: Path | None = None
    wait: float = LOCK_WAIT_SECONDS


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefixResult:
    """What a sync of a prefix did.

    Attributes:
        created: Whether the prefix was made.
        installed, removed: Names of conda packages, sorted; a changed one is in `installed` only.
        pypi_installed, pypi_removed: Names of PyPI packages, sorted.
        skipped_scripts: Installed packages that have a post-link script, which did not run.
        paths_ids: Name to paths id of the packages that were put in place by this sync.
    """

    path: Path
    created: bool
    installed: tuple[str, ...]
    removed: tuple[str, ...]
    pypi_installed: tuple[str, ...] = ()
    pypi_removed: tuple[str, ...] = ()
    skipped_scripts: tuple[str, ...] = ()
    paths_ids: Mapping[str, str] = field(default_factory=dict, hash=False)


def sync_prefix(
    path: Path,
    selection: CondaSelection,
    *,
    indexes: Sequence[Index],
    reporter: Reporter,
    offline: bool = False,
    settings: PrefixSettings = PrefixSettings(),
) -> PrefixResult:
    """Install the selected packages and remove everything else.

    The bytes of every package are compared with the lock before the prefix is touched. Scripts of
    packages do not run. The writer's lock of the prefix is held meanwhile: a caller must not hold
    it. A prefix that could not be made leaves nothing behind.

    Args:
        path: The prefix.
        selection: What it shall hold.
        indexes: The declared package indexes, for the credentials of the PyPI part.
        reporter: Is told what happens.
        offline: Use only what is on this machine.
        settings: The rest.

    Raises:
        InputError: The folder is no conda prefix, or the selection is for another platform.
        SyncError: It could not be done; the message says why.
        MooringError: Another Mooring writes this prefix.
    """
    _check_platform(selection, settings)
    prefix_folder.look_at(path)
    with one_writer(path, wait=settings.wait):
        there = prefix_folder.look_at(path)
        installed = prefix_rattler.read_installed(path) if there else {}
        _check_installed(path, selection, installed)
        needed = _needed(selection, installed, settings.reinstall)
        if needed:
            reporter.step(f"Putting {len(needed)} conda packages into {path}")
        unpacked = _store(settings, offline, reporter).provide(needed)
        refuse_escapes(path, unpacked)
        with _made(path, there):
            removed = sorted(set(installed) - {each.name for each in selection.packages})
            if needed or removed or not there:
                _link(path, selection, unpacked, settings, reporter)
            now = prefix_rattler.read_installed(path)
            _check_result(path, selection, now)
            pypi = sync_pypi(
                path,
                pypi_selection(selection),
                now,
                PypiSettings(
                    indexes=indexes,
                    offline=offline,
                    reporter=reporter,
                    reinstall=frozenset(settings.reinstall),
                    lock_folder=settings.lock_folder or path.parent,
                ),
            )
    scripts = _with_scripts(unpacked)
    if scripts:
        reporter.warn(
            "these packages have a post-link script, which did not run: " + ", ".join(scripts)
        )
    return PrefixResult(
        path=path,
        created=not there,
        installed=tuple(sorted(each.name for each in needed)),
        removed=tuple(removed),
        pypi_installed=pypi[0],
        pypi_removed=pypi[1],
        skipped_scripts=scripts,
        paths_ids={each.package.name: each.paths_id for each in unpacked if each.paths_id},
    )


def _check_platform(selection: CondaSelection, settings: PrefixSettings) -> None:
    machine = Platform.current()
    wanted = settings.platform or machine
    if wanted.subdir != selection.platform.subdir:
        raise InputError(
            f"the lock's packages are for {selection.platform.subdir}, the prefix is for "
            f"{wanted.subdir}",
            hint="name the platform of the prefix, or lock for this one too: add it to "
            "`platforms` and run `mooring lock`",
        )
    elsewhere = wanted.subdir != machine.subdir or settings.target_prefix is not None
    if elsewhere and selection.pypi:
        raise InputError(
            f"{selection.pypi[0].name} comes from PyPI, and PyPI packages are only installed by "
            "the Python of the prefix, where it can run in its place",
            hint="sync this prefix where it will be used",
        )
    pypi_selection(selection)  # refused before anything is made


def _check_installed(
    path: Path, selection: CondaSelection, installed: Mapping[str, Installed]
) -> None:
    own = ("noarch", selection.platform.subdir)
    other = next((each for each in installed.values() if each.subdir not in own), None)
    if other is not None:
        raise InputError(
            f"this prefix is for {other.subdir}, the lock's packages are for "
            f"{selection.platform.subdir}",
            where=str(path),
            hint="name another folder",
        )


def _needed(
    selection: CondaSelection, installed: Mapping[str, Installed], reinstall: Sequence[str]
) -> list[CondaPackage]:
    """Return the packages to put in place, all `noarch: python` ones when the Python is another."""
    python = next((each for each in selection.packages if each.name == "python"), None)
    before = installed.get("python")
    moved = (_minor(python.version) if python else "") != (_minor(before.version) if before else "")
    return [
        package
        for package in selection.packages
        if (there := installed.get(package.name)) is None
        or package.name in reinstall
        or not _is_same(package, there)
        or (moved and there.noarch_python)
    ]


def _is_same(package: CondaPackage, there: Installed) -> bool:
    if (package.version, package.build, package.subdir) != (
        there.version,
        there.build,
        there.subdir,
    ):
        return False
    if package.sha256 and there.sha256:
        return package.sha256 == there.sha256
    return not (package.md5 and there.md5) or package.md5 == there.md5


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _store(settings: PrefixSettings, offline: bool, reporter: Reporter) -> Store:
    places = [
        (strip_credentials(base), (*channel.mirrors, base))
        for channel in settings.channels
        for base in [prefix_rattler.base_url(channel.url)]
    ]

    def found(package: CondaPackage) -> Sequence[str]:
        for public, bases in places:
            if package.url.startswith(f"{_without_token(public)}/"):
                rest = package.url[len(_without_token(public)) :]
                return [base.rstrip("/") + rest for base in bases]
        return [package.url]

    return Store(
        root=settings.packages or cache_root() / _KEPT,
        places=found,
        offline=offline,
        said=reporter.detail,
    )


def _without_token(url: str) -> str:
    parts = urlsplit(url)
    if not parts.path.startswith("/t/"):
        return url
    return parts._replace(path="/" + parts.path[3:].partition("/")[2]).geturl()


@contextlib.contextmanager
def _made(path: Path, there: bool) -> Iterator[None]:
    """Mark a new prefix until it is whole; when it cannot be made, nothing of it stays."""
    if there:
        yield
        return
    absent = not path.exists()
    prefix_folder.begin(path)
    try:
        yield
        prefix_folder.finish(path)
    except MooringError:
        prefix_folder.clear(path)
        if absent:
            path.rmdir()
        raise


def _link(
    path: Path,
    selection: CondaSelection,
    unpacked: Sequence[Unpacked],
    settings: PrefixSettings,
    reporter: Reporter,
) -> None:
    """Link what was checked: rattler sees nothing but these packages, by the names it looks for."""
    complete = {each.package.name: each.package for each in unpacked}
    with tempfile.TemporaryDirectory(prefix="mooring-") as temporary:
        kept = Path(temporary)
        for each in unpacked:
            (kept / prefix_rattler.entry_of(each.package)).symlink_to(each.folder.resolve())
        prefix_rattler.link(
            path,
            [complete.get(package.name, package) for package in selection.packages],
            Linking(
                subdir=selection.platform.subdir,
                kept=kept,
                target_prefix=settings.target_prefix,
                copy=settings.copy,
            ),
            sorted(complete),
            reporter.detail,
        )
        prefix_rattler.forget_place(path, list(complete.values()), kept)
        own = [entry for entry in kept.iterdir() if entry.is_dir() and not entry.is_symlink()]
        if own:
            raise SyncError(
                f"rattler fetched {own[0].name} on its own, which was not checked",
                where=str(path),
                hint="this is a fault of Mooring: please report it; remove the prefix",
            )


def _check_result(
    path: Path, selection: CondaSelection, installed: Mapping[str, Installed]
) -> None:
    wanted = {each.name for each in selection.packages}
    wrong = sorted(wanted ^ set(installed)) or [
        each.name for each in selection.packages if not _is_same(each, installed[each.name])
    ]
    if wrong:
        raise SyncError(f"the prefix does not hold the locked {wrong[0]}", where=str(path))


def _with_scripts(unpacked: Sequence[Unpacked]) -> tuple[str, ...]:
    return tuple(
        sorted(
            each.package.name
            for each in unpacked
            if any((each.folder / text.format(each.package.name)).exists() for text in _SCRIPTS)
        )
    )
