"""The project that uv is given."""

from __future__ import annotations

import tomllib

import pytest
from tests.resolving import manifest

from mooring.manifest.model import Index, Manifest
from mooring.resolve.pypi.synthesise import (
    FALLBACK_NAME,
    project_name,
    span_marker,
    synthetic_project,
    widened,
)


def document(declared: Manifest, python: str = "==3.12.*") -> dict[str, dict[str, object]]:
    return tomllib.loads(synthetic_project(declared, python, declared.platforms))


def test_everything_that_is_declared_is_in_it() -> None:
    bound = Index(
        name="team",
        url="https://ann:s3cret@team.example/simple",
        explicit=True,
        packages=("inner", "rich"),
    )
    main = Index(name="main", url="https://bo:pw@main.example/simple", default=True)
    declared = manifest(
        ["rich>=13", 'odd ; platform_release == "\\"'],
        extras={"plot": ["churn[other]"], "other": ["b"]},
        groups={"dev": ["pytest"]},
        constraints=["b<2"],
        overrides=["c==1"],
        indexes=[bound, main],
        platforms=["linux-64", "linux-64-musl1.2", "win-64"],
        version="1.2",
    )
    text = synthetic_project(declared, "==3.12.*", declared.platforms)
    assert "s3cret" not in text
    assert "main.example" not in text
    found = tomllib.loads(text)
    assert found["project"] == {
        "name": "churn",
        "version": "1.2",
        "requires-python": ">=3.11",
        "dependencies": ["rich>=13", 'odd ; platform_release == "\\"'],
        "optional-dependencies": {"plot": ["churn[other]"], "other": ["b"]},
    }
    assert found["dependency-groups"] == {
        "dev": ["pytest"],
        "mooring-bound-to-an-index": ["inner"],
    }
    span = "python_full_version == '3.12.*'"
    assert found["tool"]["uv"] == {
        "package": False,
        "environments": [
            f"platform_machine == 'x86_64' and sys_platform == 'linux' and {span}",
            f"platform_machine == 'AMD64' and sys_platform == 'win32' and {span}",
        ],
        "constraint-dependencies": ["b<2"],
        "override-dependencies": ["c==1"],
        "workspace": {"members": []},
        "sources": {"inner": {"index": "team"}, "rich": {"index": "team"}},
        "index": [{"name": "team", "url": "https://team.example/simple", "explicit": True}],
    }


@pytest.mark.parametrize(
    ("span", "wide", "marker"),
    [
        ("==3.12.*", ">=3.11", "python_full_version == '3.12.*'"),
        (
            ">=3.11,<3.13",
            ">=3.11",
            "python_full_version < '3.13' and python_full_version >= '3.11'",
        ),
        (">=3.11", ">=3.11", None),
        (">= 3.9", ">=3.9", None),
        (">=3.13", ">=3.11", "python_full_version >= '3.13'"),
        (">=3.8.1,<4", ">=3.8", "python_full_version < '4' and python_full_version >= '3.8.1'"),
        ("~=3.10", ">=3.10", "python_full_version ~= '3.10'"),
    ],
)
def test_the_running_interpreter_always_fits(span: str, wide: str, marker: str | None) -> None:
    assert widened(span) == wide
    assert span_marker(span) == marker


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        (manifest(["a"], name="My_App"), "my-app"),
        (manifest(["a"], name="my app"), FALLBACK_NAME),
        (manifest(["flask"], name="flask"), FALLBACK_NAME),
        (manifest(["flask[async]"], name="flask"), FALLBACK_NAME),
        (manifest([], groups={"dev": ["flask>=2"]}, name="Flask"), FALLBACK_NAME),
        (manifest([], extras={"x": [], "all": ["app[x]"]}, name="app"), "app"),
        (manifest([], extras={"x": [], "all": ["app[x,y]"]}, name="app"), FALLBACK_NAME),
    ],
)
def test_the_project_has_its_name_unless_that_means_another(declared: Manifest, name: str) -> None:
    assert project_name(declared) == name
    assert document(declared)["project"]["name"] == name
