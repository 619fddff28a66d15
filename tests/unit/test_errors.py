from __future__ import annotations

import pytest

from mooring.errors import (
    AnswerIsNo,
    InputError,
    InputProblems,
    MooringError,
    Problem,
    raise_problems,
)


@pytest.mark.parametrize(
    ("kind", "code"), [(MooringError, 3), (AnswerIsNo, 1), (InputError, 2), (InputProblems, 2)]
)
def test_each_kind_owns_its_exit_code(kind: type[MooringError], code: int) -> None:
    assert kind.exit_code == code


def test_text_begins_with_the_place() -> None:
    error = InputError("unknown key", where="mooring.toml:3", hint="did you mean python?")
    assert str(error) == "mooring.toml:3: unknown key"
    assert error.hint == "did you mean python?"


def test_text_without_a_place_is_the_message() -> None:
    assert str(MooringError("the index does not answer")) == "the index does not answer"


def test_one_problem_keeps_its_own_place_and_hint() -> None:
    error = InputProblems([Problem(where="a.in:1", message="no name", hint="write one")])
    assert (error.where, error.message, error.hint) == ("a.in:1", "no name", "write one")


def test_several_problems_are_told_together() -> None:
    first = Problem(where="a.in:1", message="no name", hint="write one")
    second = Problem(where="a.in:7", message="no version")
    error = InputProblems([first, second])
    assert error.problems == (first, second)
    assert str(error).splitlines() == [
        "2 problems in the declared input:",
        "  a.in:1: no name (write one)",
        "  a.in:7: no version",
    ]


def test_no_problem_raises_nothing() -> None:
    raise_problems([])
    with pytest.raises(InputProblems):
        raise_problems(problem for problem in [Problem(where="x", message="y")])
