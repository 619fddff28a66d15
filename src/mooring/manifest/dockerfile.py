"""The base image that an existing Dockerfile names, as a suggestion."""

from __future__ import annotations

import re
from pathlib import Path

from mooring.errors import InputError
from mooring.files import read_text

_SMALL_FILE_BYTES = 1 << 20
_FROM = re.compile(
    r"^[ \t]*FROM[ \t]+(?:--platform=\S+[ \t]+)?(?P<image>\S+)(?:[ \t]+AS[ \t]+(?P<stage>\S+))?",
    re.IGNORECASE | re.MULTILINE,
)
_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,255}")


def base_image(folder: Path) -> str | None:
    """Return the image of the last stage of a Dockerfile that starts from one; None without."""
    path = folder / "Dockerfile"
    if not path.is_file():
        return None
    try:
        text = read_text(path, shown=path.name, limit=_SMALL_FILE_BYTES)
    except InputError:
        return None
    stages: set[str] = set()
    found = None
    for match in _FROM.finditer(text):
        image = match["image"]
        if image.lower() not in stages and image != "scratch" and _REFERENCE.fullmatch(image):
            found = image
        if match["stage"]:
            stages.add(match["stage"].lower())
    return found
