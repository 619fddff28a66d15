"""Finding the manifest of a folder, and joining its sources."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, complaints_about, folder, loaded

from mooring.errors import InputError
from mooring.manifest.model import Environment
from mooring.manifest.reader import load
from mooring.platforms import Platform, PythonVersion

PROJECT = '[project]\nname = "Churn.Model"\nversion = "1.2"\ndependencies = ["Pandas>=2"]\n'


def test_a_bare_project_loads_with_defaults(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, {"pyproject.toml": PROJECT})
    assert manifest.root == tmp_path.resolve()
    assert manifest.path is None
    assert manifest.inputs == (tmp_path.resolve() / "pyproject.toml",)
    assert (manifest.name, manifest.version) == ("churn-model", "1.2")
    assert [(r.text, r.where) for r in manifest.dependencies] == [
        ("pandas>=2", "pyproject.toml: project.dependencies[0]")
    ]
    assert [str(p) for p in manifest.platforms] == [
        "linux-64",
        "linux-aarch64",
        "osx-arm64",
        "win-64",
    ]
    assert manifest.environments == (Environment(name="default"),)
    assert (manifest.python, manifest.image, manifest.exclude_newer) == (None, None, None)
    assert manifest.resolver == "uv"


def test_every_key_of_the_design_is_read(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "pyproject.toml": PROJECT
            + """
[project.optional-dependencies]
Web_UI = ["flask"]
[dependency-groups]
dev = ["pytest"]
[tool.mooring]
platforms = ["linux-64", "linux-64-musl1.2"]
python = "3.12"
dependencies = ["gunicorn"]
constraints = ["numpy<3"]
overrides = ["six==1.16"]
exclude-newer = "2026-01-31"
resolver = "pip-tools"
[[tool.mooring.index]]
name = "corp"
url = "https://pypi.example.com/simple"
explicit = true
packages = ["Acme_Tools"]
[tool.mooring.environments.dev]
extras = ["web.ui"]
groups = ["Dev"]
platforms = ["linux-64"]
python = "3.13.1"
[tool.mooring.image]
base = "python:3.12-slim"
template = "docker/own.j2"
repository = "registry.example.com:5000/team/churn"
environment = "dev"
files = ["src/", "./conf/app.toml"]
env = { PYTHONHASHSEED = "0" }
labels = { "org.opencontainers.image.title" = "Churn" }
entrypoint = ["python", "-m", "churn"]
cmd = ["--help"]
workdir = "/srv"
user = "1000:1000"
ports = [8000]
smoke = ["python", "-c", "import churn"]
healthcheck = ["python", "-m", "churn.health"]
[tool.mooring.verify]
fail-on = "warning"
allow-extra = ["pip", "Setup_Tools"]
"""
        },
    )
    assert manifest.path == tmp_path.resolve() / "pyproject.toml"
    assert manifest.python == PythonVersion(minor=12)
    assert [r.text for r in manifest.dependencies] == ["pandas>=2", "gunicorn"]
    assert manifest.dependencies[1].where == "pyproject.toml: tool.mooring.dependencies[0]"
    assert [name for name, _ in manifest.extras] == ["web-ui"]
    assert manifest.constraints[0].text == "numpy<3"
    assert manifest.overrides[0].text == "six==1.16"
    assert manifest.exclude_newer == "2026-02-01T00:00:00Z"
    assert manifest.resolver == "pip-tools"
    assert manifest.indexes[0].packages == ("acme-tools",)
    assert manifest.environment("dev") == Environment(
        name="dev",
        extras=("web-ui",),
        groups=("dev",),
        platforms=(Platform.parse("linux-64"),),
        python=PythonVersion(minor=13, patch=1),
    )
    assert [e.name for e in manifest.environments] == ["default", "dev"]
    image = manifest.image
    assert image is not None
    assert image.files == ("src", "conf/app.toml")
    assert image.template == "docker/own.j2"
    assert image.env == (("PYTHONHASHSEED", "0"),)
    assert (image.workdir, image.user, image.ports) == ("/srv", "1000:1000", (8000,))
    assert manifest.verify.fail_on == "warning"
    assert manifest.verify.allow_extra == ("pip", "setup-tools")


def test_mooring_toml_has_the_same_keys_at_the_top(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {"mooring.toml": 'python = "3.12"\n', "pyproject.toml": PROJECT},
    )
    assert manifest.path == tmp_path.resolve() / "mooring.toml"
    assert [p.name for p in manifest.inputs] == ["mooring.toml", "pyproject.toml"]
    assert manifest.python == PythonVersion(minor=12)
    assert manifest.name == "churn-model"


def test_two_manifests_are_an_error_that_names_both(tmp_path: Path) -> None:
    found = complaints(tmp_path, {"mooring.toml": "", "pyproject.toml": "[tool.mooring]\n"})
    wanted = (
        "pyproject.toml:1: tool.mooring: both mooring.toml and [tool.mooring] of pyproject.toml "
        "are manifests | keep one of the two"
    )
    assert found == [wanted]


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"pyproject.toml": PROJECT, "requirements.in": "flask"}, "pyproject.toml"),
        ({"pyproject.toml": "[tool.black]\n", "requirements.in": "flask"}, "requirements.in"),
        ({"requirements.txt": "flask", "requirements.in": "flask"}, "requirements.in"),
        ({"requirements.txt": "flask"}, "requirements.txt"),
        ({"pyproject.toml": "[dependency-groups]\ndev = []\n"}, "pyproject.toml"),
    ],
)
def test_the_search_order_without_mooring_keys(
    tmp_path: Path, files: dict[str, str], wanted: str
) -> None:
    manifest = loaded(tmp_path, files)
    assert [path.name for path in manifest.inputs] == [wanted]
    assert manifest.path is None


def test_the_default_source_of_a_manifest_without_project_is_the_requirements(
    tmp_path: Path,
) -> None:
    manifest = loaded(tmp_path, {"mooring.toml": "", "requirements.txt": "flask==3.0"})
    assert [r.text for r in manifest.dependencies] == ["flask==3.0"]
    assert manifest.dependencies[0].where == "requirements.txt:1"


def test_sources_are_joined_and_equal_requirements_count_once(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "mooring.toml": 'sources = ["pyproject.toml", "req/more.in"]\n',
            "pyproject.toml": PROJECT + 'requires-python = ">=3.11"\n',
            "req/more.in": "pandas >= 2\nrich\n",
        },
    )
    assert [r.text for r in manifest.dependencies] == ["pandas>=2", "rich"]
    assert manifest.requires_python == ">=3.11"
    assert [path.name for path in manifest.inputs] == ["mooring.toml", "pyproject.toml", "more.in"]


def test_an_empty_list_of_dependencies_is_a_declaration_and_nothing_is_not(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"mooring.toml": "dependencies = []\n"}).dependencies == ()
    (found,) = complaints(tmp_path, {"mooring.toml": 'python = "3.12"\n'})
    assert found.startswith("mooring.toml: nothing is declared")


@pytest.mark.parametrize("name", ["mooring.toml", "pyproject.toml", "requirements.in"])
def test_a_file_may_be_named_instead_of_the_folder(tmp_path: Path, name: str) -> None:
    files = {
        "mooring.toml": 'sources = ["requirements.in"]\n',
        "pyproject.toml": PROJECT,
        "requirements.in": "flask\n",
    }
    folder(tmp_path, {name: files[name], "requirements.in": "flask\n"})
    manifest = load(tmp_path / name)
    assert manifest.root == tmp_path.resolve()
    assert manifest.inputs[0].name == name


def test_a_relative_folder_gives_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path, {"requirements.in": "flask\n"})
    monkeypatch.chdir(tmp_path)
    manifest = load(Path())
    assert manifest.root == tmp_path.resolve()
    assert all(path.is_absolute() for path in manifest.inputs)


def test_no_manifest_says_what_to_do(tmp_path: Path) -> None:
    (found,) = complaints(tmp_path, {"README.md": ""})
    assert found == (
        f"{tmp_path.resolve()}: no manifest | run `mooring init` to write one, "
        "or name the project folder"
    )


def test_no_manifest_names_the_formats_that_are_there_but_not_read(tmp_path: Path) -> None:
    files = {
        "Pipfile": "",
        "pixi.toml": "",
        "pyproject.toml": "[tool.poetry.dependencies]\n",
    }
    (found,) = complaints(tmp_path, files)
    assert (
        "this version does not read Pipfile, pixi.toml, [tool.poetry] in pyproject.toml"
    ) in found


def test_what_does_not_exist_and_what_is_no_manifest(tmp_path: Path) -> None:
    assert "does not exist" in complaints_about(tmp_path / "gone")[0]
    folder(tmp_path, {"Pipfile": ""})
    assert "no kind of file" in complaints_about(tmp_path / "Pipfile")[0]
    folder(tmp_path, {"pyproject.toml": "[tool.black]\n"})
    assert "no manifest" in complaints_about(tmp_path / "pyproject.toml")[0]


def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "requirements.in")
    (found,) = complaints_about(tmp_path)
    assert "not a regular file" in found
    os.mkfifo(tmp_path / "mooring.toml")
    (found,) = complaints_about(tmp_path)
    assert "not a regular file" in found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[project\n", "pyproject.toml:1: not valid TOML"),
        ("a = 1\nb = [\n", "pyproject.toml:3: not valid TOML"),
        ("a = 1\n<<<<<<< ours\nb = 2\n", "pyproject.toml:2: the file holds merge-conflict markers"),
        ("a = " + "[" * 5000, "pyproject.toml: the TOML is nested too deeply"),
    ],
)
def test_broken_toml_is_one_error_with_its_line(tmp_path: Path, text: str, wanted: str) -> None:
    (found,) = complaints(tmp_path, {"pyproject.toml": text})
    assert found.startswith(wanted)


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.in").write_bytes(b"flask\n# caf\xe9\n")
    (found,) = complaints_about(tmp_path)
    assert found.startswith("requirements.in:2: the file is not UTF-8 text")


@pytest.mark.parametrize(
    ("sources", "wanted"),
    [
        ('["../other.in"]', "'../other.in' may lead out of the project folder"),
        ('["/etc/passwd.txt"]', "is not relative to the project folder"),
        ('["a\\\\b.in"]', "holds a backslash"),
        ('["Pipfile"]', "'Pipfile' is no kind of source that this version reads"),
        ('["gone.in"]', "the file 'gone.in' does not exist"),
        ('["sub"]', "is no kind of source"),
        ('["sub.in"]', "'sub.in' is not a regular file"),
        ('["a.in", "./a.in"]', "'a.in' is listed twice"),
        ('["other.toml"]', "other.toml: neither [project] nor [dependency-groups] is in it"),
        ('["link.in"]', "'link.in' lies outside the project folder"),
        ('"a.in"', "expected a list, found a string"),
    ],
)
def test_sources_that_are_refused(tmp_path: Path, sources: str, wanted: str) -> None:
    outside = folder(tmp_path / "outside", {"secret.in": "token==1\n"})
    root = folder(
        tmp_path / "project",
        {"mooring.toml": f"sources = {sources}\n", "a.in": "", "other.toml": "", "sub.in/x": ""},
    )
    (root / "link.in").symlink_to(outside / "secret.in")
    found = complaints_about(root)
    assert len(found) == 1
    assert wanted in found[0]
    assert "token" not in found[0]


def test_all_problems_of_all_files_come_together_in_order(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        {
            "mooring.toml": 'sources = ["pyproject.toml", "r.in"]\nresolver = "vu"\npyton = 3\n',
            "pyproject.toml": '[project]\nname = "x"\ndependencies = ["a=1"]\n',
            "r.in": "ok\n!!\n-e .\n",
        },
    )
    assert [line.partition(" ")[0] for line in found] == [
        "mooring.toml:2:",
        "mooring.toml:3:",
        "pyproject.toml:3:",
        "r.in:2:",
        "r.in:3:",
    ]


def test_a_broken_source_does_not_make_its_groups_unknown(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        {
            "pyproject.toml": '[dependency-groups]\ndev = ["a=1"]\n'
            '[tool.mooring.environments.dev]\ngroups = ["dev"]\n'
        },
    )
    assert len(found) == 1
    assert found[0].startswith("pyproject.toml:2: dependency-groups.dev[0]")


def test_two_sources_may_not_declare_the_same_group(tmp_path: Path) -> None:
    group = '[dependency-groups]\ndev = ["a"]\n'
    (found,) = complaints(
        tmp_path,
        {
            "mooring.toml": 'sources = ["pyproject.toml", "sub/pyproject.toml"]\n',
            "pyproject.toml": group,
            "sub/pyproject.toml": group,
        },
    )
    assert "the group 'dev' is declared by two sources" in found


def test_a_folder_without_a_project_name_gives_a_valid_one(tmp_path: Path) -> None:
    root = folder(tmp_path / "My Project (2)", {"requirements.in": "flask\n"})
    assert load(root).name == "my-project-2"


def test_loading_twice_gives_equal_values(tmp_path: Path) -> None:
    folder(tmp_path, {"pyproject.toml": PROJECT})
    assert load(tmp_path) == load(tmp_path)


def test_the_error_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert caught.value.exit_code == 2
