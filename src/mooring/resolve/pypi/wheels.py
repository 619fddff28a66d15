"""Which wheels a lock keeps: those that a CPython of the declared span may install."""

from __future__ import annotations

import re
from collections.abc import Collection

_INTERPRETER = re.compile(r"(?P<kind>cp|py)(?P<major>\d)(?P<minor>\d*)")
_WHEEL_LINE = re.compile(
    r'^    \{ url = "[^"\\\n]*-([a-z0-9.]+)-([a-z0-9_.]+)-[^"\\\n/-]+\.whl", [^\n]*\},\n',
    re.MULTILINE,
)


def serves(file_name: str, minors: Collection[int]) -> bool:
    """Tell whether one of these Pythons may install a wheel, whatever its platform.

    uv leaves out the wheels of other platforms itself; a name that follows no rule is kept.

    Args:
        file_name: Name of the wheel (PEP 427); its tags may be compressed sets.
        minors: Minor versions of CPython 3.
    """
    parts = file_name.removesuffix(".whl").rsplit("-", 3)
    return len(parts) != 4 or _may_run(parts[1], parts[2], minors)


def without_unusable_wheels(uv_lock: str, minors: Collection[int]) -> str:
    """Drop the lines of wheels that none of these Pythons may install, before TOML is parsed.

    They are half of a typical uv.lock, and parsing it is the longest step after uv itself.
    """
    known: dict[tuple[str, str], bool] = {}

    def kept(match: re.Match[str]) -> str:
        tags = match[1], match[2]
        if tags not in known:
            known[tags] = _may_run(*tags, minors)
        return match[0] if known[tags] else ""

    return _WHEEL_LINE.sub(kept, uv_lock)


def _may_run(interpreters: str, abis: str, minors: Collection[int]) -> bool:
    return any(
        _runs(interpreter, abi, minors)
        for interpreter in interpreters.split(".")
        for abi in abis.split(".")
    )


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
