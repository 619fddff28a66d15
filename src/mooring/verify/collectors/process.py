"""The collector for what a process really runs with: its root, its files, its variables."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from mooring.errors import MooringError
from mooring.verify.collectors.entries import collect_entries
from mooring.verify.collectors.path import NoEnvironmentError
from mooring.verify.collectors.rooted import Root, RootedEntries
from mooring.verify.collectors.surroundings import Surroundings
from mooring.verify.collectors.tar import MOST_ELSEWHERE, MOST_ENTRIES, read_folder
from mooring.verify.collectors.tar_tree import TarTree
from mooring.verify.inventory import Inventory, TargetKind
from mooring.verify.tiers import CONTENT, Tiers

PROC = "/proc"

_LIMIT = 4 << 20


class ProcessCollector:
    """Reads an environment through `/proc/PID/root`, as the process with this id sees it.

    Args:
        pid: Of a process on this machine.
        root: The environment's root, as the process names it; found from the process when None.
        kind: What the process belongs to.
        target: How the user named it.
        tiers: How deep to look.
        proc: Where the system keeps what it knows of processes.
    """

    def __init__(
        self,
        pid: int,
        root: str | None = None,
        *,
        kind: TargetKind = "process",
        target: str | None = None,
        tiers: Tiers = CONTENT,
        proc: str = PROC,
    ) -> None:
        self._folder = f"{proc}/{pid}"
        self._where = target or f"process {pid}"
        self._wanted = root
        self._kind = kind
        self._tiers = tiers

    def collect(self) -> Inventory:
        """Return what is there.

        Raises:
            NoEnvironmentError: There is no such process, or it has no environment.
            TarError: A file cannot be read, or there are too many.
        """
        if not Path(self._folder).is_dir():
            raise NoEnvironmentError("there is no such process", where=self._where)
        root = Root(f"{self._folder}/root", self._where)
        try:
            parts = self._find(root)
            inside = "/" + "/".join(parts)
            return collect_entries(
                RootedEntries(root, parts, self._where, most=MOST_ENTRIES),
                self._kind,
                self._where,
                inside,
                tiers=self._tiers,
                surroundings=Surroundings(
                    environ=self.variables(),
                    inside=inside,
                    elsewhere=partial(self._elsewhere, root),
                ),
            )
        finally:
            root.close()

    def variables(self) -> Mapping[str, str]:
        """Return the variables that the process was started with; nothing of them is kept here."""
        return variables_of(self._read("environ"))

    def _elsewhere(self, root: Root, path: str) -> TarTree | None:
        """Return another folder as the process sees it; an absent one is empty."""
        try:
            parts = root.resolve(path)
            entries = RootedEntries(root, parts, self._where, most=MOST_ELSEWHERE)
            return read_folder(lambda: nullcontext(entries), "/".join(parts), self._where)
        except MooringError:
            return None

    def _find(self, root: Root) -> list[str]:
        """Return the environment's place: as asked, or where the process's own Python is."""
        if self._wanted is not None:
            return root.resolve(self._wanted)
        for candidate in self._candidates(root):
            if holds(root, candidate, "pyvenv.cfg") or holds(root, candidate, "lib"):
                return root.resolve(candidate)
        raise NoEnvironmentError(
            "it cannot be told which environment the process uses",
            where=self._where,
            hint="name it as the process does: --root /opt/env",
        )

    def _candidates(self, root: Root) -> Iterator[str]:
        """Yield places of environments: the Python by its own name comes before any variable."""
        started = self._read("cmdline").split(b"\0")[0].decode("utf-8", "surrogateescape")
        variables = self.variables()
        if "python" in posixpath.basename(started):
            if started.startswith("/"):
                yield posixpath.dirname(posixpath.dirname(started))
            elif "/" in started:
                folder = self._link("cwd")
                yield posixpath.dirname(posixpath.dirname(f"{folder}/{started}"))
            else:
                # It was found on PATH, as it is in a container whose entry point is `python`.
                for folder in variables.get("PATH", "").split(":"):
                    if folder.startswith("/") and holds(root, folder, started):
                        yield posixpath.dirname(folder.rstrip("/"))
        if named := variables.get("VIRTUAL_ENV"):
            yield named
        # Seen from the process's own root, with its links resolved.
        program = self._link("exe")
        if "python" in posixpath.basename(program):
            yield posixpath.dirname(posixpath.dirname(program))

    def _link(self, name: str) -> str:
        try:
            return os.readlink(f"{self._folder}/{name}")  # noqa: PTH115 (never resolved here)
        except OSError:
            return ""

    def _read(self, name: str) -> bytes:
        try:
            with Path(f"{self._folder}/{name}").open("rb") as stream:
                return stream.read(_LIMIT)
        except OSError:
            return b""


def holds(root: Root, folder: str, name: str) -> bool:
    """Return whether a folder of the root has this name in it."""
    try:
        handle = root.open(root.resolve(folder))
    except (OSError, NoEnvironmentError):
        return False
    try:
        os.stat(name, dir_fd=handle, follow_symlinks=False)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def variables_of(environ: bytes) -> dict[str, str]:
    """Read `/proc/PID/environ`; of a name that is there twice the first counts, as for `getenv`."""
    found: dict[str, str] = {}
    for each in environ.split(b"\0"):
        name, equals, value = each.decode("utf-8", "surrogateescape").partition("=")
        if equals:
            found.setdefault(name, value)
    return found
