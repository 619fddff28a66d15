"""`mooring lock` against an index on this machine."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.pylock import Pylock
from tests.fakes import FakeIndex
from tests.functional.command import Mooring, manifest

pytestmark = [pytest.mark.process, pytest.mark.network]

MORE = """
[project.optional-dependencies]
plus = ["extra-one"]
[dependency-groups]
dev = ["tester"]
"""


def versions(project: Path) -> dict[str, str]:
    text = (project / "pylock.toml").read_text(encoding="utf-8")
    return {row["name"]: row["version"] for row in tomllib.loads(text)["packages"]}


def test_one_lock_holds_every_platform_extra_and_group(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "pyproject.toml").write_text(manifest(stocked) + MORE)
    assert mooring("lock").code == 0
    lock = Pylock.from_dict(tomllib.loads((project / "pylock.toml").read_text()))
    markers = {str(package.name): str(package.marker or "") for package in lock.packages}
    assert markers["alpha"] == ""
    assert markers["beta"] == ""
    assert markers["winonly"] == 'sys_platform == "win32"'
    assert markers["extra-one"] == '"plus" in extras'
    assert markers["tester"] == '"dev" in dependency_groups'
    assert list(lock.extras or []) == ["plus"]
    assert list(lock.dependency_groups or []) == ["dev"]
    assert len(lock.environments or []) == 4


def test_locking_twice_gives_the_same_bytes_and_asks_nobody(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "pyproject.toml").write_text(manifest(stocked))
    mooring("lock")
    first = (project / "pylock.toml").read_bytes()
    stocked.log.clear()
    assert mooring("lock").code == 0
    assert (project / "pylock.toml").read_bytes() == first
    assert stocked.log == []
    (project / "pylock.toml").unlink()
    mooring("lock")
    assert (project / "pylock.toml").read_bytes() == first


def test_pins_stay_until_an_upgrade_is_asked_for(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "pyproject.toml").write_text(manifest(stocked, dependencies='"alpha<1.1", "beta<2"'))
    mooring("lock")
    assert versions(project) == {"alpha": "1.0", "beta": "1.0", "winonly": "0.5"}
    (project / "pyproject.toml").write_text(manifest(stocked))
    said = mooring("lock")
    assert said.code == 0
    assert versions(project) == {"alpha": "1.0", "beta": "1.0", "winonly": "0.5"}
    assert mooring("lock", "--upgrade-package", "beta").code == 0
    assert versions(project) == {"alpha": "1.0", "beta": "2.0", "winonly": "0.5"}
    said = mooring("lock", "--upgrade")
    assert versions(project)["alpha"] == "1.1"
    assert "~ alpha 1.0 -> 1.1" in said.err


def test_check_says_which_input_changed_and_how(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    path = project / "pyproject.toml"
    path.write_text(manifest(stocked))
    assert mooring("lock", "--check").code == 1
    mooring("lock")
    stocked.log.clear()
    assert mooring("lock", "--check").code == 0
    path.write_text("# a comment\n" + manifest(stocked, dependencies='"alpha", "extra-one>=3"'))
    said = mooring("lock", "--check", "--format", "json")
    assert said.code == 1
    assert said.document["fresh"] is False
    [change] = said.document["changes"]
    assert 'added "extra-one>=3"' in change
    assert "pyproject.toml" in change
    assert stocked.log == []


def test_a_hand_edited_lock_is_not_fresh(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "pyproject.toml").write_text(manifest(stocked))
    mooring("lock")
    path = project / "pylock.toml"
    path.write_text(path.read_text().replace('version = "2.0"', 'version = "1.0"'))
    said = mooring("lock", "--check")
    assert said.code in (1, 2)
    assert "edited" in said.err or "packages[" in said.err


def test_only_wheels_makes_a_source_fallback_an_error(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    stocked.add("native", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64", sdist=True)
    (project / "pyproject.toml").write_text(manifest(stocked, dependencies='"native"'))
    refused = mooring("lock", "--only-wheels")
    assert refused.code == 2
    assert "default on osx-arm64" in refused.err
    assert not (project / "pylock.toml").exists()
    allowed = mooring("lock")
    assert allowed.code == 0
    assert "win-64: built from source: native" in allowed.err


def test_a_package_without_anything_for_a_platform_is_reported_then(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    stocked.add("native", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    (project / "pyproject.toml").write_text(manifest(stocked, dependencies='"native"'))
    said = mooring("lock")
    assert said.code == 2
    assert "native" in said.err
    assert "osx-arm64" in said.err or "darwin" in said.err


def test_offline_works_from_the_cache(project: Path, stocked: FakeIndex, mooring: Mooring) -> None:
    (project / "pyproject.toml").write_text(manifest(stocked))
    mooring("lock")
    first = (project / "pylock.toml").read_bytes()
    (project / "pylock.toml").unlink()
    stocked.log.clear()
    assert mooring("lock", "--offline").code == 0
    assert (project / "pylock.toml").read_bytes() == first
    assert stocked.log == []


def test_export_serves_one_platform_or_all(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "pyproject.toml").write_text(manifest(stocked) + MORE)
    mooring("lock")
    everywhere = mooring("export").out
    assert "winonly==0.5 ; sys_platform == " in everywhere
    assert "tester" not in everywhere
    linux = mooring("export", "--platform", "linux/amd64").out
    assert "winonly" not in linux
    assert linux.count("--hash=sha256:") == 2
    selected = mooring("export", "--platform", "win-64", "--format", "pylock").out
    lock = Pylock.from_dict(tomllib.loads(selected))
    assert [package.name for package in lock.packages] == ["alpha", "beta", "winonly"]
    bare = mooring("export", "--lock", "pylock.toml", "--output", "out.txt")
    assert bare.code == 0
    assert (project / "out.txt").read_text() == everywhere


def test_requirements_files_lock_without_a_manifest(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "requirements.in").write_text(f"--index-url {stocked.url}\n-r more.in\nalpha\n")
    (project / "more.in").write_text("extra-one\n")
    assert mooring("lock").code == 0
    assert {"alpha", "beta", "extra-one"} <= versions(project).keys()


def test_init_writes_a_manifest_that_locks(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "requirements.in").write_text(f"--index-url {stocked.url}\nalpha\n")
    said = mooring("init", "--yes")
    assert said.code == 0
    assert "requirements.in" in said.err
    assert (project / "mooring.toml").exists()
    assert mooring("lock").code == 0
    assert mooring("init", "--yes").code == 2
