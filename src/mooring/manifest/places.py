"""Files inside the project, and only those: what a declared input may point at."""

from __future__ import annotations

import re
from pathlib import Path

from mooring.errors import InputError
from mooring.manifest.problems import quoted

_DRIVE = re.compile(r"[A-Za-z]:")


def inside(root: Path, named: str, *, base: Path | None = None) -> Path:
    """Return a path with links and `..` resolved, which lies inside the root and is a file.

    Args:
        root: The project folder, resolved.
        named: A file, as it was written.
        base: The folder that the name is relative to; the root by default.

    Raises:
        InputError: It lies elsewhere, does not exist or is no regular file; no place is named.
    """
    path = (base or root) / named
    try:
        resolved = path.resolve()
        is_file, exists = resolved.is_file(), resolved.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{quoted(named)} is not a usable path") from error
    if not resolved.is_relative_to(root):
        raise InputError(
            f"{quoted(named)} lies outside the project folder",
            hint="the declared inputs of a project travel with it: copy the file into the project, "
            "or put mooring.toml into a folder that holds both",
        )
    if is_file:
        return resolved
    shown = quoted(resolved.relative_to(root).as_posix())
    if exists:
        raise InputError(f"{shown} is not a regular file")
    raise InputError(f"the file {shown} does not exist")


def relative_path(text: str) -> str:
    """Return a declared path in normal form: relative, with `/`, without `.` parts.

    Raises:
        InputError: It is absolute, has `..`, a backslash or a drive, or names the whole project.
    """
    if "\\" in text:
        raise InputError(f"{quoted(text)} holds a backslash", hint="separate folders with `/`")
    if text.startswith(("/", "~")) or _DRIVE.match(text):
        raise InputError(
            f"{quoted(text)} is not relative to the project folder",
            hint="name a file or folder inside the project",
        )
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise InputError(
            f"{quoted(text)} may lead out of the project folder",
            hint="name a file or folder inside the project, without `..`",
        )
    if not parts:
        raise InputError(
            f"{quoted(text)} names no file or folder",
            hint="name the files and folders that are wanted",
        )
    return "/".join(parts)
