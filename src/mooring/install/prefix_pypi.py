"""What a lock has from PyPI, installed by uv into a conda prefix that has a Python."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from mooring.files import write_file
from mooring.install.failures import SyncError, sync_failure, tail
from mooring.install.locked_set import locked_set
from mooring.install.note import NOTE_NAME, replaced_artifacts, write_note
from mooring.install.prefix_rattler import Installed
from mooring.lock.model import Selection
from mooring.manifest.model import Index
from mooring.process import Completed, run
from mooring.reporting import Reporter
from mooring.uv import index_arguments, uv_binary, uv_environment

_INFO = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*)-(?P<version>[^/-]+)\.dist-info")
_SITES = ("lib/python3.*/site-packages", "Lib/site-packages")


@dataclass(frozen=True, kw_only=True, slots=True)
class PypiSettings:
    """How the PyPI part is installed; as for `sync_prefix`."""

    indexes: Sequence[Index]
    offline: bool
    reporter: Reporter
    reinstall: frozenset[str]
    lock_folder: Path


def sync_pypi(
    prefix: Path, selection: Selection, conda: Mapping[str, Installed], settings: PypiSettings
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Install the selected artifacts and remove other distributions that conda does not own.

    Returns:
        The names that were installed, and those that were removed, sorted.

    Raises:
        SyncError: It could not be done.
    """
    there = _beside(prefix, conda.values())
    wanted = {each.package.name: each.package.version for each in selection.packages}
    removed = sorted(set(there) - set(wanted))
    fresh = sorted(set(wanted) & (settings.reinstall | set(replaced_artifacts(prefix, selection))))
    missing = sorted(
        {name for name, version in wanted.items() if there.get(name) != version} | set(fresh)
    )
    if removed:
        _uv(prefix, settings, "pip", "uninstall", *_target(prefix), *removed)
    if missing:
        if fresh and not settings.offline:
            _uv(prefix, settings, "cache", "clean", *fresh)
        _install(prefix, selection, fresh, settings)
    if wanted or (prefix / NOTE_NAME).exists():
        write_note(prefix, selection)
    return tuple(missing), tuple(removed)


def _beside(prefix: Path, conda: Iterable[Installed]) -> dict[str, str]:
    """Return the version of every distribution whose metadata is not conda's, by its name."""
    owned = frozenset[str]().union(*(each.infos for each in conda))
    found = {}
    for pattern in _SITES:
        for info in sorted(prefix.glob(f"{pattern}/*.dist-info")):
            match = _INFO.fullmatch(info.name)
            if match and info.relative_to(prefix).as_posix() not in owned:
                found[str(canonicalize_name(match["name"]))] = match["version"]
    return found


def _install(
    prefix: Path, selection: Selection, fresh: Sequence[str], settings: PypiSettings
) -> None:
    locked = locked_set(selection, settings.lock_folder)
    with tempfile.TemporaryDirectory(prefix="mooring-") as temporary:
        file = Path(temporary) / locked.name
        write_file(file, locked.text)
        done = _uv(
            prefix,
            settings,
            *("pip", "install", "--no-deps", *_target(prefix), "--link-mode", "copy"),
            *locked.options,
            # Every file is named by its URL: the indexes only say whose credentials to use.
            *index_arguments(settings.indexes, explicit=True),
            *(word for name in fresh for word in ("--reinstall-package", name)),
            *("-r", str(file)),
        )
    if not done.ok:
        raise sync_failure(done.stderr, str(prefix), settings.indexes)


def _target(prefix: Path) -> tuple[str, ...]:
    """Return the options that name the prefix's own Python; the prefix is nobody else's."""
    names = ("python.exe",) if sys.platform == "win32" else ("bin/python", "bin/python3")
    python = next((prefix / name for name in names if (prefix / name).exists()), None)
    if python is None:
        raise SyncError("the prefix has no Python to install PyPI packages for", where=str(prefix))
    return "--python", str(python), "--break-system-packages"


def _uv(prefix: Path, settings: PypiSettings, *words: str) -> Completed:
    environment = uv_environment(settings.indexes)
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    if settings.offline:
        environment["UV_OFFLINE"] = "1"
    done = run([uv_binary(), *words], env=environment, on_line=settings.reporter.detail)
    if not done.ok and words[:2] == ("pip", "uninstall"):
        raise SyncError(f"uv could not remove packages:\n{tail(done.stderr)}", where=str(prefix))
    return done
