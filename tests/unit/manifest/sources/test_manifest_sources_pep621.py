"""pyproject.toml: the standards' own tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, loaded

HEAD = '[project]\nname = "x"\n'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[project]\n", "pyproject.toml:1: project: the project has no name"),
        ("[project]\nname = 'a b'", "pyproject.toml:2: project.name: 'a b' is not a valid name"),
        ("[project]\nname = 1", "project.name: expected a string"),
        ("project = 1", "pyproject.toml:1: project: expected a table"),
        (HEAD + "version = '1..0'", "project.version: '1..0' is not a version (PEP 440)"),
        (HEAD + "version = '" + "1" * 9000 + "'", "is not a version (PEP 440)"),
        (
            HEAD + "requires-python = '3.11'",
            "project.requires-python: '3.11' is not a version spec",
        ),
        (
            HEAD + "requires-python = 3.11",
            "project.requires-python: expected a string, found a number",
        ),
        (HEAD + "dependencies = 'a'", "project.dependencies: expected a list, found a string"),
        (HEAD + "dependencies = ['a',\n'b=1']", "pyproject.toml:4: project.dependencies[1]: 'b=1'"),
        (
            HEAD + "dependencies = [{name='a'}]",
            "project.dependencies[0]: expected a string, found a ta",
        ),
        (HEAD + "dependencies = ['a\\u0085']".replace("'", '"'), "control character U+0085"),
        (HEAD + "optional-dependencies = []", "project.optional-dependencies: expected a table"),
        (HEAD + "optional-dependencies.w = 'a'", "optional-dependencies.w: expected a list"),
        (HEAD + "optional-dependencies.'w w' = []", "'w w' is not a valid name"),
        (
            HEAD + "[project.optional-dependencies]\nW_w = []\nw-w = []",
            "pyproject.toml:5: project.optional-dependencies.w-w: the extra 'w-w' is declared",
        ),
        (
            HEAD + "dynamic = ['dependencies']",
            "the dependencies are dynamic: only the build",
        ),
        (HEAD + "dynamic = ['optional-dependencies']", "the optional-dependencies are dynamic"),
        (
            HEAD + "dynamic = ['dependencies']\ndependencies = []",
            "dependencies is both written down and declared dynamic",
        ),
        ("dependency-groups = []", "dependency-groups: expected a table"),
    ],
)
def test_a_wrong_value_is_one_problem(tmp_path: Path, text: str, wanted: str) -> None:
    (found,) = complaints(tmp_path, {"pyproject.toml": text + "\n"})
    assert wanted in found


def test_dynamic_dependencies_of_setuptools_say_which_file_to_name(tmp_path: Path) -> None:
    text = (
        HEAD + 'dynamic = ["version", "dependencies"]\n'
        "[tool.setuptools.dynamic]\ndependencies = { file = ['a.txt', 'b.txt'] }\n"
    )
    (found,) = complaints(tmp_path, {"pyproject.toml": text})
    assert found.startswith("pyproject.toml:3: project.dynamic[1]: ")
    assert found.endswith('set sources = ["a.txt", "b.txt"] in [tool.mooring]')


def test_dynamic_dependencies_do_not_matter_when_other_sources_are_named(tmp_path: Path) -> None:
    text = HEAD + 'dynamic = ["dependencies"]\n[tool.mooring]\nsources = ["a.txt"]\n'
    manifest = loaded(tmp_path, {"pyproject.toml": text, "a.txt": "flask\n"})
    assert [r.text for r in manifest.dependencies] == ["flask"]


def test_extras_that_name_the_project_itself_are_kept(tmp_path: Path) -> None:
    text = HEAD + '[project.optional-dependencies]\nb = ["flask"]\nall = ["X[B]"]\n'
    manifest = loaded(tmp_path, {"pyproject.toml": text})
    assert [(name, [r.text for r in listed]) for name, listed in manifest.extras] == [
        ("b", ["flask"]),
        ("all", ["x[b]"]),
    ]


def test_other_dynamic_fields_and_unknown_project_keys_are_no_concern(tmp_path: Path) -> None:
    text = HEAD + 'dynamic = ["version", "readme"]\nfuture-key = 1\n[tool.other]\nx = 1\n'
    manifest = loaded(tmp_path, {"pyproject.toml": text})
    assert manifest.version is None
