"""The collector for a folder on this machine; the Python in it never starts."""

from __future__ import annotations

from pathlib import Path

from mooring.errors import MooringError
from mooring.verify.collectors.contents import look_at_all
from mooring.verify.collectors.folder import Folder
from mooring.verify.collectors.layout import find_layout
from mooring.verify.collectors.looks import counts, tasks_of, with_files
from mooring.verify.collectors.metadata import describe_sites
from mooring.verify.inventory import Inventory


class NoEnvironmentError(MooringError):
    """What was named holds no Python environment (exit code 3)."""


class PathCollector:
    """Reads a virtual environment, or any prefix with a Python's package folders.

    Args:
        path: The environment's root folder.
        hash_files: Whether contents are read; without, only metadata and the kinds of files.
    """

    def __init__(self, path: Path, *, hash_files: bool = True) -> None:
        self._path = path
        self._hash_files = hash_files

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
        described, leftovers = describe_sites(folder, layout.sites, folder.root)
        looks = look_at_all(folder, tasks_of(described, hashed=self._hash_files))
        files, size = counts(looks.values())
        return Inventory(
            kind="path",
            target=str(self._path),
            root=folder.root,
            interpreter=layout.interpreter,
            distributions=tuple(
                with_files(each, looks, hashed=self._hash_files) for each in described
            ),
            hashed=self._hash_files,
            files_hashed=files,
            bytes_hashed=size,
            leftovers=leftovers,
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
