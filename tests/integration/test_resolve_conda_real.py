"""Solving against real records of a large channel, alone and beside real PyPI packages."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from tests.conda_solving import channel, inputs, request, requirement
from tests.resolving import manifest

from mooring.lock.conda import CondaLock, select_conda
from mooring.manifest.conda import CondaInputs
from mooring.manifest.model import Manifest
from mooring.platforms import Platform
from mooring.reporting import SILENT
from mooring.resolve.conda import CondaResolver
from mooring.resolve.interface import UnsatisfiableError

CHANNEL = Path(
    os.environ.get("CONDA_TEST_CHANNEL")
    or Path(__file__).resolve().parents[3] / "shared" / "channel"
)
SPECS = ("python 3.12.*", "numpy", "pandas", "scikit-learn", "jupyterlab")

pytestmark = [
    pytest.mark.process,
    pytest.mark.network,
    pytest.mark.skipif(
        not (CHANNEL / "unpack").is_file(), reason="the channel with real records is absent"
    ),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("real") / "channel"
    subprocess.run([CHANNEL / "unpack", folder], check=True, capture_output=True, cwd=CHANNEL)
    return folder.as_uri()


def lock(of: Manifest, declared: CondaInputs, tmp_path: Path, **options: object) -> CondaLock:
    return CondaResolver().resolve(request(of, declared, cache=tmp_path, **options), SILENT)


def test_four_platforms(url: str, tmp_path: Path) -> None:
    declared = inputs(*SPECS, channels=[channel(url)])
    found = lock(manifest(), declared, tmp_path)
    counts = Counter(row.platform.subdir for row in found.conda)
    assert set(counts) == {"linux-64", "linux-aarch64", "osx-arm64", "win-64"}
    assert min(counts.values()) > 140
    assert all(row.package.sha256 and row.package.md5 for row in found.conda)
    assert all(row.package.url.startswith("https://") for row in found.conda)
    assert lock(manifest(), declared, tmp_path) == found
    assert lock(manifest(), declared, tmp_path, previous=found) == found
    selection = select_conda(found, Platform.parse("win-64"))
    names = [package.name for package in selection.packages]
    assert names.index("python") < names.index("numpy") < names.index("pandas")


def test_one_package_moves(url: str, tmp_path: Path) -> None:
    old = lock(
        manifest(platforms=("linux-64",)),
        inputs("python 3.12.*", "numpy <2.2", "pandas <2.3", channels=[channel(url)]),
        tmp_path,
    )
    declared = inputs("python 3.12.*", "numpy", "pandas", channels=[channel(url)])
    of = manifest(platforms=("linux-64",))
    assert lock(of, declared, tmp_path, previous=old).conda == old.conda
    found = lock(of, declared, tmp_path, previous=old, upgrade_packages=frozenset({"pandas"}))
    before = {row.package.name: row.package.version for row in old.conda}
    after = {row.package.name: row.package.version for row in found.conda}
    assert before["numpy"] == after["numpy"]
    assert before["python"] == after["python"]
    assert before["pandas"] != after["pandas"]


def test_categories(url: str, tmp_path: Path) -> None:
    declared = inputs(
        "python 3.12.*",
        "numpy",
        requirement("pytest", category="dev"),
        requirement("jupyterlab", category="lab"),
        channels=[channel(url)],
    )
    found = lock(manifest(platforms=("linux-64",)), declared, tmp_path)
    categories = {row.package.name: row.categories for row in found.conda}
    assert categories["numpy"] == categories["openssl"] == ("main",)
    assert categories["pluggy"] == ("dev",)
    assert categories["jupyter_server"] == ("lab",)
    assert categories["packaging"] == ("dev", "lab")


def test_cuda_must_be_declared(url: str, tmp_path: Path) -> None:
    of = manifest(platforms=("linux-64",))
    specs = ("pytorch * cuda*",)
    with pytest.raises(UnsatisfiableError, match="no solution on linux-64") as raised:
        lock(of, inputs(*specs, channels=[channel(url)]), tmp_path)
    assert "cuda = " in (raised.value.hint or "")
    found = lock(
        of,
        inputs(*specs, channels=[channel(url)], virtual_packages=(("linux-64", "__cuda=13.0=0"),)),
        tmp_path,
    )
    assert any(row.package.name == "pytorch" for row in found.conda)
    assert "__cuda=13.0=0" in found.virtual_packages["linux-64"]


@pytest.mark.index
def test_real_pypi_packages_beside_them(url: str, tmp_path: Path) -> None:
    of = manifest(["pandas>=2", "httpx"], groups={"dev": ["pytest"]})
    found = lock(of, inputs("python 3.12.*", "numpy", channels=[channel(url)]), tmp_path)
    numpy = {row.platform.subdir for row in found.conda if row.package.name == "numpy"}
    assert numpy == {"linux-64", "linux-aarch64", "osx-arm64", "win-64"}
    pypi = {row.name: row.categories for row in found.pypi}
    assert "numpy" not in pypi
    assert pypi["pandas"] == pypi["httpx"] == ("main",)
    assert pypi["pytest"] == ("dev",)
    pandas = {row.platform.subdir: row.url for row in found.pypi if row.name == "pandas"}
    assert "win_amd64" in pandas["win-64"]
    assert "macosx" in pandas["osx-arm64"]
    assert (
        lock(
            of, inputs("python 3.12.*", "numpy", channels=[channel(url)]), tmp_path, previous=found
        )
        == found
    )
