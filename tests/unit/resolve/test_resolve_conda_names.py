"""Which distributions are inside of conda packages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.conda_solving import package

from mooring.errors import InputError
from mooring.resolve.conda.names import CondaNames, compact

PYTHON = ("python >=3.12",)


def provided(names: CondaNames, *packages: object) -> dict[str, str | None]:
    found = names.provided(packages)  # type: ignore[arg-type]
    return {name: each.version for name, each in found.items()}


@pytest.fixture(scope="module")
def shipped() -> CondaNames:
    return CondaNames.load()


def test_the_shipped_map_knows_other_names(shipped: CondaNames) -> None:
    found = provided(
        shipped,
        package("pytorch", "2.5.1", depends=PYTHON),
        package("numpy", "2.1.0", depends=PYTHON),
        package("docker-py", "7.1.0", noarch="python"),
        package("typing_extensions", "4.12", noarch="python"),
        package("typing-extensions", "4.12", noarch="python"),
        package("python", "3.12.4"),
        package("libopenblas", "0.3.28"),
        package("tzdata", "2025a"),
    )
    assert found == {
        "docker": None,
        "docker-py": "7.1.0",
        "numpy": "2.1.0",
        "torch": "2.5.1",
        "typing-extensions": "4.12",
    }


def test_a_record_knows_better_than_the_map(shipped: CondaNames) -> None:
    purls = ("pkg:pypi/Zed.Thing@2.0", "pkg:github/x/y@1", "pkg:pypi/other")
    found = provided(shipped, package("numpy", "1.0", purls=purls, depends=PYTHON))
    assert found == {"other": "1.0", "zed-thing": "2.0"}


def test_an_unknown_package_for_python_holds_its_own_name(shipped: CondaNames) -> None:
    found = provided(
        shipped,
        package("our_private.tool", "1.0", noarch="python"),
        package("our_compiled", "1.0", depends=("python_abi 3.12.* *_cp312",)),
        package("our_c_library", "1.0"),
    )
    assert found == {"our-compiled": "1.0", "our-private-tool": "1.0"}


@pytest.mark.parametrize(
    ("conda", "pypi"), [("2.0", "2.0"), ("1.0_3", "1.0"), ("2024a", "2024a0"), ("odd", None)]
)
def test_versions_become_those_of_pypi(shipped: CondaNames, conda: str, pypi: str | None) -> None:
    assert provided(shipped, package("our_tool", conda, noarch="python")) == {"our-tool": pypi}


def test_the_package_of_the_name_wins(shipped: CondaNames) -> None:
    found = shipped.provided(
        [
            package("dask-core", "2025.1", noarch="python"),
            package("dask", "2025.1", noarch="python"),
        ]
    )
    assert found["dask"].package.name == "dask"


def test_compact_tells_versions_apart() -> None:
    text = compact(
        {
            "numpy": ["numpy"],
            "python": None,
            "pytorch": ["torch"],
            "pyqt": ["PyQt5", "PyQt5_sip"],
            "ansible": ["ansible", "ansible-base", "pip"],
            "ruamel.yaml": ["ruamel.yaml"],
        },
        "2026-08-19",
    )
    assert text.splitlines() == [
        "# mooring.conda-names/1 2026-08-19",
        "ansible=ansible,~ansible-base",
        "numpy",
        "pyqt=~pyqt5,~pyqt5-sip",
        "python=",
        "pytorch=torch",
        "ruamel.yaml=ruamel-yaml",
    ]


@pytest.mark.parametrize("kind", ["json", "text"])
def test_a_local_file_replaces_the_map(tmp_path: Path, kind: str) -> None:
    mapping = {"pytorch": ["our-torch"], "numpy": None}
    path = tmp_path / "names"
    path.write_text(json.dumps(mapping) if kind == "json" else compact(mapping, "local"))
    found = provided(
        CondaNames.load(path),
        package("pytorch", "2.0", depends=PYTHON),
        package("numpy", "2.0", depends=PYTHON),
    )
    assert found == {"our-torch": "2.0"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("numpy\npytorch=torch\nbad name=x\n", "names:3"),
        ('{"numpy": 3}', "not a list of names"),
        ('{"numpy": ', "cannot be read"),
        ("numpy=\x1b[31m\n", "not an entry"),
    ],
)
def test_a_local_file_that_is_no_map_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "names"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        CondaNames.load(path)
    assert message in str(raised.value)


def test_pypi_names_lead_to_conda_names(shipped: CondaNames) -> None:
    assert "pytorch" in shipped.conda_names()["torch"]
    assert "numpy" not in shipped.conda_names().get("numpy", ())
