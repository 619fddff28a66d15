"""Names of images that lie in files: told apart from references, checked, and located."""

from __future__ import annotations

import re
from pathlib import Path

PREFIXES = ("oci:", "oci-archive:", "docker-archive:")

_NAME = re.compile(r"[A-Za-z0-9._/@:+-]+")
_LONGEST = 512


def is_saved_image(name: str) -> bool:
    """Return whether a name means files, and not an image of an engine."""
    return name.startswith(PREFIXES) or name.endswith(".tar")


def is_saved_name(name: str) -> bool:
    """Return whether a saved image's name can be declared and locked: nothing needs quoting."""
    return is_saved_image(name) and len(name) <= _LONGEST and bool(_NAME.fullmatch(name))


def split_prefix(name: str) -> tuple[str, str]:
    """Return the prefix of a name, empty for `FILE.tar`, and what follows it."""
    prefix = next((each for each in PREFIXES if name.startswith(each)), "")
    return prefix, name[len(prefix) :]


def located(name: str, folder: Path) -> str:
    """Return the name of a saved image with a path that starts in a folder, if it is relative."""
    prefix, path = split_prefix(name)
    return name if Path(path).is_absolute() else f"{prefix}{folder}/{path}"
