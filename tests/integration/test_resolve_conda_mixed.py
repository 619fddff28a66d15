"""PyPI packages beside conda's: rattler for a small channel, uv for an index on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.conda_solving import inputs, installed, record, request, requirement, write_channel
from tests.fakes import FakeIndex, RecordingReporter
from tests.resolving import manifest

from mooring.errors import InputError
from mooring.lock.conda import CondaLock
from mooring.manifest.conda import CondaInputs
from mooring.manifest.model import Index, Manifest
from mooring.resolve.conda import CondaResolver
from mooring.resolve.interface import UnsatisfiableError

pytestmark = [pytest.mark.process, pytest.mark.network]

PLATFORMS = ("linux-64", "win-64")
PYTHONS = [record("python", "3.12.4", build="0_cpython", subdir=subdir) for subdir in PLATFORMS]


def noarch(
    name: str, version: str, depends: Sequence[str] = ("python",), **more: object
) -> dict[str, object]:
    return record(name, version, depends=depends, subdir="noarch", noarch="python", **more)  # type: ignore[arg-type]


class Mixed:
    """A channel with a Python, an index, and what was said on the way."""

    def __init__(self, folder: Path, index: FakeIndex) -> None:
        self.folder = folder
        self.index = index
        self.reporter = RecordingReporter()
        self.channel = write_channel(folder / "channel", *PYTHONS)

    def publish(self, *records: dict[str, object]) -> None:
        write_channel(self.folder / "channel", *PYTHONS, *records)

    def lock(self, declared: CondaInputs, dependencies: list[str], **options: object) -> CondaLock:
        changes = {k: options.pop(k) for k in ("extras", "groups") if k in options}
        of = manifest(
            dependencies,
            platforms=PLATFORMS,
            indexes=[Index(name="main", url=self.index.url, default=True)],
            **changes,  # type: ignore[arg-type]
        )
        return self.resolve(of, declared, **options)

    def resolve(self, of: Manifest, declared: CondaInputs, **options: object) -> CondaLock:
        asked = request(of, declared, cache=self.folder / "cache", **options)
        return CondaResolver().resolve(asked, self.reporter)

    def inputs(self, *declared: object) -> CondaInputs:
        return inputs(*declared, channels=[self.channel])  # type: ignore[arg-type]


@pytest.fixture
def mixed(tmp_path: Path, fake_index: FakeIndex, monkeypatch: pytest.MonkeyPatch) -> Mixed:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    return Mixed(tmp_path, fake_index)


def rows(lock: CondaLock, subdir: str = "linux-64") -> dict[str, str]:
    return {row.name: row.version for row in lock.pypi if row.platform.subdir == subdir}


def test_what_conda_provides_is_fixed_and_left_out(mixed: Mixed) -> None:
    mixed.publish(
        record("numpy", "2.1.0", depends=["python"]),
        record("numpy", "2.0.0", depends=["python"], subdir="win-64"),
    )
    mixed.index.add("frames", "1.0", requires=["numpy>=2", "dates"])
    mixed.index.add("dates", "3.0")
    mixed.index.add("numpy", "2.9.0")
    found = mixed.lock(mixed.inputs("numpy"), ["frames", "numpy"])
    assert rows(found) == rows(found, "win-64") == {"dates": "3.0", "frames": "1.0"}
    frames = next(row for row in found.pypi if row.name == "frames")
    assert frames.dependencies == (("dates", "*"), ("numpy", "*"))
    assert frames.sha256 is not None
    assert frames.url.endswith("frames-1.0-py3-none-any.whl")
    assert frames.categories == ("main",)
    assert installed(found) == {"numpy": "2.1.0", "python": "3.12.4"}
    assert not any("numpy" in entry.path for entry in mixed.index.log)
    assert not any("stand-ins" in repr(row) for row in found.pypi)


def test_the_python_of_conda_decides(mixed: Mixed) -> None:
    mixed.index.add("tool", "1.0", requires_python=">=3.9")
    mixed.index.add("tool", "2.0", requires_python=">=3.13")
    assert rows(mixed.lock(mixed.inputs("python 3.12.*"), ["tool"])) == {"tool": "1.0"}


def test_a_version_that_does_not_fit_names_both(mixed: Mixed) -> None:
    mixed.publish(record("numpy", "1.26.4", depends=["python"]))
    mixed.index.add("frames", "1.0", requires=["numpy>=2"])
    mixed.index.add("numpy", "2.0.0")
    with pytest.raises(UnsatisfiableError) as raised:
        mixed.lock(
            inputs(requirement("numpy", platforms=("linux-64",)), channels=[mixed.channel]),
            ["frames"],
        )
    message = str(raised.value)
    assert "linux-64 (beside conda's Python 3.12.4)" in message
    assert "numpy 1.26.4 (from conda)" in message
    assert "frames" in message
    assert "stand-ins" not in message
    assert str(mixed.folder) not in message


def test_other_names_are_known_from_the_map_and_from_purls(mixed: Mixed) -> None:
    mixed.publish(
        record("pytorch", "2.5.0", depends=["python"]),
        record("pytorch", "2.5.0", depends=["python"], subdir="win-64"),
        noarch("our-tools", "1.5", purls=["pkg:pypi/inside@7.1"]),
    )
    mixed.index.add("model", "1.0", requires=["torch>=2.5", "inside==7.1"])
    assert rows(mixed.lock(mixed.inputs("pytorch", "our-tools"), ["model"])) == {"model": "1.0"}


def test_a_local_map_replaces_the_shipped_one(mixed: Mixed) -> None:
    mixed.publish(noarch("pytorch", "2.5.0"))
    mixed.index.add("model", "1.0", requires=["special-torch"])
    names = mixed.folder / "names.txt"
    names.write_text("pytorch=special-torch\n")
    found = mixed.lock(mixed.inputs("pytorch"), ["model"], names=names)
    assert rows(found) == {"model": "1.0"}


def test_distributions_of_unknown_version_are_left_out(mixed: Mixed) -> None:
    mixed.publish(noarch("pyqt", "5.15.9"))
    mixed.index.add("plots", "1.0", requires=["pyqt5-sip>=12"])
    assert rows(mixed.lock(mixed.inputs("pyqt"), ["plots"])) == {"plots": "1.0"}


def test_one_distribution_from_both_is_an_error_that_names_both(mixed: Mixed) -> None:
    mixed.publish(noarch("frames", "1.5"))
    (wheel,) = mixed.index.add("frames", "2.0")
    url = f"{mixed.index.url.removesuffix('/simple').rstrip('/')}/{wheel.filename}"
    with pytest.raises(UnsatisfiableError, match=r"conda package frames 1\.5 and from") as raised:
        mixed.lock(mixed.inputs("frames"), [f"frames @ {url}"])
    assert raised.value.where == "requirements.in:1"


def test_categories_are_extras_and_groups(mixed: Mixed) -> None:
    mixed.publish(
        noarch("base", "1.0"),
        noarch("lint", "1.0", ["python", "base"]),
    )
    mixed.index.add("app", "1.0", requires=["common"])
    mixed.index.add("plot", "1.0", requires=["common", "canvas", "base"])
    mixed.index.add("check", "1.0", requires=["canvas"])
    for name in ("common", "canvas"):
        mixed.index.add(name, "1.0")
    found = mixed.lock(
        mixed.inputs("python", requirement("lint", category="dev")),
        ["app"],
        extras={"plot": ["plot"]},
        groups={"dev": ["check"]},
    )
    assert {r.name: r.categories for r in found.pypi if r.platform.subdir == "linux-64"} == {
        "app": ("main",),
        "canvas": ("dev", "plot"),
        "check": ("dev",),
        "common": ("main",),
        "plot": ("plot",),
    }
    conda = {r.package.name: r.categories for r in found.conda if r.platform.subdir == "linux-64"}
    assert conda == {"base": ("dev", "plot"), "lint": ("dev",), "python": ("main",)}


def test_the_old_lock_is_kept(mixed: Mixed) -> None:
    mixed.index.add("tool", "1.0", requires=["part"])
    mixed.index.add("part", "1.0")
    old = mixed.lock(mixed.inputs("python"), ["tool"])
    mixed.index.add("tool", "2.0", requires=["part"])
    mixed.index.add("part", "2.0")
    assert mixed.lock(mixed.inputs("python"), ["tool"], previous=old) == old
    moved = mixed.lock(
        mixed.inputs("python"), ["tool"], previous=old, upgrade_packages=frozenset({"part"})
    )
    assert rows(moved) == {"part": "2.0", "tool": "1.0"}
    every = mixed.lock(mixed.inputs("python"), ["tool"], previous=old, upgrade=True)
    assert rows(every) == {"part": "2.0", "tool": "2.0"}


def test_an_extra_of_what_conda_provides_is_warned_of(mixed: Mixed) -> None:
    mixed.publish(noarch("web", "2.0"))
    assert rows(mixed.lock(mixed.inputs("web"), ["web[socks]"])) == {}
    (warning,) = mixed.reporter.warnings
    assert "web 2.0 (from conda)" in warning
    assert "socks" in warning


def test_a_python_that_wheels_do_not_name_is_refused(mixed: Mixed) -> None:
    mixed.publish(*(record("python", "3.12.9", build="73_pypy", subdir=s) for s in PLATFORMS))
    with pytest.raises(InputError, match=r"3\.12\.9 73_pypy"):
        mixed.lock(mixed.inputs("python 3.12.9"), ["tool"])


def test_a_folder_of_the_project_cannot_be_locked(mixed: Mixed) -> None:
    package = mixed.folder / "project" / "part"
    package.mkdir(parents=True)
    (package / "pyproject.toml").write_text('[project]\nname = "part"\nversion = "1"\n')
    of = manifest(
        [f"part @ {package.as_uri()}"],
        platforms=("linux-64",),
        indexes=[Index(name="main", url=mixed.index.url, default=True)],
        root=mixed.folder / "project",
    )
    with pytest.raises(InputError, match="part"):
        mixed.resolve(of, mixed.inputs("python"))


def test_nothing_is_left_behind(mixed: Mixed, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = mixed.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", os.fspath(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    mixed.index.add("tool", "1.0")
    mixed.lock(mixed.inputs("python"), ["tool"])
    assert list(temporary.iterdir()) == []
