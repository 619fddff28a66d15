"""What comes from PyPI, installed by uv into a prefix whose Python is a conda package."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conda_channels import Link, Recipe, file_channel, noarch_recipe, selection
from tests.environments import install as install_wheel
from tests.fakes import FakeIndex, RecordingReporter

from mooring.errors import InputError
from mooring.install.failures import SyncError
from mooring.install.prefix import PrefixResult, PrefixSettings, sync_prefix
from mooring.lock.conda import CondaPackage, PypiRow
from mooring.manifest.model import VerifyPolicy
from mooring.platforms import Platform
from mooring.verify.collectors.conda_prefix import PrefixCollector
from mooring.verify.conda_compare import compare_prefix
from mooring.verify.findings import Verification

VERSION = "{}.{}.{}".format(*sys.version_info)
MINOR = VERSION.rpartition(".")[0]
HERE = Platform.current()
SITE = f"lib/python{MINOR}/site-packages"

pytestmark = [pytest.mark.process, pytest.mark.network]


def real_python() -> Recipe:
    """Return a package whose Python is the one that runs the tests."""
    binary = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    config = f"home = {binary.parent}\nimplementation = CPython\nversion_info = {VERSION}\n"
    return Recipe(
        name="python",
        version=VERSION,
        subdir=HERE.subdir,
        files={
            "bin/python": Link(target=str(binary), content=binary.read_bytes()),
            "pyvenv.cfg": config.encode(),
            f"{SITE}/README.txt": b"here\n",
        },
    )


class Lab:
    """A prefix with a Python, a conda package, and an index beside the channel."""

    def __init__(self, root: Path, index: FakeIndex) -> None:
        self.prefix = root / "env"
        self.index = index
        self.reporter = RecordingReporter()
        channel = file_channel(root / "channel")
        self.packages: list[CondaPackage] = [
            channel.add(real_python()),
            channel.add(noarch_recipe("wave")),
        ]
        self.settings = PrefixSettings(packages=root / "kept")

    def row(self, name: str, version: str = "1.0") -> PypiRow:
        (published,) = self.index.add(name, version)
        return PypiRow(
            name=name,
            version=version,
            platform=HERE,
            url=f"{self.index.root}{published.path}",
            sha256=published.sha256,
            categories=("main",),
        )

    def sync(self, *rows: PypiRow) -> PrefixResult:
        return sync_prefix(
            self.prefix,
            selection(self.packages, platform=HERE, pypi=rows),
            indexes=(),
            reporter=self.reporter,
            settings=self.settings,
        )

    def verify(self, *rows: PypiRow) -> Verification:
        return compare_prefix(
            selection(self.packages, platform=HERE, pypi=rows),
            PrefixCollector(self.prefix).collect(),
            VerifyPolicy(),
        )


@pytest.fixture
def lab(tmp_path: Path, fake_index: FakeIndex) -> Lab:
    return Lab(tmp_path, fake_index)


def test_they_come_change_and_go_beside_conda(lab: Lab) -> None:
    one, two = lab.row("alpha"), lab.row("beta")
    result = lab.sync(one, two)
    assert (result.pypi_installed, result.pypi_removed) == (("alpha", "beta"), ())
    assert lab.verify(one, two).findings == ()
    assert lab.verify(one, two).packages == 4
    result = lab.sync(one, two)
    assert (result.pypi_installed, result.pypi_removed) == ((), ())
    newer = lab.row("alpha", "2.0")
    result = lab.sync(newer)
    assert (result.pypi_installed, result.pypi_removed) == (("alpha",), ("beta",))
    assert lab.verify(newer).findings == ()
    assert (lab.prefix / SITE / "wave/core.py").is_file()
    assert {each.rule.id for each in lab.verify(one).findings} == {"MOR103"}


def test_what_nobody_locked_is_removed(lab: Lab) -> None:
    lab.sync()
    install_wheel(lab.prefix / SITE, "extra")
    (finding,) = lab.verify().findings
    assert (finding.rule.id, finding.package) == ("MOR102", "extra")
    assert finding.fix == f"mooring sync --prefix {lab.prefix}"
    assert lab.sync().pypi_removed == ("extra",)
    assert lab.verify().findings == ()


def test_what_pip_put_over_a_conda_package_is_put_right(lab: Lab) -> None:
    lab.sync()
    shutil.rmtree(lab.prefix / SITE / "wave-1.0.dist-info")
    install_wheel(lab.prefix / SITE, "Wave", "2.0")
    (finding,) = lab.verify().findings
    assert (finding.rule.id, finding.package, finding.actual) == ("MOR125", "wave", "2.0")
    assert finding.message.startswith("test installed wave over it: ")
    lab.sync()
    lab.settings = replace(lab.settings, reinstall=("wave",))
    lab.sync()
    assert lab.verify().findings == ()


def test_bytes_that_are_not_locked_leave_no_new_prefix(lab: Lab) -> None:
    row = lab.row("alpha")
    wrong = PypiRow(
        name=row.name,
        version=row.version,
        platform=HERE,
        url=row.url,
        sha256="0" * 64,
        categories=("main",),
    )
    with pytest.raises(SyncError, match="is not the artifact in the lock"):
        lab.sync(wrong)
    assert not lab.prefix.exists()


def test_they_need_the_python_of_the_prefix(lab: Lab, tmp_path: Path) -> None:
    row = lab.row("alpha")
    lab.packages = lab.packages[1:]
    with pytest.raises(InputError, match="no conda package is a Python"):
        lab.sync(row)
    assert not lab.prefix.exists()
    lab.settings = PrefixSettings(packages=tmp_path / "kept", target_prefix="/opt/env")
    with pytest.raises(InputError, match="only installed by the Python of the prefix"):
        lab.sync(row)
