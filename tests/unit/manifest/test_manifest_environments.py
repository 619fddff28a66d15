"""Named environments: what they select exists and fits."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, loaded

from mooring.manifest.model import Environment

PROJECT = """[project]
name = "x"
requires-python = ">=3.11,<3.13"
[project.optional-dependencies]
web = ["flask"]
[dependency-groups]
dev = ["pytest"]
test = ["pytest"]
[tool.mooring]
platforms = ["linux-64", "win-64"]
"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            '[tool.mooring.environments.a]\ngroups = ["dve"]',
            "pyproject.toml:12: tool.mooring.environments.a.groups: the group 'dve' does not exist",
        ),
        (
            '[tool.mooring.environments.a]\nextras = ["dev"]',
            "the extra 'dev' does not exist (declared extras: web)",
        ),
        (
            '[tool.mooring.environments.Dev]\ngroups = ["dev"]',
            "'Dev' is not a name for an environment",
        ),
        ('[tool.mooring.environments."a/b"]', "'a/b' is not a name for an environment"),
        ('[tool.mooring.environments."-a"]', "'-a' is not a name for an environment"),
        (
            '[tool.mooring.environments.a]\nplatforms = ["osx-arm64"]',
            "environments.a.platforms[0]: the platform 'osx-arm64' is not among those of",
        ),
        ("[tool.mooring.environments.a]\nplatforms = []", "no platform is declared"),
        (
            '[tool.mooring.environments.a]\npython = "3.13"',
            "environments.a.python: Python 3.13 does not satisfy requires-python '>=3.11,<3.13' (",
        ),
        ('python = "3.10"', "tool.mooring.python: Python 3.10 does not satisfy requires-python"),
        (
            "[tool.mooring.environments.a]\ngroup = []",
            "unknown key 'group' | did you mean 'groups'?",
        ),
    ],
)
def test_an_environment_that_does_not_fit(tmp_path: Path, text: str, wanted: str) -> None:
    (found,) = complaints(tmp_path, {"pyproject.toml": PROJECT + text + "\n"})
    assert wanted in found


def test_an_unknown_group_names_the_known_ones_and_the_nearest(tmp_path: Path) -> None:
    text = '[tool.mooring.environments.a]\ngroups = ["dve"]\n'
    (found,) = complaints(tmp_path, {"pyproject.toml": PROJECT + text})
    assert found.endswith("(declared groups: dev, test) | did you mean 'dev'?")


def test_a_python_that_does_not_fit_names_both_places(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, {"pyproject.toml": PROJECT + 'python = "3.9"\n'})
    assert found.startswith("pyproject.toml:11: tool.mooring.python: ")
    assert "(pyproject.toml:3: project.requires-python)" in found


def test_the_default_environment_may_be_declared(tmp_path: Path) -> None:
    text = '[tool.mooring.environments.b]\n[tool.mooring.environments.default]\ngroups = ["dev"]\n'
    manifest = loaded(tmp_path, {"pyproject.toml": PROJECT + text})
    assert manifest.environments == (
        Environment(name="default", groups=("dev",)),
        Environment(name="b"),
    )


def test_names_are_normalised_and_count_once(tmp_path: Path) -> None:
    text = '[tool.mooring.environments.b]\nextras = ["WEB", "web"]\n'
    manifest = loaded(tmp_path, {"pyproject.toml": PROJECT + text})
    assert manifest.environments[1].extras == ("web",)


@pytest.mark.parametrize(
    ("requires", "python"),
    [(">=3.12.4", "3.12"), ("~=3.12.0", "3.12"), ("==3.12.3", "3.12.3"), (">=3.11", "3.14")],
)
def test_a_python_without_patch_stands_for_the_latest(
    tmp_path: Path, requires: str, python: str
) -> None:
    manifest = loaded(
        tmp_path,
        {
            "pyproject.toml": f'[project]\nname = "x"\nrequires-python = "{requires}"\n'
            f'[tool.mooring]\npython = "{python}"\n'
        },
    )
    assert str(manifest.python) == python
