"""The collector for a folder on this machine; the Python in it never starts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from mooring.errors import MooringError
from mooring.verify.collectors.contents import look_at_all, look_at_records
from mooring.verify.collectors.dpkg import (
    owner_tasks,
    owners_of,
    seen_packages,
    with_owners,
)
from mooring.verify.collectors.facts import read_facts
from mooring.verify.collectors.folder import Folder
from mooring.verify.collectors.layout import Layout, find_layout
from mooring.verify.collectors.looks import Tally, unseen
from mooring.verify.collectors.metadata import Described, describe_sites
from mooring.verify.collectors.shared import uv_cache, with_shared
from mooring.verify.collectors.strays import find_strays
from mooring.verify.collectors.surroundings import UNKNOWN, Surroundings
from mooring.verify.inventory import ByteCode, Interpreter, Inventory
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
        tiers = self._tiers
        described, leftovers = describe_sites(
            folder,
            layout.sites,
            self._surroundings.inside or folder.root,
            records=tiers.records or tiers.files,
        )
        owners = owners_of(layout.sites, folder.root, Folder)
        described = with_owners(described, owners)
        inventory = self._metadata(folder, layout, described, leftovers)
        if not tiers.files:
            return inventory
        hashed, deep = tiers.hash_files, tiers.deep
        seen = look_at_records(folder, [each.rows for each in described], hashed=hashed)
        looks = look_at_all(folder, [*owner_tasks(owners or (), hashed=hashed)])
        tally = Tally(files=seen.hashed, size=seen.size)
        tally.add_all(looks)
        walk = find_strays(
            folder,
            layout,
            described,
            leftovers,
            bytecode=deep,
            owners=owners,
            listed=seen.listed,
        )
        distributions = [
            replace(each.distribution, files=files)
            for each, files in zip(described, seen.files, strict=True)
        ]
        return replace(
            inventory,
            distributions=with_shared(folder, distributions, uv_cache(self._caches)),
            looked=True,
            hashed=hashed,
            files_hashed=tally.files,
            bytes_hashed=tally.size,
            strays=walk.strays,
            deep=deep,
            bytecode=self._bytecode(folder, walk.bytecode, layout.interpreter) if deep else None,
            system=seen_packages(owners or (), looks, hashed=hashed),
        )

    def _metadata(
        self,
        folder: Folder,
        layout: Layout,
        described: Sequence[Described],
        leftovers: tuple[str, ...],
    ) -> Inventory:
        """Return what metadata tells, and nothing of any file."""
        surroundings = self._surroundings
        return Inventory(
            kind="path",
            target=str(self._path),
            root=folder.root,
            interpreter=layout.interpreter,
            distributions=tuple(unseen(each) for each in described),
            hashed=False,
            looked=False,
            leftovers=leftovers,
            facts=read_facts(
                folder,
                layout,
                surroundings.inside or folder.root,
                surroundings,
                local=surroundings.inside is None,
            ),
        )

    def _bytecode(
        self, folder: Folder, paths: Sequence[str], interpreter: Interpreter
    ) -> tuple[ByteCode, ...]:
        # Only `--deep` starts other processes.
        from mooring.verify.collectors.bytecode import FolderCode, check_bytecode
        from mooring.verify.collectors.interpreters import compiler_for

        find = partial(compiler_for, target=folder.root)
        return check_bytecode(FolderCode(folder), paths, interpreter, find=find)

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
