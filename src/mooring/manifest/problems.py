"""Collecting what is wrong in the declared files, so that all of it is reported together."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import TracebackType

from mooring.errors import InputError, InputProblems, Problem, raise_problems
from mooring.urls import redact

MAX_SHOWN = 50
_SHOWN_CHARACTERS = 160

_PLACE = re.compile(r"(?P<file>[^:]*)(?::(?P<line>\d+))?")

# What `urls.redact` cannot know for a URL: `user:password@host` without a scheme. The `@` of an
# image reference has a digest behind it.
_BARE_USERINFO = re.compile(r"(?<![^\s'\"(])[^\s:/@]{0,256}:[^\s/]{1,256}@(?!sha\d+:)")


class Problems:
    """The problems found so far; no message in it holds the credentials of a URL."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, where: str, message: str, hint: str | None = None) -> None:
        """Record one problem."""
        self._found.append(
            Problem(where=where, message=redact(message), hint=redact(hint) if hint else None)
        )

    def catch(self, where: str | Callable[[], str]) -> Catching:
        """Record an `InputError` of a `with` block instead of letting it out.

        Args:
            where: The place for an error that does not name its own; called only when needed.
        """
        return Catching(self, where)

    def record(self, error: InputError, where: str | Callable[[], str]) -> None:
        """Record an error, at its own place or at the one given."""
        if isinstance(error, InputProblems):
            self._found.extend(error.problems)
            return
        place = error.where or (where if isinstance(where, str) else where())
        self.add(place, error.message, error.hint)

    def raise_any(self) -> None:
        """Raise `InputProblems` when something was recorded: by file and line, at most 50."""
        kept = self._in_order()
        if len(kept) > MAX_SHOWN:
            more = Problem(where=kept[-1].where, message=f"and {len(kept) - MAX_SHOWN} more")
            kept = [*kept[:MAX_SHOWN], more]
        raise_problems(kept)

    def _in_order(self) -> list[Problem]:
        """Each problem once, by line within a file; files in the order they were read."""
        files: dict[str, int] = {}
        keyed = []
        for problem in dict.fromkeys(self._found):
            place = _PLACE.match(problem.where)
            file = place["file"] if place else problem.where
            line = int(place["line"]) if place and place["line"] else 0
            keyed.append(((files.setdefault(file, len(files)), line), problem))
        return [problem for _, problem in sorted(keyed, key=lambda pair: pair[0])]


class Catching:
    """A `with` block whose `InputError` becomes a problem; see `Problems.catch`."""

    def __init__(self, problems: Problems, where: str | Callable[[], str]) -> None:
        self._problems = problems
        self._where = where

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, InputError):
            return False
        self._problems.record(error, self._where)
        return True


def quoted(text: str) -> str:
    """Return a declared text for a message: quoted, cut, and without any credentials."""
    text = _BARE_USERINFO.sub("***@", redact(text))
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "..."
    return repr(text)
