"""The one family of expected errors: each carries its exit code, its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


class MooringError(Exception):
    """An expected failure that is shown to the user without a traceback.

    Args:
        message: What went wrong, one sentence without a final full stop.
        where: A place such as `requirements.in:14` or `pyproject.toml: tool.mooring.python`.
        hint: What to do about it.

    The exit code is 3 (could not be done or could not be checked) unless a subclass says otherwise.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class AnswerIsNo(MooringError):
    """The question was answered and the answer is no: drift, a stale lock (exit code 1)."""

    exit_code = 1


class InputError(MooringError):
    """The usage or a declared input is wrong (exit code 2)."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong in a declared input, with its place."""

    where: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class InputProblems(InputError):
    """All problems of a declared input, reported together (exit code 2)."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        if len(self.problems) == 1:
            super().__init__(first.message, where=first.where, hint=first.hint)
            return
        lines = "\n".join(
            f"  {problem}" + (f" ({problem.hint})" if problem.hint else "")
            for problem in self.problems
        )
        super().__init__(f"{len(self.problems)} problems in the declared input:\n{lines}")


def raise_problems(problems: Iterable[Problem]) -> None:
    """Raise `InputProblems` when there is at least one problem."""
    found = tuple(problems)
    if found:
        raise InputProblems(found)
