"""Dependency groups: includes, cycles and budgets, with `packaging` as the oracle."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.dependency_groups import resolve_dependency_groups
from tests.unit.manifest.folders import complaints, loaded

from mooring.manifest.requirement import normal_form

GROUPS = """[dependency-groups]
Test_Base = ["pytest>=8", "coverage"]
docs = []
lint = ["ruff"]
test = [{ include-group = "test.base" }, "hypothesis"]
dev = [{ include-group = "lint" }, { include-group = "TEST" }, "mypy", { include-group = "docs" }]
"""


def test_groups_are_expanded_as_packaging_does(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, {"pyproject.toml": GROUPS})
    declared = tomllib.loads(GROUPS)["dependency-groups"]
    assert [name for name, _ in manifest.groups] == ["test-base", "docs", "lint", "test", "dev"]
    for name, listed in manifest.groups:
        wanted = [normal_form(text) for text in resolve_dependency_groups(declared, name)]
        assert [r.text for r in listed] == wanted


def test_an_included_requirement_keeps_the_place_that_declares_it(tmp_path: Path) -> None:
    groups = dict(loaded(tmp_path, {"pyproject.toml": GROUPS}).groups)
    assert groups["dev"][1].where == "pyproject.toml: dependency-groups.Test_Base[0]"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a = 'x'", "dependency-groups.a: expected a list"),
        ("a = [1]", "dependency-groups.a[0]: expected a string, found a whole number"),
        ("a = ['x=1']", "dependency-groups.a[0]: 'x=1' is not a requirement"),
        ("a = [{ include-group = 1 }]", "a[0].include-group: expected a string"),
        ("a = [{ include-group = 'b c' }]", "a[0].include-group: 'b c' is not a valid name"),
        ("a = [{ include = 'b' }]", "a[0]: expected a requirement or { include-group = NAME }"),
        ("a = [{}]", "a[0]: expected a requirement or { include-group = NAME }"),
        ("a = [{ include-group = 'b', x = 1 }]\nb = []", "a[0].x: unknown key 'x'"),
        (
            "a = [{ include-group = 'tset' }]\ntest = []",
            "the group 'a' includes 'tset', which does not exist | did you mean 'test'?",
        ),
        ("a = [{ include-group = 'a' }]", "the groups include each other: a -> a"),
        (
            "a = [{ include-group = 'b' }]\nb = [{ include-group = 'a' }]",
            "the groups include each other: ",
        ),
        (
            "A_b = []\na-b = []",
            "pyproject.toml:3: dependency-groups.a-b: the group 'a-b' is declared",
        ),
        ("'a b' = []", "'a b' is not a valid name"),
    ],
)
def test_groups_that_do_not_fit(tmp_path: Path, text: str, wanted: str) -> None:
    (found,) = complaints(tmp_path, {"pyproject.toml": "[dependency-groups]\n" + text + "\n"})
    assert wanted in found


def test_groups_that_double_at_every_step_stay_small(tmp_path: Path) -> None:
    lines = [
        f"g{n} = [{{ include-group = 'g{n + 1}' }}, {{ include-group = 'g{n + 1}' }}]"
        for n in range(60)
    ]
    text = "[dependency-groups]\n" + "\n".join([*lines, "g60 = ['a']"])
    # Expanded one by one these would be 2^60 requirements: the test would not come back.
    groups = dict(loaded(tmp_path, {"pyproject.toml": text}).groups)
    assert [r.text for r in groups["g0"]] == ["a"]


def test_a_long_chain_is_no_recursion(tmp_path: Path) -> None:
    lines = [f"g{n} = [{{ include-group = 'g{n + 1}' }}]" for n in range(900)]
    text = "[dependency-groups]\n" + "\n".join([*lines, "g900 = ['a']"])
    assert len(loaded(tmp_path, {"pyproject.toml": text}).groups) == 901


def test_too_many_groups_are_refused(tmp_path: Path) -> None:
    text = "[dependency-groups]\n" + "\n".join(f"g{n} = []" for n in range(1001))
    (found,) = complaints(tmp_path, {"pyproject.toml": text})
    assert "more than 1000 dependency groups" in found
