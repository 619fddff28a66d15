"""The PyPI part of a conda selection."""

from __future__ import annotations

import pytest

from mooring.errors import InputError
from mooring.lock.conda import CondaPackage, CondaSelection, PypiRow
from mooring.lock.conda_pypi import pypi_selection, python_of
from mooring.lock.model import Artifact
from mooring.platforms import Platform, PythonVersion

LINUX = Platform.parse("linux-64")
HOST = "https://files.example.org"


def row(url: str, sha256: str | None = "ab" * 32) -> PypiRow:
    return PypiRow(
        name="idna", version="3.20", platform=LINUX, url=url, sha256=sha256, categories=("main",)
    )


def selection(*rows: PypiRow, python: str | None = "3.12.4") -> CondaSelection:
    packages = [
        CondaPackage(
            name="python",
            version=python or "",
            build="h_0_cpython",
            subdir="linux-64",
            channel="c",
            url="",
        )
    ] * (python is not None)
    return CondaSelection(platform=LINUX, categories=("main",), packages=tuple(packages), pypi=rows)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("3.12.4", PythonVersion(minor=12, patch=4)),
        ("3.13.0rc1", PythonVersion(minor=13, patch=0)),
        ("3.14", PythonVersion(minor=14)),
        ("2.7.18", None),
        (None, None),
    ],
)
def test_the_python_is_condas(version: str | None, expected: PythonVersion | None) -> None:
    assert python_of(selection(python=version)) == expected


def test_rows_become_artifacts() -> None:
    wheel = row(f"{HOST}/idna-3.20-py3-none-any.whl")
    (selected,) = pypi_selection(selection(wheel)).packages
    assert selected.package.wheels == (selected.artifact,)
    assert selected.artifact == Artifact(
        kind="wheel",
        name="idna-3.20-py3-none-any.whl",
        url=wheel.url,
        hashes=(("sha256", "ab" * 32),),
    )
    (selected,) = pypi_selection(selection(row(f"{HOST}/idna-3.20.tar.gz"))).packages
    assert selected.package.sdist == selected.artifact
    (selected,) = pypi_selection(selection(row(f"git+{HOST}/idna@0a1b2c", None))).packages
    assert selected.package.direct == Artifact(
        kind="vcs", vcs="git", url=f"{HOST}/idna", commit="0a1b2c"
    )


def test_rows_need_a_python() -> None:
    assert pypi_selection(selection(python=None)).packages == ()
    with pytest.raises(InputError, match="idna comes from PyPI, but no conda package is a Python"):
        pypi_selection(selection(row(f"{HOST}/idna-3.20-py3-none-any.whl"), python=None))
