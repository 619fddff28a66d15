"""environment.yml: what conda, conda-lock and micromamba read in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, folder, loaded

from mooring.manifest.conda import CondaInputs
from mooring.manifest.editor import propose
from mooring.manifest.model import Manifest
from mooring.manifest.reader import load
from mooring.platforms import PythonVersion


def conda_of(manifest: Manifest) -> CondaInputs:
    assert manifest.conda is not None
    return manifest.conda


def specs(manifest: Manifest) -> list[tuple[str, tuple[str, ...] | None]]:
    return [(r.text, r.platforms) for r in conda_of(manifest).requirements]


def test_a_whole_file(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "environment.yml": "\ufeff# heading\r\n"
            "name: Churn_Model\r\n"
            "channels:\r\n"
            "  - pytorch\r\n"
            "  - conda-forge  # the rest\r\n"
            "  - nodefaults\r\n"
            "dependencies:\r\n"
            "  - python=3.10\r\n"
            '  - "numpy >=1.26,<3"\r\n'
            "  - pytorch::torchvision\r\n"
            "  - blas=1.0=mkl\r\n"
            "  - pip\r\n"
            "  - pip:\r\n"
            "    - Rich >= 13\r\n"
            "    - -r more.txt\r\n"
            "    - --extra-index-url https://wheels.example.org/simple\r\n"
            "variables:\r\n"
            "  B: '1'\r\n"
            "  A: 1.10\r\n"
            "  C: True\r\n"
            "prefix: /etc\r\n",
            "more.txt": "flask\n-c bounds.txt\n",
            "bounds.txt": "jinja2<4\n",
        },
    )
    assert manifest.name == "churn-model"
    assert manifest.path is None
    assert [path.name for path in manifest.inputs] == ["environment.yml", "more.txt", "bounds.txt"]
    conda = conda_of(manifest)
    assert [channel.name for channel in conda.channels] == ["pytorch", "conda-forge"]
    assert specs(manifest) == [
        ("python 3.10.*", None),
        ("numpy >=1.26,<3", None),
        ("pytorch::torchvision", None),
        ("blas ==1.0 mkl", None),
        ("pip", None),
    ]
    assert [r.where for r in conda.requirements][:2] == ["environment.yml:8", "environment.yml:9"]
    assert [(r.text, r.where) for r in manifest.dependencies] == [
        ("rich>=13", "environment.yml:14"),
        ("flask", "more.txt:1"),
    ]
    assert [r.text for r in manifest.constraints] == ["jinja2<4"]
    assert [index.url for index in manifest.indexes] == ["https://wheels.example.org/simple"]
    assert conda.variables == (("A", "1.10"), ("B", "1"), ("C", "True"))


@pytest.mark.parametrize("name", ["environment.yml", "environment.yaml"])
def test_it_is_found_where_nothing_else_declares(tmp_path: Path, name: str) -> None:
    files = {name: "dependencies: [a]\n", "pyproject.toml": "[tool.black]\n"}
    assert specs(loaded(tmp_path, files)) == [("a", None)]
    files = {"mooring.toml": 'platforms = ["linux-64"]\n'}
    assert specs(loaded(tmp_path, files)) == [("a", None)]
    assert specs(load(tmp_path / name)) == [("a", None)]


def test_it_is_left_alone_where_something_else_declares(tmp_path: Path) -> None:
    files = {"environment.yml": "dependencies: [a]\n", "requirements.txt": "b\n"}
    assert loaded(tmp_path, files).conda is None


def test_selectors_limit_conda_and_pypi(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "mooring.toml": 'platforms = ["linux-64", "osx-64", "osx-arm64", "win-64"]\n',
            "environment.yml": "dependencies:\n"
            "  - gxx  # [linux]\n"
            "  - clang # [osx and arm64] # for the compiler\n"
            "  - 'make'    # [unix]\n"
            "  - all  # [unix or win]\n"
            "  - none  # [s390x]\n"
            "  - docs  # needed [linux]\n"
            "  - prose  # [see the issue]\n"
            "  - sel(win): pywin32=306\n"
            "  - sel(osx):\n"
            "    - a\n"
            "    - b  # [arm64]\n"
            "    - pip:\n"
            "      - appnope\n"
            "  - pip:\n"
            "    - everywhere\n"
            "    - colorama ; python_version < '3.13'  # [win]\n"
            "    - uvloop  # [not win]\n"
            "    - mlx @ https://wheels.example.org/mlx.zip  # [osx-arm64]\n"
            "    - gone  # [s390x]\n",
        },
    )
    assert specs(manifest) == [
        ("gxx", ("linux-64",)),
        ("clang", ("osx-arm64",)),
        ("make", ("linux-64", "osx-64", "osx-arm64")),
        ("all", None),
        ("docs", None),
        ("prose", None),
        ("pywin32 306.*", ("win-64",)),
        ("a", ("osx-64", "osx-arm64")),
        ("b", ("osx-arm64",)),
    ]
    arm = 'platform_machine == "arm64" and sys_platform == "darwin"'
    assert sorted(r.text for r in manifest.dependencies) == [
        'appnope; sys_platform == "darwin"',
        'colorama; python_version < "3.13" and sys_platform == "win32"',
        "everywhere",
        f"mlx @ https://wheels.example.org/mlx.zip ; {arm}",
        'uvloop; sys_platform == "linux" or sys_platform == "darwin"',
    ]


def test_platforms_of_the_file(tmp_path: Path) -> None:
    text = "platforms: [osx-arm64, linux-64]\ndependencies: [a]\n"
    manifest = loaded(tmp_path, {"environment.yml": text})
    assert [str(platform) for platform in manifest.platforms] == ["linux-64", "osx-arm64"]
    assert specs(manifest) == [("a", None)]
    manifest = loaded(tmp_path, {"mooring.toml": 'platforms = ["linux-64", "win-64"]\n'})
    assert [str(platform) for platform in manifest.platforms] == ["linux-64", "win-64"]
    assert specs(manifest) == [("a", ("linux-64",))]


def test_an_environment_stays_within_the_platforms_of_the_files(tmp_path: Path) -> None:
    (found,) = complaints(
        tmp_path,
        {
            "environment.yml": "platforms: [linux-64]\ndependencies: [a]\n",
            "mooring.toml": '[environments.w]\nplatforms = ["win-64"]\n',
        },
    )
    assert "mooring.toml:2: environments.w.platforms[0]: the platform 'win-64' is not" in found


def test_several_files_are_merged(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "mooring.toml": 'sources = ["base.yml", "dev.yml", "gpu.yaml"]\n'
            '[environments.dev]\ngroups = ["dev"]\n',
            "base.yml": "name: one\nchannels: [b, c]\n"
            "dependencies:\n  - python=3.12\n  - rich >=1\n"
            "  - pip:\n    - flask\nvariables: {X: old, Y: y}\n",
            "dev.yml": "name: two\ncategory: Dev\nchannels: [a, b, d, c]\n"
            "dependencies:\n  - rich >=2\n  - python=3.12\n  - pip: [pytest]\n"
            "variables: {X: new}\n",
            "gpu.yaml": "platforms: [linux-64]\nchannels: [e, d]\ndependencies:\n  - python=3.12\n"
            "  - pip: [cupy]\n",
        },
    )
    conda = conda_of(manifest)
    assert manifest.name == "one"
    assert [channel.name for channel in conda.channels] == ["a", "b", "e", "d", "c"]
    assert [(r.text, r.category) for r in conda.requirements] == [
        ("python 3.12.*", "main"),  # once, though two files ask for it
        ("rich >=1", "main"),
        ("rich >=2", "dev"),
        ("python 3.12.*", "dev"),
    ]
    assert [r.text for r in manifest.dependencies] == ["flask", "cupy"]
    assert [(name, [r.text for r in listed]) for name, listed in manifest.groups] == [
        ("dev", ["pytest"])
    ]
    assert conda.variables == (("X", "new"), ("Y", "y"))
    assert [str(platform) for platform in manifest.platforms] == ["linux-64"]


def test_channels_in_another_order_are_a_contradiction(tmp_path: Path) -> None:
    files = {
        "mooring.toml": 'sources = ["a.yml", "b.yml"]\n',
        "a.yml": "channels: [x, y]\n",
        "b.yml": "channels:\n  - y\n  - x\n",
    }
    (found,) = complaints(tmp_path, files)
    assert "b.yml:3: the channel 'x' has another rank than in a.yml:1" in found
    (tmp_path / "mooring.toml").write_bytes(
        b'sources = ["a.yml", "b.yml"]\n[conda]\nchannels = ["z", "y", "x"]\n'
    )
    assert [c.name for c in conda_of(load(tmp_path)).channels] == ["z", "y", "x"]


def test_the_same_requirement_of_two_files_is_one(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "mooring.toml": 'sources = ["a.yml", "b.yml"]\n',
            "a.yml": "dependencies: [numpy=2]\n",
            "b.yml": "dependencies: ['NumPy 2.*']\n",
        },
    )
    assert [(r.text, r.where) for r in conda_of(manifest).requirements] == [
        ("numpy 2.*", "a.yml:1")
    ]


def test_an_included_file_is_relative_to_the_environment_file(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "mooring.toml": 'sources = ["ci/env.yml"]\n',
            "ci/env.yml": "dependencies:\n  - pip:\n    - -r ../req.txt\n    - -c c.txt\n",
            "req.txt": "rich\n",
            "ci/c.txt": "rich<20\n",
        },
    )
    assert [r.where for r in manifest.dependencies] == ["req.txt:1"]
    assert [r.where for r in manifest.constraints] == ["ci/c.txt:1"]


def test_aliases_and_blocks(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "environment.yml": "channels: &c [conda-forge]\n"
            "dependencies:\n"
            "  - &p python=3.12\n"
            "  - >-\n"
            "    numpy\n"
            "    >=2\n"
            "  - *p\n"
            "  - pip:\n"
            "    - |\n"
            "      rich\n"
            "      flask\n"
        },
    )
    assert specs(manifest) == [("python 3.12.*", None), ("numpy >=2", None)]
    assert [(r.text, r.where) for r in manifest.dependencies] == [
        ("rich", "environment.yml:10"),
        ("flask", "environment.yml:11"),
    ]


@pytest.mark.parametrize(
    "text",
    ["name: x\n", "name: x\ndependencies:\n", "dependencies: []\n", "dependencies:\n  - pip:\n"],
)
def test_what_is_left_out_declares_nothing(tmp_path: Path, text: str) -> None:
    conda = conda_of(loaded(tmp_path, {"environment.yml": text}))
    assert conda.requirements == ()
    assert [channel.name for channel in conda.channels] == ["conda-forge"]


def test_names_that_no_project_can_have(tmp_path: Path) -> None:
    files = {"environment.yml": "name: _base_\ndependencies: [a]\n"}
    assert loaded(tmp_path / "Some Folder", files).name == "some-folder"


def test_init_beside_it(tmp_path: Path) -> None:
    text = "platforms: [linux-64]\ndependencies:\n  - python=3.8\n  - pip: [rich]\n"
    root = folder(tmp_path, {"environment.yml": text})
    proposal = propose(root, python=PythonVersion(minor=12))
    assert proposal.path.name == "mooring.toml"
    assert proposal.content == 'platforms = ["linux-64"]\n'
    assert proposal.found == ("environment.yml: 1 of conda, 1 of PyPI",)
    proposal.path.write_bytes(proposal.content.encode())
    assert specs(load(root)) == [("python 3.8.*", None)]


def test_init_says_when_it_is_not_used(tmp_path: Path) -> None:
    files = {"environment.yml": "dependencies: [a]\n", "requirements.txt": "b\n"}
    proposal = propose(folder(tmp_path, files), python=PythonVersion(minor=12))
    assert "environment.yml: not used; name it in `sources`" in "\n".join(proposal.found)
    assert 'python = "3.12"' in proposal.content
