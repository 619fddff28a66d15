"""The keys between the brackets of a match specification."""

from __future__ import annotations

import re
from collections.abc import Callable

from mooring.errors import InputError
from mooring.manifest.nearest import advice
from mooring.manifest.problems import quoted

_PAIR = re.compile(
    r"\s*(?P<key>[A-Za-z_][A-Za-z0-9_-]*)\s*=\s*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<bare>[^\s,'\"\[\]]+))"
    r"\s*(?P<end>,|$|(?=\s)|(?<=\s))"
)
_SUBDIR = re.compile(r"noarch|[a-z]+-[a-z0-9_]+")
_PARENTHESES = re.compile(r"\([^()]*\)")


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


_KNOWN: dict[str, Callable[[str], bool]] = {
    "name": bool,
    "version": bool,
    "build": bool,
    "channel": bool,
    "subdir": _matches(_SUBDIR.pattern),
    "build_number": _matches(r"\s*(?:==|!=|<=|>=|<|>)?\s*\d{1,9}\s*"),
    "md5": _matches(r"[0-9a-fA-F]{32}"),
    "sha256": _matches(r"[0-9a-fA-F]{64}"),
    "fn": _matches(r"[A-Za-z0-9_.+!-]+"),
    "license": _matches(r"[A-Za-z0-9 ().,+-]+"),
    "track_features": _matches(r"[A-Za-z0-9_., -]+"),
}
_REFUSED = {
    "url": "name the channel, version and build: `channel::name ==1.0 build`",
    "when": "conditions go into per-platform dependencies",
    "extras": "name the packages that the extra asks for",
    "flags": "name the build: `name[build='*cuda*']`",
    "features": "name the build: `name[build='*mkl*']`",
    "provides_features": "name the build: `name[build='*mkl*']`",
}


def after_brackets(text: str) -> tuple[str, str | None]:
    """Split a specification into what stands before the brackets, and what is between them.

    conda's old `(optional,target=...)` behind the brackets has no meaning for a solver.

    Raises:
        InputError: The brackets are not one closed pair at the end; the error names no place.
    """
    before, mark, inner = text.partition("[")
    if not mark:
        if "]" in text:
            raise InputError(f"a bracket of {quoted(text)} is not opened")
        return text, None
    if inner.endswith(")"):
        inner, _, tail = inner.rpartition("(")
        if not inner.endswith("]") or not _PARENTHESES.fullmatch(f"({tail}"):
            raise InputError(f"the brackets of {quoted(text)} do not match")
    if not inner.endswith("]") or "][" in inner:
        raise InputError(
            f"the brackets of {quoted(text)} are not one pair at the end",
            hint="write them like `numpy[version='>=2',build='py312*']`",
        )
    return before.rstrip(), inner[:-1]


def read_brackets(inner: str) -> dict[str, str]:
    """Return the keys and values that stand between the brackets.

    Raises:
        InputError: A key is unknown, refused or given twice; the error names no place.
    """
    found: dict[str, str] = {}
    position = 0
    while position < len(inner):
        _refuse_key(inner[position:])
        match = _PAIR.match(inner, position)
        if match is None:
            raise InputError(
                f"{quoted(inner)} are not keys with values",
                hint="write them like `numpy[version='>=2',build='py312*']`",
            )
        position = match.end()
        key = match["key"].lower()
        value = next(v for v in (match["single"], match["double"], match["bare"]) if v is not None)
        if key in found:
            raise InputError(f"the key {quoted(key)} is given twice")
        if not _KNOWN[key](value):
            raise InputError(f"{quoted(value)} is no value of the key {quoted(key)}")
        found[key] = value.lower() if key in ("md5", "sha256") else value.strip()
    if not found:
        raise InputError("there are no keys between the brackets")
    return found


def _refuse_key(text: str) -> None:
    match = re.match(r"\s*([A-Za-z_][A-Za-z0-9_-]*)\s*=", text)
    if match is None:
        return
    key = match[1].lower()
    if hint := _REFUSED.get(key):
        raise InputError(f"the key {quoted(key)} cannot be part of a declared input", hint=hint)
    if key not in _KNOWN:
        raise InputError(f"unknown key {quoted(key)}", hint=advice(key, _KNOWN, what="keys"))
