"""Problems are kept in order, without secrets, and within bounds."""

from __future__ import annotations

import pytest

from mooring.errors import InputError, InputProblems, Problem
from mooring.manifest.nearest import advice, nearest
from mooring.manifest.problems import MAX_SHOWN, Problems, quoted


def test_nothing_recorded_raises_nothing() -> None:
    Problems().raise_any()


def test_problems_come_by_line_within_a_file() -> None:
    problems = Problems()
    for where in ("b.toml:10: x", "a.in:3", "b.toml:2: y", "b.toml", "a.in:1", "b.toml:2: y"):
        problems.add(where, "wrong")
    with pytest.raises(InputProblems) as caught:
        problems.raise_any()
    assert [p.where for p in caught.value.problems] == [
        "b.toml",
        "b.toml:2: y",
        "b.toml:10: x",
        "a.in:1",
        "a.in:3",
    ]


def test_a_block_records_input_errors_only() -> None:
    problems = Problems()
    with problems.catch("here"):
        raise InputError("one", hint="do")
    with problems.catch(lambda: "there"):
        raise InputError("two", where="own")
    with problems.catch("unused"):
        raise InputProblems([Problem(where="a", message="three")])
    with pytest.raises(KeyError), problems.catch("here"):
        raise KeyError
    with pytest.raises(InputProblems) as caught:
        problems.raise_any()
    assert [str(p) for p in caught.value.problems] == ["here: one", "own: two", "a: three"]


def test_a_place_is_not_computed_for_good_input() -> None:
    def never() -> str:
        raise AssertionError

    with Problems().catch(never):
        pass


def test_urls_lose_their_credentials() -> None:
    problems = Problems()
    problems.add("x", "see https://user:hunter2@host/", "or https://user:hunter2@host/")
    with pytest.raises(InputProblems) as caught:
        problems.raise_any()
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "text",
    [
        "https://hunter2@host/x",
        "https://user:hunter2@host/x",
        "https://user:p@hunter2@host/x",
        "https://user:p/hunter2@host/x",
        "https://user:hunter2/4@host/x",
        "a @ git+https://user:hunter2'\"@host/x",
        "https:/user:hunter2@host/x",
        "user:hunter2@host/image",
        ":hunter2@host/image",
        "a @ git+user:p@hunter2@host:team/x.git",
    ],
)
def test_a_quoted_text_loses_credentials_of_any_shape(text: str) -> None:
    assert "hunter2" not in quoted(text)


def test_a_quoted_text_keeps_ports_and_revisions() -> None:
    assert "host:8080/x@v1" in quoted("git+https://host:8080/x@v1")
    assert "host/x@v1" in quoted("git+https://host/x@v1")
    assert "python:3.12@sha256:12" in quoted("python:3.12@sha256:12")


def test_a_quoted_text_shows_control_characters_and_is_cut() -> None:
    assert quoted("\x1b[31m") == "'\\x1b[31m'"
    assert len(quoted("x" * 10_000)) < 200


def test_at_most_fifty_are_listed() -> None:
    problems = Problems()
    for number in range(MAX_SHOWN + 7):
        problems.add(f"x:{number}", "wrong")
    with pytest.raises(InputProblems) as caught:
        problems.raise_any()
    assert len(caught.value.problems) == MAX_SHOWN + 1
    assert caught.value.problems[-1].message == "and 7 more"


def test_the_nearest_word() -> None:
    assert nearest("platfroms", ["platforms", "python"]) == "platforms"
    assert nearest("fail_on", ["fail-on"]) == "fail-on"
    assert nearest("zzz", ["platforms"]) is None
    assert nearest("x" * 1_000_000, ["x" * 10]) is None
    assert advice("zzz", ["b", "a"], what="keys") == "known keys: a, b"
    assert advice("zzz", [], what="groups") == "there are no groups"
