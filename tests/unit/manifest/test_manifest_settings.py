"""The keys of a manifest: each wrong value is a problem with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints

BASE = "dependencies = []\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            'platfroms = ["linux-64"]',
            "platfroms: unknown key 'platfroms' | did you mean 'platforms'?",
        ),
        (
            'exclude_newer = "2026-01-01"',
            "unknown key 'exclude_newer' | did you mean 'exclude-newer'?",
        ),
        ('zzz = "1"', "zzz: unknown key 'zzz' | known keys: conda, constraints, dependencies,"),
        ("'a\\tb\u001b' = 1".replace("\u001b", ""), "unknown key 'a\\\\tb'"),
        ("platforms = []", "platforms: no platform is declared"),
        ('platforms = "linux-64"', "platforms: expected a list, found a string"),
        ("platforms = [64]", 'platforms[0]: expected a string, found a whole number | write "64"'),
        ('platforms = ["linux_64"]', "'linux_64' is not a platform | did you mean 'linux-64'?"),
        ('platforms = ["win-64-glibc2.28"]', "gives win-64 a glibc version"),
        ('platforms = ["linux-64", "linux-64-glibc2.28"]', "platforms[1]: the platform "),
        ("python = 3.10", 'python: expected a string, found a number | write python = "3.12"'),
        ("python = 3", 'python: expected a string, found a whole number | write "3"'),
        ('python = ">=3.11"', "'>=3.11' is not a Python version"),
        ('python = "2.7"', "'2.7' is not a Python version"),
        ('resolver = "piptools"', "unknown resolver 'piptools' | did you mean 'pip-tools'?"),
        ("resolver = true", "resolver: expected a string, found true or false"),
        ('constraints = "a<2"', "constraints: expected a list, found a string"),
        ('constraints = ["a<"]', "constraints[0]: 'a<' is not a requirement"),
        ('overrides = [["a"]]', "overrides[0]: expected a string, found a list"),
        ('exclude-newer = "yesterday"', "exclude-newer: 'yesterday' is not a date or date-time"),
        ("exclude-newer = 2026-01-31T00:00:00", "has no time zone"),
        ("exclude-newer = 2026", "'2026' is not a date or date-time"),
        ('sources = [""]', "sources[0]: '' names no file or folder"),
        ("conda = 3", "conda: expected a table, found a whole number"),
        (
            "[verify]\nfail-on = 'eror'",
            "verify.fail-on: unknown severity 'eror' | did you mean 'error'?",
        ),
        ("[verify]\nfail-on = 'fatality'", "| known severities: error, info, warning"),
        ("[verify]\nallow-extra = ['a b']", "verify.allow-extra[0]: 'a b' is not a valid name"),
        (
            "[verify]\nfailon = 'error'",
            "verify.failon: unknown key 'failon' | did you mean 'fail-on'?",
        ),
        ("verify = 1", "verify: expected a table, found a whole number"),
        ("image = []", "image: expected a table, found a list"),
        ("environments = 1", "environments: expected a table"),
        ("environments.dev = 1", "environments.dev: expected a table"),
        (
            "[tool.mooring]\npython = '3.12'",
            "tool: [tool] is not read from this file | in mooring.toml",
        ),
        ("[project]\nname = 'x'", "project: [project] is not read from this file"),
        ('python = "3.1\\u001b[31m"', "python: the value holds the control character U+001B"),
        ('python = "3.12\\u2028"', "python: the value holds the control character U+2028"),
    ],
)
def test_a_wrong_value_is_one_problem_with_its_line(tmp_path: Path, text: str, wanted: str) -> None:
    (found,) = complaints(tmp_path, {"mooring.toml": BASE + text + "\n"})
    assert wanted in found
    assert found.startswith(("mooring.toml:2: ", "mooring.toml:3: "))
    assert "\x1b" not in found


def test_a_mooring_key_that_is_no_table_is_refused(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, {"pyproject.toml": "[tool]\nmooring = 1\n"})
    assert found.startswith("pyproject.toml:2: tool.mooring: expected a table")


def test_keys_below_tool_mooring_name_their_whole_path(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        {
            "pyproject.toml": '[project]\nname = "x"\n\n[tool.mooring]\n'
            '# a comment\n\npyhton = "3.12"\n[tool.mooring.verify]\nx.y = 1\n'
        },
    )
    assert [line.partition(" | ")[0] for line in found] == [
        "pyproject.toml:7: tool.mooring.pyhton: unknown key 'pyhton'",
        "pyproject.toml:9: tool.mooring.verify.x: unknown key 'x'",
    ]


def test_a_credential_in_a_wrong_requirement_is_not_shown(tmp_path: Path) -> None:
    secrets = [
        "a = https://user:hunter2@host/x.whl",
        "a @ https://user:hun/ter2@host/x.whl !",
        "a @ https://hunter2@host/x.whl",
        "a @ git+https://user:hunter2@host/x.git",
        "a @ https://user:hunter2'x@host/ (",
    ]
    listed = ", ".join(f'"{text}"' for text in secrets)
    found = complaints(tmp_path, {"mooring.toml": f"constraints = [{listed}]\n"})
    assert len(found) == len(secrets) + 1  # and that nothing is declared
    assert not any(part in line for line in found for part in ("hunter2", "hun/", "ter2"))


def test_many_problems_are_cut(tmp_path: Path) -> None:
    text = BASE + "".join(f"unknown{n} = 1\n" for n in range(500))
    found = complaints(tmp_path, {"mooring.toml": text})
    assert len(found) == 51
    assert "and 450 more" in found[-1]


def test_a_very_long_unknown_key_is_no_work_and_is_cut(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, {"mooring.toml": BASE + "k" * 200_000 + " = 1\n"})
    assert "..." in found
