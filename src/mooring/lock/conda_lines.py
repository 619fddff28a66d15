"""On which line of a conda-lock.yml each package of a platform stands, for reports."""

from __future__ import annotations

import re

from mooring.lock.lines import Lines

_ROW = re.compile(r"-[ ]+(\w+): *(.*)")
_VALUE = re.compile(r"[ ]+(name|version|platform): *(.*)")


def conda_package_lines(text: str, subdir: str) -> Lines:
    """Return the line of each package's row for a platform.

    The text is read line by line; a layout that this does not know yields fewer lines, never an
    error: a line is only where to look.

    Args:
        text: Of a conda-lock.yml, version 1.
        subdir: The platform's conda subdir.
    """
    found: dict[tuple[str, str | None], int] = {}
    row: dict[str, str] = {}
    start = 0
    for number, content in enumerate(text.split("\n"), start=1):
        if match := _ROW.fullmatch(content.rstrip("\r")):
            _add(found, row, start, subdir)
            row, start = {match[1]: match[2]}, number
        elif match := _VALUE.fullmatch(content.rstrip("\r")):
            row.setdefault(match[1], match[2])
    _add(found, row, start, subdir)
    return found


def _add(
    found: dict[tuple[str, str | None], int], row: dict[str, str], line: int, subdir: str
) -> None:
    values = {key: value.strip(" '\"") for key, value in row.items()}
    name, version = values.get("name"), values.get("version")
    if name and values.get("platform") == subdir:
        found.setdefault((name, None), line)
        found.setdefault((name, version), line)
