"""The resolver of conda packages, with a solver that answers what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.conda_solving import (
    EXAMPLE,
    LINUX,
    FakeSolver,
    channel,
    inputs,
    installed,
    record,
    request,
    requirement,
    solved,
)
from tests.fakes import RecordingReporter
from tests.resolving import manifest

from mooring.errors import InputError
from mooring.lock.conda import CondaLock, CondaPackage, PypiRow
from mooring.manifest.conda import CondaInputs
from mooring.manifest.model import Manifest
from mooring.platforms import Platform, PythonVersion
from mooring.reporting import SILENT, Reporter
from mooring.resolve.conda import CondaResolver, CondaResolveRequest
from mooring.resolve.conda.interface import Failed
from mooring.resolve.conda.names import CondaNames
from mooring.resolve.conda.pypi_part import PypiPart
from mooring.resolve.interface import ResolveError, UnsatisfiableError

ONE = ("linux-64",)
TWO = ("osx-arm64", "linux-64")


def lock(
    solver: FakeSolver, declared: CondaInputs, of: Manifest | None = None, **options: object
) -> CondaLock:
    asked = request(of or manifest(platforms=ONE), declared, **options)
    return CondaResolver(make_solver=solver.make).resolve(asked, SILENT)


class FakePypi:
    """Gives every platform one PyPI package that relies on the conda package `base`."""

    def __init__(self, needs: Mapping[str, frozenset[str]], warning: str = "") -> None:
        self._needs = needs
        self._warning = warning

    def __call__(
        self,
        request: CondaResolveRequest,
        platform: Platform,
        packages: Mapping[str, CondaPackage],
        names: CondaNames,
        reporter: Reporter,
    ) -> PypiPart:
        if self._warning:
            reporter.warn(self._warning)
        row = PypiRow(
            name="tool",
            version="1",
            platform=platform,
            url="https://index.example.org/tool-1-py3-none-any.whl",
            categories=("main",),
        )
        return PypiPart(rows=(row,), needs=self._needs, built=("tool",))


def test_a_lock_holds_what_was_solved() -> None:
    solver = FakeSolver(
        solved(record("tool", depends=["base"]), record("base", "2.0")),
        solved(record("tool", "1.1", subdir="osx-arm64")),
    )
    found = lock(solver, inputs("tool"), manifest(platforms=TWO))
    assert [(row.package.name, str(row.platform)) for row in found.conda] == [
        ("base", "linux-64"),
        ("tool", "linux-64"),
        ("tool", "osx-arm64"),
    ]
    assert found.channels == (EXAMPLE,)
    assert [str(platform) for platform in found.platforms] == ["linux-64", "osx-arm64"]
    assert set(found.virtual_packages) == {"linux-64", "osx-arm64"}
    assert found.facts is None


def test_platforms_are_asked_for_what_is_theirs() -> None:
    solver = FakeSolver(solved(), solved())
    declared = inputs(
        "everywhere >=1",
        requirement("here", platforms=("linux-64",)),
        requirement("dev-tool", category="dev"),
        virtual_packages=(("linux-64", "__cuda=12.4=0"),),
    )
    lock(solver, declared, manifest(platforms=TWO))
    linux, mac = solver.problems
    assert linux.specs == ("everywhere >=1", "here", "dev-tool")
    assert mac.specs == ("everywhere >=1", "dev-tool")
    assert "__cuda=12.4=0" in linux.virtual_packages
    assert "__osx=13.0=0" in mac.virtual_packages


def test_categories_come_from_one_solve() -> None:
    solver = FakeSolver(
        solved(
            record("app", depends=["base"]),
            record("base"),
            record("lint", depends=["base", "rules"]),
            record("rules"),
        )
    )
    found = lock(solver, inputs("app", requirement("lint", category="dev")))
    assert {row.package.name: row.categories for row in found.conda} == {
        "app": ("main",),
        "base": ("main",),
        "lint": ("dev",),
        "rules": ("dev",),
    }


def test_a_label_is_solved_by_its_address() -> None:
    solver = FakeSolver(solved(record("tool")))
    named = channel("https://u:pw@conda.example.org/private", name="internal")
    found = lock(solver, inputs("internal::tool", channels=[named, "conda-forge"]))
    assert solver.problems[0].specs == ("https://conda.example.org/private::tool",)
    assert found.channels == ("https://conda.example.org/private", "conda-forge")
    assert "pw" not in repr(found)


def test_the_old_lock_is_kept_except_what_moves() -> None:
    answer = solved(record("a"), record("b"))
    old = lock(FakeSolver(answer), inputs("a", "b"))
    for options, names in (
        ({}, ["a", "b"]),
        ({"upgrade_packages": frozenset({"a"})}, ["b"]),
        ({"upgrade": True}, []),
    ):
        solver = FakeSolver(answer)
        lock(solver, inputs("a", "b"), previous=old, **options)
        assert [pin.name for pin in solver.problems[0].pins] == names


def test_the_same_file_with_other_bytes_is_told() -> None:
    old = lock(FakeSolver(solved(record("a"))), inputs("a"))
    reporter = RecordingReporter()
    solver = FakeSolver(solved(record("a", sha256="ef" * 32)))
    asked = request(manifest(platforms=ONE), inputs("a"), previous=old)
    CondaResolver(make_solver=solver.make).resolve(asked, reporter)
    (warning,) = reporter.warnings
    assert "a-1.0-0.conda" in warning
    assert "ab" * 32 in warning
    assert "ef" * 32 in warning


def test_the_same_input_gives_the_same_lock() -> None:
    records = [record("b", depends=["a"]), record("a")]
    one = lock(FakeSolver(solved(*records)), inputs("b"))
    two = lock(FakeSolver(solved(*reversed(records))), inputs("b"))
    assert one == two
    assert one.content_hashes == two.content_hashes
    other = lock(FakeSolver(solved(*records)), inputs("b >=1"))
    assert other.content_hashes != one.content_hashes


def test_options_reach_the_solver() -> None:
    solver = FakeSolver(solved())
    lock(
        solver,
        inputs(priority="disabled"),
        offline=True,
        exclude_newer="2026-01-31T09:00:00+09:00",
    )
    assert solver.options is not None
    assert solver.options.offline
    assert solver.options.priority == "disabled"
    assert solver.options.cutoff == datetime(2026, 1, 31, tzinfo=UTC)


def test_the_manifest_may_hide_what_is_newer() -> None:
    solver = FakeSolver(solved())
    lock(solver, inputs(), manifest(platforms=ONE, exclude_newer="2026-01-31T00:00:00Z"))
    assert solver.options is not None
    assert solver.options.cutoff == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "dependencies", "declared", "specs"),
    [
        ({}, ["rich"], ["numpy"], ("numpy", "python")),
        ({"requires_python": ">=3.11, <4"}, ["rich"], ["numpy"], ("numpy", "python >=3.11,<4")),
        ({}, ["rich"], ["python 3.12.*"], ("python 3.12.*",)),
        ({}, [], ["r-base"], ("r-base",)),
        ({"python": PythonVersion(minor=12)}, [], ["numpy"], ("numpy", "python 3.12.*")),
        ({"python": PythonVersion(minor=12, patch=4)}, [], ["x"], ("x", "python 3.12.4")),
    ],
)
def test_the_declared_python_is_solved_for(
    changes: dict[str, object], dependencies: list[str], declared: list[str], specs: tuple[str, ...]
) -> None:
    solver = FakeSolver(solved(record("python", "3.12.4")))
    of = replace(manifest(dependencies, platforms=ONE), **changes)  # type: ignore[arg-type]
    resolver = CondaResolver(make_solver=solver.make, pypi=FakePypi({}))
    resolver.resolve(request(of, inputs(*declared)), SILENT)
    assert solver.problems[0].specs == specs


def test_pypi_packages_pull_conda_packages_into_their_category() -> None:
    solver = FakeSolver(
        solved(record("python", "3.12.4"), record("lint", depends=["base"]), record("base"))
    )
    resolver = CondaResolver(
        make_solver=solver.make, pypi=FakePypi({"main": frozenset({"base"})}, "look out")
    )
    reporter = RecordingReporter()
    declared = inputs(requirement("lint", category="dev"), requirement("python"))
    found = resolver.resolve(request(manifest(["tool"], platforms=ONE), declared), reporter)
    assert {row.package.name: row.categories for row in found.conda} == {
        "base": ("main",),
        "lint": ("dev",),
        "python": ("main",),
    }
    assert [row.name for row in found.pypi] == ["tool"]
    assert reporter.warnings == ["linux-64 has no wheel for tool", "look out"]


def test_missing_names_are_told_with_near_ones() -> None:
    failed = Failed(kind="unsatisfiable", text="No candidates were found for nmupy *.")
    solver = FakeSolver(failed, names={"linux-64": ["numpy", "tool"]})
    with pytest.raises(UnsatisfiableError) as raised:
        lock(solver, inputs("tool", "nmupy"))
    assert raised.value.hint == "did you mean 'numpy'?"
    assert raised.value.where == "environment.yml:7"


def test_no_solution_names_the_platform() -> None:
    failed = Failed(kind="unsatisfiable", text="tool 1 and tool 2")
    solver = FakeSolver(solved(), failed, names={"osx-arm64": ["tool"]})
    with pytest.raises(UnsatisfiableError, match="no solution on osx-arm64:") as raised:
        lock(solver, inputs("tool"), manifest(platforms=TWO))
    assert "environment.yml:7: tool" in raised.value.message


def test_a_broken_channel_is_told_first() -> None:
    solver = FakeSolver(
        Failed(kind="unsatisfiable", text="x"), Failed(kind="channel", text="y", channel="main")
    )
    with pytest.raises(ResolveError, match="the channel main cannot be read: y"):
        lock(solver, inputs("tool"), manifest(platforms=TWO))


def test_two_platforms_of_one_subdir_are_refused() -> None:
    of = manifest(platforms=("linux-64", "linux-64-glibc2.17"))
    with pytest.raises(InputError, match="one linux-64"):
        lock(FakeSolver(), inputs("tool"), of)


def test_musl_is_refused() -> None:
    with pytest.raises(InputError, match="glibc"):
        lock(FakeSolver(), inputs("tool"), manifest(platforms=("linux-64-musl1.2",)))


def test_sources_are_relative() -> None:
    of = manifest(platforms=ONE)
    of = replace(of, inputs=(of.root / "env" / "environment.yml", of.root / "pyproject.toml"))
    found = lock(FakeSolver(solved(record("tool"))), inputs("tool"), of)
    assert found.sources == ("env/environment.yml", "pyproject.toml")
    assert installed(found) == {"tool": "1.0"}
    assert found.conda[0].platform == LINUX
