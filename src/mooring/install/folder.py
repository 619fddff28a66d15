"""The folder of a virtual environment: recognised, made, made anew; no other folder is touched."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from mooring.errors import InputError, MooringError
from mooring.files import read_text, write_file

CONFIG_NAME = "pyvenv.cfg"
MARK_NAME = ".mooring-unfinished"
"""It lies in a folder while its environment is made: after a kill, that folder is still ours."""

_OWN_NAMES = frozenset(
    {
        ".gitignore",
        ".lock",
        ".mooring-sync.json",
        "CACHEDIR.TAG",
        "bin",
        "doc",
        "etc",
        "include",
        "Include",
        "lib",
        "Lib",
        "lib64",
        "man",
        "Scripts",
        "share",
        CONFIG_NAME,
        MARK_NAME,
    }
)
_CONFIG_LIMIT = 64 << 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Venv:
    """A virtual environment that is there.

    Attributes:
        version: X.Y.Z as its configuration says, None when it says none.
        usable: Whether its interpreter is there and it was made to the end.
    """

    version: str | None
    usable: bool


def look_at(path: Path) -> Venv | None:
    """Return the environment in a folder; None when the folder is absent or empty.

    Raises:
        InputError: There is something else in it.
    """
    if not path.exists() and not path.is_symlink():
        return None
    if not path.is_dir():
        raise _foreign(path, "this is no folder")
    if (path / MARK_NAME).exists():
        return Venv(version=None, usable=False)
    if (path / CONFIG_NAME).is_file():
        return Venv(version=_version(path / CONFIG_NAME), usable=python_of(path).exists())
    if any(path.iterdir()):
        raise _foreign(path, "the folder exists and is no virtual environment")
    return None


def python_of(path: Path) -> Path:
    """Return where the interpreter of a virtual environment is."""
    return path / "Scripts" / "python.exe" if sys.platform == "win32" else path / "bin" / "python"


def begin(path: Path) -> None:
    """Empty the folder for a new environment, marked as unfinished until `finish`.

    Only what virtual environments consist of is removed.

    Raises:
        InputError: The folder holds other things too.
        MooringError: It cannot be written.
    """
    others = sorted({p.name for p in path.iterdir()} - _OWN_NAMES) if path.is_dir() else []
    if others:
        raise _foreign(path, f"the environment must be made anew, but it also holds {others[0]!r}")
    write_file(path / MARK_NAME, "mooring makes an environment here\n")
    try:
        for child in path.iterdir():
            if child.name == MARK_NAME:
                continue
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            else:
                child.unlink()
    except OSError as error:
        raise MooringError(
            f"the old environment cannot be removed: {error.strerror}", where=str(path)
        ) from error


def finish(path: Path) -> None:
    """Say that the environment was made to the end."""
    (path / MARK_NAME).unlink(missing_ok=True)


def _version(config: Path) -> str | None:
    try:
        text = read_text(config, limit=_CONFIG_LIMIT)
    except InputError:
        return None
    pairs = (line.partition("=") for line in text.splitlines())
    values = {key.strip().lower(): value.strip() for key, _, value in pairs}
    version = values.get("version_info") or values.get("version")
    return ".".join(version.split(".")[:3]) if version else None


def _foreign(path: Path, message: str) -> InputError:
    return InputError(
        message,
        where=str(path),
        hint="name another folder, or remove this one yourself; mooring deletes nothing that it "
        "does not know",
    )
