"""What the resolver of PyPI packages is told about conda's."""

from __future__ import annotations

import zipfile
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from tests.conda_solving import LINUX, package
from tests.resolving import manifest

from mooring.manifest.model import Index
from mooring.platforms import PythonVersion
from mooring.resolve.conda.names import Provided
from mooring.resolve.conda.provided import (
    in_our_words,
    refuse_clashes,
    refuse_look_alikes,
    with_provided,
    without_files,
)
from mooring.resolve.interface import UnsatisfiableError
from mooring.resolve.pypi.uv_lock import Solution, SolvedFile, SolvedPackage, Source

PYTHON = PythonVersion(minor=12, patch=4)


def of_conda(name: str, version: str | None = "2.0") -> dict[str, Provided]:
    each = Provided(name=name, version=version, package=package(f"conda-{name}", "2.0"))
    return {name: each}


def test_known_versions_become_stand_ins(tmp_path: Path) -> None:
    declared = manifest(["numpy>=1"], constraints=["rich<14"])
    told = with_provided(declared, of_conda("type-ext", "2.0"), tmp_path, "2026-01-01T00:00:00Z")
    bound, stand_in = told.constraints
    assert bound.text == "rich<14"
    name, _, url = stand_in.text.partition(" @ ")
    assert name == "type-ext"
    with zipfile.ZipFile(url2pathname(urlsplit(url).path)) as archive:
        text = archive.read("type_ext-2.0.dist-info/METADATA").decode()
    assert "Version: 2.0\n" in text
    assert told.dependencies == declared.dependencies
    assert told.exclude_newer == "2026-01-01T00:00:00Z"


def test_unknown_versions_are_needed_by_nobody(tmp_path: Path) -> None:
    declared = manifest(["x"], overrides=["sip==1", "other==2"], exclude_newer="2025")
    told = with_provided(declared, of_conda("sip", None), tmp_path, None)
    assert [o.text for o in told.overrides] == ["other==2", "sip ; python_version < '0'"]
    assert told.constraints == ()
    assert told.exclude_newer == "2025"


@pytest.mark.parametrize(
    "text", ["numpy @ git+https://git.example.org/n@main", "numpy @ file:///x"]
)
def test_another_source_is_a_clash_that_names_both(text: str) -> None:
    with pytest.raises(UnsatisfiableError) as raised:
        refuse_clashes(manifest(["rich", text]), of_conda("numpy"), LINUX, PYTHON)
    assert "conda-numpy 2.0" in raised.value.message
    assert text in raised.value.message
    assert raised.value.where == "requirements.in:2"


def test_a_package_bound_to_an_index_is_a_clash() -> None:
    index = Index(
        name="wheels", url="https://wheels.example.org/simple", explicit=True, packages=("torch",)
    )
    with pytest.raises(UnsatisfiableError, match="the index wheels"):
        refuse_clashes(manifest(["torch>=2"], indexes=[index]), of_conda("torch"), LINUX, PYTHON)


@pytest.mark.parametrize(
    "text", ["numpy>=2", "numpy @ git+https://git.example.org/n ; sys_platform == 'win32'", "rich"]
)
def test_what_conda_can_satisfy_is_no_clash(text: str) -> None:
    refuse_clashes(manifest([text]), of_conda("numpy"), LINUX, PYTHON)


def test_a_python_package_of_the_same_name_is_a_clash() -> None:
    packages = {"vtk": package("vtk", "9", noarch="python"), "redis": package("redis", "7")}
    with pytest.raises(UnsatisfiableError, match="conda package vtk 9 and from vtk of PyPI"):
        refuse_look_alikes(["rich", "vtk"], packages, LINUX)
    refuse_look_alikes(["redis"], packages, LINUX)  # conda's is the server, no Python in it


def test_stand_ins_lose_their_files() -> None:
    def solved(name: str, source: Source) -> SolvedPackage:
        file = SolvedFile(url=None, path="x.whl", hash=None, size=None, upload_time=None)
        return SolvedPackage(
            name=name,
            version="1",
            source=source,
            dependencies=(),
            extras={},
            groups={},
            wheels=(file,),
            sdist=None,
        )

    project = solved("churn", Source(kind="virtual", value="."))
    other = solved("rich", Source(kind="registry", value="https://index.example.org/simple"))
    stand_in = solved("numpy", Source(kind="path", value="stand-ins/numpy.whl"))
    found = without_files(
        Solution(packages=(project, other, stand_in), project=project), of_conda("numpy")
    )
    assert found.packages[:2] == (project, other)
    assert found.project is found.packages[0]
    assert found.packages[2].wheels == ()
    assert found.packages[2].source.kind == "registry"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "The package `requests @ file:///tmp/a-b/stand-ins/requests-2.0-py3-none-any.whl` does",
            "The package `requests 2.0 (from conda)` does",
        ),
        (
            "type-ext[x] @ file:stand-ins/type_ext-1.0+cpu-py3-none-any.whl is",
            "type-ext[x] 1.0+cpu (from conda) is",
        ),
        ("numpy @ https://example.org/numpy-1-py3-none-any.whl", None),
    ],
)
def test_messages_do_not_name_the_stand_ins(said: str, shown: str | None) -> None:
    assert in_our_words(said) == (shown or said)
