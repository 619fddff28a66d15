"""The folder of a conda prefix: recognised, made, emptied again; no other folder is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

from mooring.errors import InputError, MooringError
from mooring.files import write_file
from mooring.install.folder import CONFIG_NAME, MARK_NAME

META_FOLDER = "conda-meta"
_FROZEN = "frozen"
# What an installation of conda, mamba or miniforge itself has besides, and no other environment.
_BASE_NAMES = ("condabin", "envs", "pkgs")


def look_at(path: Path) -> bool:
    """Return whether a folder holds a conda prefix; False when it is absent, empty or unfinished.

    Raises:
        InputError: There is something else in it, or a prefix that must not be changed.
    """
    if not path.exists() and not path.is_symlink():
        return False
    if not path.is_dir():
        raise _foreign(path, "this is no folder")
    if (path / MARK_NAME).is_file():
        return False
    if not (path / META_FOLDER).is_dir():
        if (path / CONFIG_NAME).is_file():
            raise _foreign(path, "this is a virtual environment and no conda prefix")
        if any(path.iterdir()):
            raise _foreign(path, "the folder exists and is no conda prefix")
        return False
    if (path / META_FOLDER / _FROZEN).exists():
        raise InputError(
            "this prefix says that it must not be changed",
            where=str(path / META_FOLDER / _FROZEN),
            hint="name another folder",
        )
    base = next((name for name in _BASE_NAMES if (path / name).is_dir()), None)
    if base is not None:
        raise _foreign(path, f"this is an installation of conda itself: it has a folder {base}")
    return True


def begin(path: Path) -> None:
    """Make the folder for a new prefix, marked as unfinished until `finish`.

    Raises:
        MooringError: It cannot be written.
    """
    if path.is_dir():
        clear(path)
    write_file(path / MARK_NAME, "mooring makes a conda prefix here\n")


def finish(path: Path) -> None:
    """Say that the prefix was made to the end."""
    (path / MARK_NAME).unlink(missing_ok=True)


def clear(path: Path) -> None:
    """Remove what an unfinished prefix holds; its mark says that all of it is ours.

    Raises:
        MooringError: It cannot be removed.
    """
    try:
        for child in sorted(path.iterdir(), key=lambda child: child.name == MARK_NAME):
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            else:
                child.unlink()
    except OSError as error:
        raise MooringError(
            f"the unfinished prefix cannot be removed: {error.strerror}", where=str(path)
        ) from error


def _foreign(path: Path, message: str) -> InputError:
    return InputError(
        message,
        where=str(path),
        hint="name another folder, or remove this one yourself; mooring deletes nothing that it "
        "does not know",
    )
