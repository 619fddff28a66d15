"""On which line of a lock file's text each package stands, for reports that point there."""

from __future__ import annotations

import re
from collections.abc import Mapping

_HEADER = re.compile(r"[ \t]*\[\[packages?\]\][ \t]*(?:#.*)?")
_OTHER_TABLE = re.compile(r"[ \t]*\[")
_VALUE = re.compile(r"""[ \t]*(name|version)[ \t]*=[ \t]*["']([^"'\\\s]+)["'][ \t]*(?:#.*)?""")
_SEPARATORS = re.compile(r"[-_.]+")

Lines = Mapping[tuple[str, str | None], int]
"""(normalised name, version) to line, from 1; with None as version, the first of that name."""


def package_lines(text: str) -> Lines:
    """Return the line that names each package of a TOML lock (`[[packages]]` or `[[package]]`).

    The text is read line by line, so that a lock of several megabytes costs milliseconds. A layout
    that this does not know yields fewer lines, never an error: a line is only where to look.
    """
    found: dict[tuple[str, str | None], int] = {}
    name: str | None = None
    line = 0
    inside = False
    for number, content in enumerate(text.split("\n"), start=1):
        if _HEADER.fullmatch(content.rstrip("\r")):
            inside, name = True, None
        elif inside and _OTHER_TABLE.match(content):
            inside = False
        elif inside and (match := _VALUE.fullmatch(content.rstrip("\r"))):
            if match[1] == "name":
                name, line = _SEPARATORS.sub("-", match[2]).lower(), number
                found.setdefault((name, None), line)
            elif name is not None:
                found.setdefault((name, match[2]), line)
    return found


def line_of(lines: Lines, name: str, version: str | None) -> int | None:
    """Return the line of a package, of this version where its name occurs twice; None if none."""
    return lines.get((name, version)) or lines.get((name, None))
