"""The collector for a folder on this machine; the Python in it never starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mooring.errors import MooringError
from mooring.verify.collectors.bytecode import check_bytecode
from mooring.verify.collectors.contents import look_at_all
from mooring.verify.collectors.facts import read_facts
from mooring.verify.collectors.folder import Folder
from mooring.verify.collectors.layout import find_layout
from mooring.verify.collectors.looks import counts, tasks_of, with_files
from mooring.verify.collectors.metadata import describe_sites
from mooring.verify.collectors.shared import uv_cache, with_shared
from mooring.verify.collectors.strays import find_strays
from mooring.verify.collectors.surroundings import UNKNOWN, Surroundings
from mooring.verify.inventory import Inventory
from mooring.verify.tiers import CONTENT, Tiers


class NoEnvironmentError(MooringError):
    """What was named holds no Python environment (exit code 3)."""


class PathCollector:
    """Reads a virtual environment, or any prefix with a Python's package folders.

    Args:
        path: The environment's root folder.
        tiers: How deep to look.
        surroundings: What is known of it besides. When they name the root otherwise, the
            environment is one of another file system: absolute paths in it mean nothing here.
        caches: The variables that tell where the caches of this machine are; its own by default.
    """

    def __init__(
        self,
        path: Path,
        *,
        tiers: Tiers = CONTENT,
        surroundings: Surroundings = UNKNOWN,
        caches: Mapping[str, str] | None = None,
    ) -> None:
        self._path = path
        self._tiers = tiers
        self._surroundings = surroundings
        self._caches = os.environ if caches is None else caches

    def collect(self) -> Inventory:
        """Return what is there.

        Raises:
            NoEnvironmentError: The folder is absent or holds no environment.
        """
        folder = Folder(str(self._existing()))
        layout = find_layout(folder)
        if not layout.sites:
            raise NoEnvironmentError(
                "there is no Python environment in this folder",
                where=str(self._path),
                hint="name its root folder, the one that holds pyvenv.cfg or lib/pythonX.Y; "
                "`mooring sync` makes one",
            )
        inside = self._surroundings.inside or folder.root
        hashed = self._tiers.hash_files
        described, leftovers = describe_sites(folder, layout.sites, inside)
        looks = look_at_all(folder, tasks_of(described, hashed=hashed))
        files, size = counts(looks.values())
        deep = self._tiers.deep
        walk = find_strays(folder, layout, described, leftovers, bytecode=deep)
        distributions = tuple(with_files(each, looks, hashed=hashed) for each in described)
        return Inventory(
            kind="path",
            target=str(self._path),
            root=folder.root,
            interpreter=layout.interpreter,
            distributions=with_shared(folder, distributions, uv_cache(self._caches)),
            hashed=hashed,
            files_hashed=files,
            bytes_hashed=size,
            leftovers=leftovers,
            facts=read_facts(
                folder,
                layout,
                inside,
                self._surroundings,
                local=self._surroundings.inside is None,
            ),
            strays=walk.strays,
            deep=deep,
            bytecode=check_bytecode(folder, walk.bytecode, layout.interpreter) if deep else None,
        )

    def _existing(self) -> Path:
        try:
            if self._path.is_dir():
                return self._path
            message = (
                "this is no folder" if self._path.exists() else "the environment does not exist"
            )
        except OSError as error:
            message = f"the environment cannot be read: {error.strerror}"
        raise NoEnvironmentError(
            message,
            where=str(self._path),
            hint="name the environment's root folder; `mooring sync` makes one",
        )
