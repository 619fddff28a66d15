from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mooring.errors import InputError
from mooring.render.sandbox import Templates


def refused(root: Path, text: str, *, seconds: float = 10) -> InputError:
    (root / "mine.j2").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        Templates(root, seconds=seconds).render("mine.j2", {"name": "demo"})
    assert (caught.value.where or "").startswith("mine.j2")
    return caught.value


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such timer")
def test_a_template_without_end_is_interrupted(tmp_path: Path) -> None:
    loops = "{% for i in range(100000) %}" * 3 + "{% endfor %}" * 3

    assert "did not end" in refused(tmp_path, f"FROM x\n{loops}", seconds=0.1).message


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
@pytest.mark.parametrize(
    "text",
    [
        "{% set x = 'a' * 10000000000 %}",
        "{% set x = 'a'|center(10000000000) %}",
        "{% set x = '%09999999999d'|format(1) %}",
        "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x~n.x %}{% endfor %}",
    ],
)
def test_a_template_that_takes_all_memory_is_stopped(tmp_path: Path, text: str) -> None:
    assert "too much memory" in refused(tmp_path, text).message


@pytest.mark.parametrize(
    "text",
    [
        "{{ 10 ** (10 ** 9) }}",
        "{% set n = namespace(x=9) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
    ],
)
def test_numbers_stay_small(tmp_path: Path, text: str) -> None:
    assert "number that is too large" in refused(tmp_path, text).message


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,  # more blocks than Python can nest
        "{{ 1e400 }}",
        "{{ 'a'|truncate(-1)|sh }}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    ],
)
def test_whatever_a_template_fails_with_is_an_expected_error(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text).exit_code == 2


def test_control_characters_in_a_template_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, "FROM x\nRUN echo \x1b[31m\n")

    assert error.where == "mine.j2:2"
    assert "U+001B" in error.message


def test_sums_products_and_powers_of_small_numbers_work(tmp_path: Path) -> None:
    (tmp_path / "mine.j2").write_text("{{ 2 ** 10 + 3 * 4 }}{{ 'ab' * 2 }}\n")

    assert Templates(tmp_path).render("mine.j2", {}) == "1036abab\n"
