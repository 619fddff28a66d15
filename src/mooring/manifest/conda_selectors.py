"""Which platforms a selector such as `linux`, `osx and arm64` or `not win` chooses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mooring.errors import InputError
from mooring.manifest.nearest import advice
from mooring.manifest.problems import quoted
from mooring.platforms import SUBDIRS

MAX_CHARACTERS = 200

_ALL = frozenset(SUBDIRS)


def _where(*ends: str) -> frozenset[str]:
    return frozenset(name for name in SUBDIRS if name.startswith(ends) or name.endswith(ends))


FAMILIES: dict[str, frozenset[str]] = {
    "linux": _where("linux-"),
    "osx": _where("osx-"),
    "win": _where("win-"),
    "unix": _where("linux-", "osx-"),
}
# As conda-build and conda-lock have them.
_WORDS: dict[str, frozenset[str]] = {
    **FAMILIES,
    "linux64": frozenset({"linux-64"}),
    "osx64": frozenset({"osx-64"}),
    "win64": frozenset({"win-64"}),
    "x86_64": _where("-64"),
    "x86": _where("-64"),
    "arm64": _where("-arm64"),
    "aarch64": _where("-aarch64"),
    "ppc64le": _where("-ppc64le"),
    "s390x": _where("-s390x"),
    **{name: frozenset({name}) for name in SUBDIRS},
}
_TOKEN = re.compile(r"\s*(?P<token>[()]|[A-Za-z0-9_-]+|\S)")
_OPERATORS = frozenset({"and", "or", "not", "(", ")"})


def is_selector(text: str) -> bool:
    """Whether the text between the brackets of a comment is meant as a selector, right or wrong.

    A lone word is, and every expression with `and`, `or` or `not` of single words.
    """
    words = re.findall(r"[()]|[^\s()]+", text)
    known = [word for word in words if word not in _OPERATORS]
    if not known or len(text) > MAX_CHARACTERS:
        return False
    joined = sum(word in ("and", "or") for word in words)
    return len(known) <= joined + 1


def selected(text: str) -> tuple[str, ...]:
    """Return the platforms that a selector chooses, in the order of the known ones.

    Raises:
        InputError: It is no selector; the error names no place.
    """
    chosen = _Reader(text).whole()
    return in_order(chosen)


def in_order(chosen: Iterable[str]) -> tuple[str, ...]:
    """Return platforms in the order in which all known ones are listed."""
    wanted = frozenset(chosen)
    return tuple(name for name in SUBDIRS if name in wanted)


def both(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the platforms that two selections share; None stands for all."""
    if one is None or other is None:
        return other if one is None else one
    return tuple(name for name in one if name in other)


class _Reader:
    """Reads `or`, `and`, `not` and brackets, in this order of binding."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARACTERS:
            raise InputError(f"the selector is longer than {MAX_CHARACTERS} characters")
        self.text = text
        self.tokens = [match["token"] for match in _TOKEN.finditer(text)]
        self.position = 0

    def whole(self) -> frozenset[str]:
        """Read all of the text."""
        found = self._any()
        if self.position < len(self.tokens):
            raise self._wrong()
        return found

    def _any(self) -> frozenset[str]:
        found = self._every()
        while self._take("or"):
            found |= self._every()
        return found

    def _every(self) -> frozenset[str]:
        found = self._one()
        while self._take("and"):
            found &= self._one()
        return found

    def _one(self) -> frozenset[str]:
        if self._take("not"):
            return _ALL - self._one()
        if self._take("("):
            found = self._any()
            if not self._take(")"):
                raise self._wrong()
            return found
        if self.position >= len(self.tokens):
            raise self._wrong()
        word = self.tokens[self.position]
        self.position += 1
        if word in _WORDS:
            return _WORDS[word]
        if word in _OPERATORS or not re.fullmatch(r"[A-Za-z0-9_-]+", word):
            raise self._wrong()
        raise InputError(
            f"unknown word {quoted(word)} in the selector {quoted(self.text)}",
            hint=advice(word, _WORDS, what="words")
            + "; a comment that is no selector stands without the brackets",
        )

    def _take(self, token: str) -> bool:
        if self.position < len(self.tokens) and self.tokens[self.position] == token:
            self.position += 1
            return True
        return False

    def _wrong(self) -> InputError:
        return InputError(
            f"{quoted(self.text)} is not a selector",
            hint="write it like `linux`, `osx and arm64` or `not win`",
        )
