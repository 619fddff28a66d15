"""Make a virtual environment hold exactly what a selection says, with uv."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mooring.errors import InputError
from mooring.files import write_file
from mooring.install import folder
from mooring.install.failures import SyncError, no_interpreter, sync_failure, tail
from mooring.install.locked_set import locked_set
from mooring.install.note import replaced_artifacts, write_note
from mooring.lock.model import Selection
from mooring.manifest.model import Index
from mooring.platforms import PythonVersion
from mooring.process import Completed, run
from mooring.reporting import Reporter
from mooring.uv import index_arguments, uv_binary, uv_environment


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncSettings:
    """What a sync may be told besides.

    Attributes:
        interpreter: The Python to make the environment with; found by its version by default.
        lock_folder: Where relative paths of the lock begin; beside the environment by default.
    """

    interpreter: Path | None = None
    lock_folder: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SyncResult:
    """What a sync did.

    Attributes:
        path: The environment.
        created: Whether it was made, or made anew.
        installed, removed: Normalised names, sorted; an upgraded package is in `installed` only.
        python: Version of its interpreter.
    """

    path: Path
    created: bool
    installed: tuple[str, ...]
    removed: tuple[str, ...]
    python: str


def sync_venv(
    path: Path,
    selection: Selection,
    *,
    indexes: Sequence[Index],
    reporter: Reporter,
    reinstall: Sequence[str] = (),
    offline: bool = False,
    settings: SyncSettings = SyncSettings(),
) -> SyncResult:
    """Install the selected artifacts and remove everything else.

    It may be run again after it was interrupted. An environment with another Python is made anew.

    Args:
        path: The environment's folder.
        selection: What it shall hold, for this machine.
        indexes: The declared indexes, for their credentials.
        reporter: Is told what happens.
        reinstall: Normalised names of packages that are fetched and installed afresh, because what
            is installed or cached of them is not trusted.
        offline: Use uv's cache only.
        settings: The rest.

    Raises:
        InputError: The folder holds something else than a virtual environment.
        SyncError: It could not be done; the message says why.
    """
    uv = _Uv(path=path, indexes=indexes, offline=offline, reporter=reporter)
    created = _prepare(uv, selection.python, settings.interpreter)
    fresh = sorted({*reinstall, *(() if created else replaced_artifacts(path, selection))})
    if fresh and not created:
        uv.forget(fresh)
    changes = uv.sync(selection, fresh, settings.lock_folder or path.parent)
    write_note(path, selection)
    found = folder.look_at(path)
    return SyncResult(
        path=path,
        created=created,
        installed=_names(changes, "installed", "reinstalled"),
        removed=tuple(
            sorted(
                set(_names(changes, "uninstalled"))
                - {selected.package.name for selected in selection.packages}
            )
        ),
        python=(found.version if found else None) or str(selection.python),
    )


def repair_venv(
    path: Path,
    selection: Selection,
    *,
    remove: Sequence[str],
    indexes: Sequence[Index],
    reporter: Reporter,
    offline: bool = False,
    lock_folder: Path | None = None,
) -> None:
    """Install some packages afresh and remove others; nothing else in the environment changes.

    Args:
        path: The environment's folder.
        selection: The packages to install again, none of them taken from what is cached.
        remove: Normalised names of the packages to remove.
        indexes: The declared indexes, for their credentials.
        reporter: Is told what happens.
        offline: Use uv's cache only.
        lock_folder: Where relative paths of the lock begin; beside the environment by default.

    Raises:
        InputError: The folder holds something else than a virtual environment.
        SyncError: It could not be done; the message says why.
    """
    uv = _Uv(path=path, indexes=indexes, offline=offline, reporter=reporter)
    found = folder.look_at(path)
    if found is None or not found.usable:
        raise SyncError(
            "there is no whole virtual environment to repair",
            where=str(path),
            hint="`mooring sync` makes one",
        )
    if remove:
        uv.remove(remove)
    if names := sorted(selected.package.name for selected in selection.packages):
        uv.forget(names)
        uv.add(selection, names, lock_folder or path.parent)


def _prepare(uv: _Uv, python: PythonVersion, interpreter: Path | None) -> bool:
    """Make the environment when it is absent, broken or of another Python; say whether it was."""
    found = folder.look_at(uv.path)
    if found is not None and found.usable and _fits(found.version, python):
        return False
    # The interpreter is found before anything is removed.
    binary, version = uv.find_python(python, interpreter)
    if found is not None:
        reason = (
            f"it has Python {found.version}, the lock is for {python}"
            if found.usable
            else "it is not complete"
        )
        uv.reporter.note(f"{uv.path} is made anew: {reason}")
    else:
        uv.reporter.step(f"Making {uv.path} with Python {version}")
    folder.begin(uv.path)
    uv.make(binary)
    folder.finish(uv.path)
    return True


def _fits(version: str | None, python: PythonVersion) -> bool:
    if version is None:
        return False
    return version == str(python) or (
        python.patch is None and version.split(".")[:2] == python.short.split(".")
    )


def _is_running(python: PythonVersion) -> bool:
    return _fits(".".join(map(str, sys.version_info[:3])), python)


def _names(changes: Mapping[str, Sequence[str]], *actions: str) -> tuple[str, ...]:
    return tuple(sorted({name for action in actions for name in changes.get(action, ())}))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Uv:
    """The uv commands of one sync."""

    path: Path
    indexes: Sequence[Index]
    offline: bool
    reporter: Reporter

    def find_python(self, python: PythonVersion, interpreter: Path | None) -> tuple[Path, str]:
        """Return an interpreter of that version, and its version."""
        asked = str(interpreter or python)
        found = self._run("python", "find", "--system", "--no-project", asked)
        if not found.ok:
            if interpreter is None and _is_running(python):
                return Path(sys.executable), ".".join(map(str, sys.version_info[:3]))
            raise no_interpreter(python, str(interpreter or self.path), found.stderr)
        version = self._run("python", "find", "--system", "--no-project", "--show-version", asked)
        number = version.stdout.strip()
        if not _fits(number, python):
            raise InputError(
                f"this is Python {number}, the lock is for {python}", where=str(interpreter)
            )
        return Path(found.stdout.strip()), number

    def make(self, python: Path) -> None:
        """Make the environment in a folder that `folder.begin` has marked."""
        words = ("venv", "--no-project", "--allow-existing", "--python", str(python))
        done = self._run(*words, str(self.path))
        if not done.ok:
            message = f"uv could not make the environment:\n{tail(done.stderr)}"
            raise SyncError(message, where=str(self.path))

    def forget(self, names: Sequence[str]) -> None:
        """Remove what is cached of some packages.

        `--reinstall-package` alone asks the index whether the cached wheel is still the newest,
        and unpacked files that were altered through a hard link would be installed again.
        """
        if self.offline:
            self.reporter.warn(
                "offline, packages are reinstalled from a cache that may hold the same drift"
            )
            return
        if not self._run("cache", "clean", *names).ok:
            self.reporter.warn(f"uv's cache of {', '.join(names)} could not be removed")

    def sync(
        self, selection: Selection, fresh: Sequence[str], lock_folder: Path
    ) -> dict[str, list[str]]:
        """Install, and return the names of changed packages by uv's word for the change."""
        words = ("sync", "--allow-empty-requirements")
        return self._install(words, selection, fresh, lock_folder)

    def add(
        self, selection: Selection, fresh: Sequence[str], lock_folder: Path
    ) -> dict[str, list[str]]:
        """Install, and leave everything else as it is."""
        return self._install(("install", "--no-deps"), selection, fresh, lock_folder)

    def remove(self, names: Sequence[str]) -> None:
        """Uninstall packages."""
        python = str(folder.python_of(self.path))
        done = self._run("pip", "uninstall", "--python", python, *names)
        if not done.ok:
            message = f"uv could not remove {', '.join(names)}:\n{tail(done.stderr)}"
            raise SyncError(message, where=str(self.path))

    def _install(
        self, words: Sequence[str], selection: Selection, fresh: Sequence[str], lock_folder: Path
    ) -> dict[str, list[str]]:
        locked = locked_set(selection, lock_folder)
        with tempfile.TemporaryDirectory(prefix="mooring-") as temporary:
            file = Path(temporary) / locked.name
            write_file(file, locked.text)
            done = self._run(
                "pip",
                *words,
                "--python",
                str(folder.python_of(self.path)),
                "--link-mode",
                "copy",
                "--output-format",
                "json",
                *locked.options,
                # Every file is named by its URL: the indexes only say whose credentials to use.
                *index_arguments(self.indexes, explicit=True),
                *(word for name in fresh for word in ("--reinstall-package", name)),
                *(("-r",) if words[0] == "install" else ()),
                str(file),
            )
        if not done.ok:
            raise sync_failure(done.stderr, str(self.path), self.indexes)
        return _changes(done)

    def _run(self, *words: str) -> Completed:
        environment = uv_environment(self.indexes)
        environment["UV_PYTHON_DOWNLOADS"] = "never"
        if self.offline:
            environment["UV_OFFLINE"] = "1"
        return run([uv_binary(), *words], env=environment, on_line=self.reporter.detail)


def _changes(done: Completed) -> dict[str, list[str]]:
    """Parse the report of `uv pip sync`, whose schema is called a preview."""
    changes: dict[str, list[str]] = {}
    try:
        for change in json.loads(done.stdout)["changes"]:
            changes.setdefault(str(change["action"]), []).append(str(change["name"]))
    except (ValueError, KeyError, TypeError) as error:
        raise SyncError(
            "uv's report of what it did cannot be read",
            hint="this Mooring needs another version of uv; the environment itself is in sync",
        ) from error
    return changes
