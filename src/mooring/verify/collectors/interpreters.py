"""The Python on this machine that can say what a target's byte code should be."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mooring.errors import InputError
from mooring.interpreters import places_of
from mooring.platforms import PythonVersion
from mooring.process import ProcessError, run

ISOLATED = ("-I", "-S", "-B", "-W", "ignore")
"""Nothing of an environment is imported or run, and nothing is written."""

_ASK = (
    "import sys,importlib.util as u;"
    "print(sys.implementation.cache_tag,u.MAGIC_NUMBER.hex(),'%d.%d.%d'%sys.version_info[:3])"
)
_SECONDS = 20.0
_MOST_SAID = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiler:
    """A Python that compiles as the target's does.

    Attributes:
        program: Its absolute path.
        magic: What its byte code begins with.
        version: X.Y.Z.
    """

    program: str
    magic: bytes
    version: str


def own_compiler() -> Compiler:
    """Return the Python that runs this."""
    return Compiler(
        program=sys.executable,
        magic=importlib.util.MAGIC_NUMBER,
        version=".".join(map(str, sys.version_info[:3])),
    )


def compiler_for(
    tag: str,
    version: str | None = None,
    *,
    target: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Compiler | None:
    """Return a Python on this machine that writes byte code of this kind, None when there is none.

    Args:
        tag: What the names of its files hold: `cpython-312`.
        version: X.Y.Z of the target's Python; one of exactly this patch release is preferred.
        target: The folder that is verified, if it is one: no program in it is ever started.
        environ: The variables whose PATH is searched; of this process by default.
    """
    nearest = own_compiler() if tag == sys.implementation.cache_tag else None
    wanted = _wanted(tag, version)
    if wanted is None or (
        nearest is not None and (wanted.patch is None or nearest.version == str(wanted))
    ):
        return nearest
    for program in _programs(wanted, os.environ if environ is None else environ, target):
        found = _asked(program, tag)
        if found is not None and (wanted.patch is None or found.version == str(wanted)):
            return found
        nearest = nearest or found
    return nearest


def _wanted(tag: str, version: str | None) -> PythonVersion | None:
    """Return what is looked for; a version that no Python of this kind has counts as unknown."""
    kind, _, digits = tag.partition("-")
    if kind != "cpython" or not digits.isdigit():
        return None
    minor = f"{digits[0]}.{digits[1:]}"
    exact = version is not None and version.startswith(f"{minor}.")
    try:
        return PythonVersion.parse(version if exact and version else minor, "python")
    except InputError:
        return None


def _programs(
    version: PythonVersion, environ: Mapping[str, str], target: str | None
) -> Iterator[str]:
    inside = None if target is None else Path(target).resolve()
    known: set[Path] = set()
    for program in places_of(version, environ):
        if not program.is_absolute() or not os.access(program, os.X_OK):
            continue
        folder, real = program.parent.resolve(), program.resolve()
        if real in known:
            continue  # many names of one program
        if inside is None or not any(each.is_relative_to(inside) for each in (folder, real)):
            known.add(real)
            yield str(program)


def _asked(program: str, tag: str) -> Compiler | None:
    try:
        said = run(
            [program, *ISOLATED, "-c", _ASK], env={}, timeout=_SECONDS, most_output=_MOST_SAID
        ).stdout.split()
        if len(said) == 3 and said[0] == tag:
            return Compiler(program=program, magic=bytes.fromhex(said[1]), version=said[2])
    except (ProcessError, ValueError):
        return None
    return None
