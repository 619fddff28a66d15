"""Reading rows by a pattern: the same as by YAML, or not at all."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from tests.unit.lock.conda_locks import LOCK, PYTHON, ZLIB, pypi, row

from mooring.errors import InputError
from mooring.lock.formats import conda_lock
from mooring.lock.formats.conda_lock_layout import read_regular
from mooring.lock.formats.yaml_data import Table, parse

WRITTEN = conda_lock.write(LOCK)
HEAD = "version: 1\nmetadata:\n  a: b\npackage:\n"
ROW = """\
- name: numpy
  version: 2.1.0
  manager: conda
  platform: linux-64
  dependencies:
    python: '>=3.12,<3.13.0a0'
    python_abi: 3.12.* *_cp312
  url: https://conda.example.org/forge/linux-64/numpy-2.1.0-py312_0.conda
  hash:
    md5: 0123456789abcdef0123456789abcdef
    sha256: abcdef
  category: main
  optional: false
"""


def lines_of(top: object) -> list[int]:
    assert isinstance(top, Table)
    rows = top["package"]
    assert isinstance(rows, list)
    return [each.line for each in rows]


def test_what_mooring_writes_is_read_by_the_pattern() -> None:
    found = read_regular(WRITTEN, "x.yml")
    assert found is not None
    assert found == parse(WRITTEN, "x.yml")
    assert lines_of(found) == lines_of(parse(WRITTEN, "x.yml"))


def test_a_row_as_conda_lock_writes_it() -> None:
    found = read_regular(HEAD + ROW, "x.yml")
    assert found is not None
    assert found == parse(HEAD + ROW, "x.yml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 2.1.0", "version: 2.1"),
        ("version: 2.1.0", "version: 2"),
        ("version: 2.1.0", "version: '2.1''0'"),
        ("name: numpy", "name: true"),
        ("name: numpy", "name: null"),
        ("name: numpy", "name: num #py"),
        ("name: numpy", "name: numpy # the one"),
        ("name: numpy", "name: &a numpy"),
        ("    python: '>=3.12,<3.13.0a0'", "    python_abi: '>=3.12,<3.13.0a0'"),
        ("    python: '>=3.12,<3.13.0a0'", "    python: '>=3.12,\n      <3.13.0a0'"),
        ("    python: '>=3.12,<3.13.0a0'", "    yes: '>=3.12'"),
        ("    python: '>=3.12,<3.13.0a0'", "    python: 3"),
        ("    python: '>=3.12,<3.13.0a0'", '    python: ">=3"'),
        ("  optional: false", "  optional: yes"),
        ("  optional: false", "  optional: false\n  more: 1"),
        ("  category: main\n", ""),
        ("https://", "https: //"),
        ("0.conda", "0.conda:"),
        ("\n  hash", "\r\n  hash"),
        ("  manager", "   manager"),
        ("- name", "-  name"),
    ],
)
def test_rows_of_another_form_are_left_to_the_yaml_parser(old: str, new: str) -> None:
    assert old in ROW
    changed = HEAD + ROW.replace(old, new)
    assert read_regular(changed, "x.yml") is None
    assert read_regular(HEAD + ROW + ROW.replace(old, new), "x.yml") is None


@pytest.mark.parametrize("below", ["x: y\n", "...\n", "- \n", "# end\n"])
def test_nothing_may_follow_the_rows(below: str) -> None:
    assert read_regular(HEAD + ROW + below, "x.yml") is None


def test_a_second_list_of_packages_is_not_overlooked() -> None:
    assert read_regular(f"package: []\n{HEAD}{ROW}", "x.yml") is None


def test_whatever_is_changed_the_pattern_never_reads_it_differently() -> None:
    """Change single characters at random: the YAML parser is the judge."""
    dice = random.Random(20)
    alphabet = " \n:'\"#-&*!|>%@`{}[],?\\\t~=<0aZé"
    text = HEAD + ROW
    taken = 0
    for _ in range(3000):
        at = dice.randrange(len(HEAD), len(text))
        keep = at + dice.choice((0, 1))
        changed = text[:at] + dice.choice(alphabet) + text[keep:]
        try:
            found = read_regular(changed, "x.yml")
        except InputError:
            continue
        if found is not None:
            taken += 1
            assert found == parse(changed, "x.yml"), changed
    assert taken > 300


def test_a_lock_with_a_repository_is_read_by_yaml_and_alike() -> None:
    source = replace(
        pypi("tool"), url="git+https://code.example.org/tool.git@" + "a" * 40, sha256=None
    )
    lock = replace(LOCK, conda=(row(ZLIB), row(PYTHON)), pypi=(source,), facts=None)
    text = conda_lock.write(lock)
    assert read_regular(text, "x.yml") is None
    assert conda_lock.read(text, "x.yml").pypi == lock.pypi
