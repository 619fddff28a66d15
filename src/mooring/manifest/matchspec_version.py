"""The version part of a match specification, in the one form that conda and solvers agree on.

What conda reads by context is written out: `=1.7` and `1.7*` become `1.7.*`, a bare `1.7` becomes
`==1.7`. Patterns that the solver reads in another way than conda, or not at all, are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mooring.errors import InputError
from mooring.manifest.problems import quoted

MAX_DEPTH = 10

_OPERATOR = re.compile(r"\s*(?P<operator>[=!~<>]=|[=<>])")
_LITERAL = re.compile(r"\s*(?P<literal>(?:[0-9A-Za-z_.*+^$-]|!(?!=))+)")
_VERSION = re.compile(r"(?:\d+!)?[0-9a-z]+(?:[._-][0-9a-z]+)*_?(?:\+[0-9a-z]+(?:[._-][0-9a-z]+)*)?")
_GLOB = re.compile(r"(?P<version>.*?[^.*])(?P<glob>(?:\.?\*)+)")
_ANY = re.compile(r"\*(?:\.\*)*")
_HINT = "write it like `>=1.2,<2`, `1.2.*` or `==1.2.3`"


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionPart:
    """A version expression.

    Attributes:
        text: In normal form.
        exact: For a lone `=1.7`: what it means where a build follows, which is `==1.7`.
        doubtful: It holds `==1.7.*`, which conda takes for `==1.7` anywhere but at the beginning
            of a specification without a build.
    """

    text: str
    exact: str | None = None
    doubtful: bool = False


def read_version(text: str) -> tuple[VersionPart, str]:
    """Read a version expression from the beginning of a text.

    Returns:
        The expression, and what follows it.

    Raises:
        InputError: It is none; the error names no place.
    """
    reader = _Reader(text)
    written = reader.alternatives(0)
    rest = text[reader.position :]
    alone = reader.atoms == 1 and reader.fuzzy is not None and not text.lstrip().startswith("(")
    exact = f"=={reader.fuzzy}" if alone else None
    return VersionPart(text=written, exact=exact, doubtful=reader.doubtful), rest


class _Reader:
    """One pass over the text; `|` binds weaker than `,`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.atoms = 0
        self.fuzzy: str | None = None
        self.doubtful = False

    def alternatives(self, depth: int) -> str:
        """Read `a|b|...`."""
        return self._separated("|", depth)

    def _separated(self, mark: str, depth: int) -> str:
        parts = [self._part(mark, depth)]
        while self._take(mark):
            parts.append(self._part(mark, depth))
        return mark.join(parts)

    def _part(self, mark: str, depth: int) -> str:
        return self._separated(",", depth) if mark == "|" else self._atom(depth)

    def _atom(self, depth: int) -> str:
        if not self._take("("):
            return self._constraint()
        if depth >= MAX_DEPTH:
            raise InputError(f"the version is nested more than {MAX_DEPTH} deep")
        inner = self.alternatives(depth + 1)
        if not self._take(")"):
            raise InputError(f"a bracket of the version {quoted(self.text)} is not closed")
        return f"({inner})" if "|" in inner else inner

    def _constraint(self) -> str:
        self.atoms += 1
        operator = ""
        if match := _OPERATOR.match(self.text, self.position):
            operator = match["operator"]
            self.position = match.end()
        match = _LITERAL.match(self.text, self.position)
        if match is None:
            raise InputError(
                f"{quoted(self.text.strip())} is not a version specifier",
                hint=_HINT,
            )
        self.position = match.end()
        literal = match["literal"].lower()
        if operator == "=" and _VERSION.fullmatch(literal):
            self.fuzzy = literal
        if operator == "==" and _GLOB.fullmatch(literal):
            self.doubtful = True
            if self.atoms > 1 or self.text.lstrip().startswith("("):
                raise doubt(literal)
        return constraint(operator, literal)

    def _take(self, mark: str) -> bool:
        match = re.compile(rf"\s*{re.escape(mark)}").match(self.text, self.position)
        if match:
            self.position = match.end()
        return match is not None


def doubt(written: str) -> InputError:
    """Return the error for `==` with a pattern where conda drops the pattern."""
    return InputError(
        f"conda would take `==` with the pattern {quoted(written)} for one exact version here",
        hint="write what is meant: `1.7.*`, or `==1.7`",
    )


def constraint(operator: str, literal: str) -> str:
    """Return one constraint in normal form.

    Args:
        operator: As written; empty for a bare version.
        literal: Version or pattern, in lower case.

    Raises:
        InputError: It is none, or one that the solver does not read as conda does.
    """
    if _ANY.fullmatch(literal):
        if operator in ("", "=", "=="):
            return "*"
        raise InputError(f"{quoted(operator + literal)} compares with no version", hint=_HINT)
    glob = _GLOB.fullmatch(literal)
    version = glob["version"] if glob else literal
    _refuse_pattern(version, literal)
    match operator:
        case "" | "==" if not glob:
            return f"=={version}"
        case "" | "=" | "==":
            return f"{version}.*"
        case "!=":
            return f"!={version}.*" if glob else f"!={version}"
        case "~=" if glob:
            raise InputError(f"`~=` takes no pattern: {quoted(operator + literal)}", hint=_HINT)
        case _:
            return operator + version  # as in conda, a pattern after `>=` or `<` is its version


def _refuse_pattern(version: str, literal: str) -> None:
    if _VERSION.fullmatch(version):
        return
    if literal.startswith("^"):
        raise InputError(
            f"the version {quoted(literal)} is a regular expression, which the solver does not "
            "take",
            hint=_HINT,
        )
    if "*" in version:
        raise InputError(
            f"the version {quoted(literal)} has a `*` before its end, which the solver does not "
            "take",
            hint="write a range: `>=1.7,<1.8`",
        )
    raise InputError(f"{quoted(literal)} is not a version", hint=_HINT)
