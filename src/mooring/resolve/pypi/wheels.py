"""Which wheels a lock keeps: those that a CPython of the declared span may install."""

from __future__ import annotations

import re
from collections.abc import Collection

_INTERPRETER = re.compile(r"(?P<kind>cp|py)(?P<major>\d)(?P<minor>\d*)")


def serves(file_name: str, minors: Collection[int]) -> bool:
    """Tell whether one of these Pythons may install a wheel, whatever its platform.

    uv leaves out the wheels of other platforms itself; a name that follows no rule is kept.

    Args:
        file_name: Name of the wheel (PEP 427); its tags may be compressed sets.
        minors: Minor versions of CPython 3.
    """
    parts = file_name.removesuffix(".whl").rsplit("-", 3)
    if len(parts) != 4:
        return True
    interpreters, abis = parts[1].split("."), parts[2].split(".")
    return any(_runs(interpreter, abi, minors) for interpreter in interpreters for abi in abis)


def _runs(interpreter: str, abi: str, minors: Collection[int]) -> bool:
    match = _INTERPRETER.fullmatch(interpreter)
    if match is None:
        return False  # pp310, graalpy311: the interpreter of another implementation
    if match["major"] != "3":
        return False
    if not match["minor"]:
        return True
    minor = int(match["minor"])
    if match["kind"] == "py" or abi in ("abi3", "abi3t"):
        return any(minor <= each for each in minors)  # any later Python runs it too
    return minor in minors
