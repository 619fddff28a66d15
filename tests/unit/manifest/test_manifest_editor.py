"""The proposed first manifest: it loads, adds little, and touches nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import folder

from mooring.errors import InputError
from mooring.manifest.editor import Proposal, propose
from mooring.manifest.model import Manifest
from mooring.manifest.reader import load
from mooring.platforms import PythonVersion

PYTHON = PythonVersion(minor=12)


def proposed(root: Path, files: dict[str, str]) -> tuple[Proposal, Manifest]:
    """Propose for a folder, write it, and load the result."""
    folder(root, files)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    proposal = propose(root, python=PYTHON)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    proposal.path.write_bytes(proposal.content.encode())
    return proposal, load(root)


def test_an_empty_folder_gets_a_mooring_toml(tmp_path: Path) -> None:
    proposal, manifest = proposed(tmp_path, {})
    assert proposal.path == tmp_path.resolve() / "mooring.toml"
    assert proposal.found == (
        "no requirements yet: write them into `dependencies`",
        "Python 3.12: the interpreter at hand",
    )
    assert (manifest.dependencies, manifest.image) == ((), None)
    assert len(manifest.platforms) == 4
    assert manifest.python == PYTHON


def test_requirements_get_a_mooring_toml_without_sources(tmp_path: Path) -> None:
    proposal, manifest = proposed(
        tmp_path, {"requirements.in": "-r more.in\nflask\n", "more.in": "rich\n"}
    )
    assert "sources" not in proposal.content
    assert "dependencies" not in proposal.content
    assert [r.text for r in manifest.dependencies] == ["rich", "flask"]
    assert proposal.found[:2] == (
        "requirements.in: 2 dependencies",
        "requirements.in: includes more.in",
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_pyproject_keeps_every_byte_before_the_new_table(
    tmp_path: Path, newline: str, end: str
) -> None:
    text = '# mine\n[project]\nname   =  "My.App" # odd\n\n\n[tool.x]\ny=1'
    old = text.replace("\n", newline) + end.replace("\n", newline)
    proposal, manifest = proposed(tmp_path, {"pyproject.toml": old})
    assert proposal.path == tmp_path.resolve() / "pyproject.toml"
    assert proposal.content.startswith(old)
    assert proposal.content.count("\n") == proposal.content.count(newline)
    added = proposal.content[len(old) :]
    assert f"[tool.mooring]{newline}platforms = " in added
    assert "# # entrypoint = " in added
    assert manifest.path == proposal.path


@pytest.mark.parametrize(
    ("files", "copied", "path", "entrypoint"),
    [
        (["app/__main__.py"], ("app",), None, ("python", "-m", "app")),
        (["app/__init__.py"], ("app",), None, ()),
        (["app.py"], ("app.py",), None, ("python", "-m", "app")),
        (["src/app/__main__.py", "src/x/__main__.py"], ("src",), "/app/src", "app"),
        (["src/app.py"], ("src",), "/app/src", "app"),
        (["src/app/__init__.py", "src/other/__main__.py"], ("src",), "/app/src", "other"),
        (["src/one/__main__.py", "src/two/__main__.py"], ("src",), "/app/src", ()),
        ([], (), None, ()),
    ],
)
def test_the_commented_image_is_one_that_starts(
    tmp_path: Path,
    files: list[str],
    copied: tuple[str, ...],
    path: str | None,
    entrypoint: str | tuple[str, ...],
) -> None:
    content = {"pyproject.toml": '[project]\nname = "app"\n', **dict.fromkeys(files, "")}
    proposal, _ = proposed(tmp_path, content)
    head, _, example = proposal.content.rpartition("# The image")
    lines = example.splitlines()[1:]
    assert all(line.startswith("# ") for line in lines)
    text = head + "\n".join(line.removeprefix("# ") for line in lines)
    proposal.path.write_text(text, encoding="utf-8")
    image = load(tmp_path).image
    assert image is not None
    assert (image.base, image.files) == ("python:3.12-slim", copied)
    assert dict(image.env) == ({"PYTHONPATH": path} if path else {})
    wanted = ("python", "-m", entrypoint) if isinstance(entrypoint, str) else entrypoint
    assert image.entrypoint == wanted
    assert ("# # entrypoint" in proposal.content) == (wanted == ())


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        ('dev = ["a"]', ("dev",)),
        ('test = ["a"]', ("test",)),
        ('dev = ["a"]\ntest = ["b"]', ("dev", "test")),
        ('dev = [{ include-group = "test" }, "a"]\ntest = ["b"]', ("dev",)),
        ('docs = ["a"]', None),
    ],
)
def test_development_groups_become_an_environment(
    tmp_path: Path, groups: str, wanted: tuple[str, ...] | None
) -> None:
    _, manifest = proposed(tmp_path, {"pyproject.toml": f"[dependency-groups]\n{groups}\n"})
    environment = manifest.environment("dev")
    assert (environment.groups if environment else None) == wanted


def test_development_extras_become_an_environment(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\n[project.optional-dependencies]\ntests = ["a"]\nweb = ["b"]\n'
    proposal, manifest = proposed(tmp_path, {"pyproject.toml": text})
    environment = manifest.environment("dev")
    assert environment is not None
    assert environment.extras == ("tests",)
    assert "pyproject.toml: extras tests, web" in proposal.found


@pytest.mark.parametrize(
    ("requires", "version_file", "wanted", "why"),
    [
        (">=3.10", None, "3.12", "the interpreter at hand"),
        (">=3.13", None, "3.13", "the lowest that satisfies requires-python '>=3.13'"),
        (">=3.9,<3.12", None, "3.9", "the lowest that satisfies"),
        ("== 3.10.19", None, "3.10.19", "the lowest that satisfies"),
        (">=3.10", "3.11.4\n", "3.11", "from .python-version"),
        (">=3.12", "3.11\n", "3.12", "the interpreter at hand"),
        (">=3.10", "pypy3.10\n", "3.12", "the interpreter at hand"),
        (">=3.10", "", "3.12", "the interpreter at hand"),
    ],
)
def test_the_python_fits_the_project(
    tmp_path: Path, requires: str, version_file: str | None, wanted: str, why: str
) -> None:
    files = {"pyproject.toml": f'[project]\nname = "x"\nrequires-python = "{requires}"\n'}
    if version_file is not None:
        files[".python-version"] = version_file
    proposal, manifest = proposed(tmp_path, files)
    assert str(manifest.python) == wanted
    assert any(f"Python {wanted}: " in line and why in line for line in proposal.found)


def test_no_python_fits(tmp_path: Path) -> None:
    folder(tmp_path, {"pyproject.toml": '[project]\nname = "x"\nrequires-python = "<3"\n'})
    with pytest.raises(InputError, match="no Python that Mooring knows"):
        propose(tmp_path, python=PYTHON)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("FROM debian:12\n", "debian:12"),
        ("from --platform=$BUILDPLATFORM node:22 as Build\nFROM python:3.11\n", "python:3.11"),
        ("FROM python:3.11 AS base\nFROM base\nFROM scratch\n", "python:3.11"),
        ("ARG X\nFROM $X\n", None),
        ("RUN x\n", None),
    ],
)
def test_a_dockerfile_gives_the_base_of_the_example(
    tmp_path: Path, text: str, wanted: str | None
) -> None:
    proposal, _ = proposed(tmp_path, {"Dockerfile": text})
    assert f'# base = "{wanted or "python:3.12-slim"}"' in proposal.content
    assert any("Dockerfile" in line for line in proposal.found) == (wanted is not None)


def test_setuptools_files_become_the_sources(tmp_path: Path) -> None:
    text = (
        '[project]\nname = "x"\nrequires-python = ">=3.13"\ndynamic = ["dependencies"]\n'
        '[tool.setuptools.dynamic]\ndependencies = { file = "req.txt" }\n'
    )
    proposal, manifest = proposed(tmp_path, {"pyproject.toml": text, "req.txt": "flask\n"})
    assert 'sources = ["req.txt"]' in proposal.content
    assert [r.text for r in manifest.dependencies] == ["flask"]
    assert str(manifest.python) == "3.13"


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    proposal, _ = proposed(
        tmp_path, {"pyproject.toml": "[tool.poetry.dependencies]\na = '*'\n", "Pipfile": ""}
    )
    assert proposal.path.name == "mooring.toml"
    assert "not read by this version: Pipfile" in proposal.found
    assert "not read by this version: [tool.poetry] in pyproject.toml" in proposal.found


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"mooring.toml": "broken ["}, "mooring.toml"),
        ({"pyproject.toml": "\n[tool.mooring]\n"}, "pyproject.toml:2: tool.mooring"),
    ],
)
def test_an_existing_manifest_is_left_alone(
    tmp_path: Path, files: dict[str, str], where: str
) -> None:
    folder(tmp_path, files)
    with pytest.raises(InputError, match="there is a manifest already") as caught:
        propose(tmp_path, python=PYTHON)
    assert caught.value.where == where


def test_wrong_declarations_are_reported_instead_of_proposed(tmp_path: Path) -> None:
    folder(tmp_path, {"requirements.in": "a=1\n"})
    with pytest.raises(InputError, match="is not a requirement"):
        propose(tmp_path, python=PYTHON)


def test_an_inline_tool_table_cannot_be_added_to(tmp_path: Path) -> None:
    folder(tmp_path, {"pyproject.toml": 'tool = { x = 1 }\n[project]\nname = "x"\n'})
    with pytest.raises(InputError, match="written inline"):
        propose(tmp_path, python=PYTHON)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        propose(tmp_path / "gone", python=PYTHON)
