"""The Pythons of this machine: byte code is compiled by one that is exactly the image's."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from mooring.artifacts.cache import FactCache
from mooring.build.embedded.bytecode import script
from mooring.interpreters import places_of
from mooring.platforms import PythonVersion
from mooring.process import ProcessError, run

CACHE_NAME = "python-identity-1"

_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiler:
    """A Python of this machine.

    Attributes:
        path: Its executable.
        version: X.Y.Z; byte code differs between patch releases.
        seconds: How long it may take for one batch of sources.
    """

    path: Path
    version: PythonVersion
    seconds: float = 300.0


def find_compiler(version: PythonVersion, *, path: str | None = None) -> Compiler | None:
    """Return a CPython of this machine that is exactly of a version, or None.

    Args:
        version: Of the image's Python; without a patch release nothing is found.
        path: Folders to look into, in the form of PATH; the environment's by default.
    """
    if version.patch is None:
        return None
    wanted = f"cpython {version} final cpython-{version.short.replace('.', '')}"
    if script.identity() == wanted:
        return Compiler(path=Path(sys.executable), version=version)
    environ = os.environ if path is None else {**os.environ, "PATH": path}
    for candidate in dict.fromkeys(places_of(version, environ)):
        if identity_of(candidate) == wanted:
            return Compiler(path=candidate, version=version)
    return None


def command(python: Path) -> list[str]:
    """Return the words that start the compiling program."""
    # `-I` would ignore the seed below; without it, the folder of the script is out of reach by
    # PYTHONSAFEPATH, and `-S` leaves out what is installed.
    return [str(python), "-S", "-s", "-B", script.__file__]


def environment() -> dict[str, str]:
    """Return the whole environment of the compiling program."""
    # Without these, programs of Windows and some builds of Python do not start.
    needed = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    system = {name: os.environ[name] for name in needed if name in os.environ}
    return system | {"PYTHONHASHSEED": "0", "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}


def identity_of(python: Path, cache: FactCache | None = None) -> str:
    """Return what `script.identity` says in another Python; empty where there is none."""
    cache = cache or FactCache(CACHE_NAME)
    try:
        real = python.resolve()
        found = real.stat()
        if not stat.S_ISREG(found.st_mode):
            return ""
        with real.open("rb") as stream:
            # Version managers put scripts there, which are slow and answer differently by folder.
            if stream.read(2) == b"#!" or not os.access(real, os.X_OK):
                return ""
    except (OSError, RuntimeError):
        return ""
    key = f"{real} {found.st_size} {found.st_mtime_ns}"
    known = cache.read().get(key)
    if known is not None:
        return known
    try:
        done = run([*command(python), "identity"], env=environment(), timeout=_SECONDS)
    except ProcessError:
        return ""
    if not done.ok:
        return ""
    cache.add({key: done.stdout})
    return done.stdout
