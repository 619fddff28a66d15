"""Markers of a lock reduced to one choice of extras and groups: the environment part remains."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from mooring.errors import InputError

_TOKEN = re.compile(
    r"""\s*(?:'[^']*'|"[^"]*"|[()]|[<>=!~]=?=?|[\w.]+)"""  # text, bracket, operator, word
)
_SETS = ("extras", "dependency_groups")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rest:
    """What the environment must decide; a disjunction needs brackets inside an `and`."""

    text: str
    disjunction: bool = False


_Verdict = bool | _Rest


@dataclass(frozen=True, kw_only=True, slots=True)
class _Choice:
    extras: frozenset[str]
    groups: frozenset[str]


def restrict(
    marker: str, extras: Collection[str], groups: Collection[str]
) -> str | Literal[False] | None:
    """Evaluate what a marker says of `extras` and `dependency_groups`; keep the rest.

    Args:
        marker: A marker of a lock file (PEP 751).
        extras: The extras that are chosen.
        groups: The dependency groups that are chosen.

    Returns:
        None when the marker always holds for this choice, False when it never does, else the
        marker over the environment that remains.

    Raises:
        InputError: The text is not a marker.
    """
    # Loaded with the first marker: a lock without any needs no parser.
    from packaging.markers import InvalidMarker, Marker

    try:
        Marker(marker)
        if not any(name in marker for name in _SETS):
            return marker
        choice = _Choice(extras=frozenset(extras), groups=frozenset(groups))
        verdict = _Parser(marker, choice).any_of()
    except (InvalidMarker, RecursionError) as error:
        raise InputError(f"{marker[:80]!r} is not a marker") from error
    if isinstance(verdict, _Rest):
        return verdict.text
    return None if verdict else False


class _Parser:
    """Recursive descent over a marker that is known to be grammatical (PEP 508)."""

    def __init__(self, marker: str, choice: _Choice) -> None:
        self._tokens = [match[0].strip() for match in _TOKEN.finditer(marker)]
        self._next = 0
        self._choice = choice

    def any_of(self) -> _Verdict:
        """Parse `a or b or ...`."""
        parts = [self._all_of()]
        while self._peek() == "or":
            self._take()
            parts.append(self._all_of())
        return _any(parts)

    def _all_of(self) -> _Verdict:
        parts = [self._atom()]
        while self._peek() == "and":
            self._take()
            parts.append(self._atom())
        return _all(parts)

    def _atom(self) -> _Verdict:
        if self._peek() == "(":
            self._take()
            verdict = self.any_of()
            self._take()
            return verdict
        left, operator = self._take(), self._take()
        if operator == "not":
            operator = f"not {self._take()}"
        right = self._take()
        atom = f"{left} {operator} {right}"
        if left not in _SETS and right not in _SETS:
            return _Rest(text=atom)
        return self._decide(atom)

    def _decide(self, atom: str) -> bool:
        from packaging.markers import Marker, UndefinedComparison

        try:
            return Marker(atom).evaluate(
                {"extras": self._choice.extras, "dependency_groups": self._choice.groups},
                context="lock_file",
            )
        except UndefinedComparison as error:
            raise InputError(f"`{atom}` cannot be evaluated") from error

    def _peek(self) -> str | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self) -> str:
        self._next += 1
        return self._tokens[self._next - 1]


def _any(parts: list[_Verdict]) -> _Verdict:
    if True in parts:
        return True
    rest = _remaining(parts)
    if len(rest) < 2:
        return rest[0] if rest else False
    return _Rest(text=" or ".join(part.text for part in rest), disjunction=True)


def _all(parts: list[_Verdict]) -> _Verdict:
    if False in parts:
        return False
    rest = _remaining(parts)
    if len(rest) < 2:
        return rest[0] if rest else True
    texts = (f"({part.text})" if part.disjunction else part.text for part in rest)
    return _Rest(text=" and ".join(texts))


def _remaining(parts: list[_Verdict]) -> list[_Rest]:
    """Return what the environment decides, each once, in the order of the marker."""
    return list(dict.fromkeys(part for part in parts if isinstance(part, _Rest)))
