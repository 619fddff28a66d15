from __future__ import annotations

from tests.unit.lock import locks

from mooring.lock.formats.environment_yml import EnvironmentYml, environment_data
from mooring.lock.model import Lock, Package
from mooring.lock.select import select
from mooring.platforms import PythonVersion


def data(lock: Lock, python: PythonVersion = locks.PYTHON) -> EnvironmentYml:
    return environment_data("churn", select(lock, platform=locks.PLATFORMS[0], python=python))


def test_every_requirement_is_one_hashed_line() -> None:
    found = data(locks.lock(locks.package("b"), locks.package("a")))

    assert found == EnvironmentYml(
        name="churn",
        channels=("conda-forge",),
        dependencies=("python=3.12", "pip"),
        pip=(
            f"a==1.0 --hash=sha256:{locks.wheel('a').sha256}",
            f"b==1.0 --hash=sha256:{locks.wheel('b').sha256}",
        ),
    )


def test_one_source_without_a_hash_takes_them_all() -> None:
    found = data(locks.lock(locks.package("a"), Package(name="b", direct=locks.vcs())))

    assert found.pip[0] == "a==1.0"
    assert found.pip[1].startswith("b @ git+https://")


def test_an_empty_environment_needs_no_pip() -> None:
    found = data(locks.lock(), PythonVersion(minor=12, patch=4))

    assert found.dependencies == ("python=3.12.4",)
    assert found.pip == ()
