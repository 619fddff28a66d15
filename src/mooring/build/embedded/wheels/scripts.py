"""Commands of a wheel: made from its entry points, or shipped and given the right interpreter."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from mooring.build.embedded.interface import EmbeddedBuildError, Place
from mooring.build.embedded.wheels.checks import name_problem
from mooring.build.embedded.wheels.refused import WheelRefused, shown

FIRST_LINE_LIMIT = 512
"""How much of a shipped script is looked at for its first line."""

_SECTIONS = ("console_scripts", "gui_scripts")
_TARGET = re.compile(r"(?P<module>[\w.]+)\s*:\s*(?P<function>[\w.]+)\s*(?:\[[^\]]*\])?")
_PLACEHOLDER = re.compile(rb"#!pythonw?[0-9.]*(?P<options>[ \t][^\r\n]*)?(?:\r?\n|\Z)")
_MOST_SHEBANG = 127  # Linux before 5.1 reads no more of it
_TEMPLATE = """\
#!{python}
import sys

from {module} import {first}

if __name__ == "__main__":
    sys.exit({function}())
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryPoint:
    """A command that calls a function: `name = module:function`."""

    name: str
    module: str
    function: str


def read_entry_points(data: bytes, where: str) -> tuple[EntryPoint, ...]:
    """Return the commands that an `entry_points.txt` declares, sorted by name.

    Lines of other groups are not looked at, and of two of one name the last one counts, as
    installers have it.

    Raises:
        WheelRefused: A command has no function, or a name that is no file name.
    """
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise WheelRefused("its entry_points.txt is not UTF-8", where=where) from error
    found: dict[str, EntryPoint] = {}
    section = ""
    for line in map(str.strip, lines):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif section in _SECTIONS and line and not line.startswith(("#", ";")):
            point = _entry_point(line, where)
            found[point.name] = point
    return tuple(found[name] for name in sorted(found))


def script_of(point: EntryPoint, place: Place) -> bytes:
    """Return the script that runs an entry point."""
    text = _TEMPLATE.format(
        python=interpreter(place),
        module=point.module,
        first=point.function.partition(".")[0],
        function=point.function,
    )
    return text.encode()


def rewritten(start: bytes, place: Place) -> tuple[int, bytes] | None:
    """Return what replaces the first line of a shipped script.

    Args:
        start: Its first bytes.
        place: Where the environment will be.

    Returns:
        How many bytes are replaced and by what; None when it asks for no Python of its environment.
    """
    match = _PLACEHOLDER.match(start)
    if match is None:
        return None
    options = (match["options"] or b"").rstrip()
    return match.end(), b"#!" + interpreter(place).encode() + options + b"\n"


def interpreter(place: Place) -> str:
    """Return the path of the environment's interpreter as a first line can hold it.

    Raises:
        EmbeddedBuildError: The environment's folder is too long for it, or has a blank.
    """
    path = f"{place.root}/bin/python"
    if len(path.encode()) + 2 > _MOST_SHEBANG or re.search(r"\s", path):
        raise EmbeddedBuildError(
            f"scripts cannot name the interpreter {path}: a first line holds "
            f"{_MOST_SHEBANG} bytes and no blank",
            hint="choose a shorter folder for the environment",
        )
    return path


def _entry_point(line: str, where: str) -> EntryPoint:
    name, equals, target = (part.strip() for part in line.partition("="))
    match = _TARGET.fullmatch(target)
    if not equals or match is None or not (_dotted(match["module"]) and _dotted(match["function"])):
        raise WheelRefused(f"its command {shown(line)} is no `name = module:function`", where=where)
    problem = name_problem(name) or ("it is a path" if "/" in name else None)
    if problem:
        raise WheelRefused(f"its command {shown(name)} is no file name: {problem}", where=where)
    return EntryPoint(name=name, module=match["module"], function=match["function"])


def _dotted(name: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split("."))
