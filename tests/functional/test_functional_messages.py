"""What commands say, and that the commands they advise are the ones that help."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.fakes import FakeIndex
from tests.functional.command import Mooring, manifest

from mooring.lock.formats import mooring_lock
from mooring.lock.formats.mooring_lock import BaseImageLock, MooringLock
from mooring.platforms import Platform

pytestmark = [pytest.mark.process, pytest.mark.network]

BASE = "registry.example.com/base:1"


def lock_base(project: Path) -> None:
    """Write mooring.lock as if a registry had told the digests."""
    entries = tuple(
        BaseImageLock(reference=BASE, platform=Platform.parse(name), digest="sha256:" + "a" * 64)
        for name in ("linux-64", "linux-aarch64")
    )
    text = mooring_lock.write(MooringLock(base_images=entries))
    (project / "mooring.lock").write_text(text, encoding="utf-8")


@pytest.fixture
def locked(project: Path, stocked: FakeIndex, mooring: Mooring) -> Path:
    """Return a locked project with an image whose declared file is absent."""
    image = f'[tool.mooring.image]\nbase = "{BASE}"\nfiles = ["train.py"]\n'
    (project / "pyproject.toml").write_text(manifest(stocked, more=image))
    assert mooring("lock", "--no-base").code == 0
    lock_base(project)
    return project


def test_one_is_singular_and_thousands_are_separated(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    many = {f"big/{number:04}.txt": b"x" for number in range(1100)}
    stocked.add("big", "1.0", files=many)
    (project / "pyproject.toml").write_text(manifest(stocked, dependencies='"big"'))
    assert "pylock.toml: 1 package, proved for 4 environment" in mooring("lock").err
    synced = mooring("sync").err
    assert ".venv with 1 package\n" in synced
    assert "1 installed; 1 package and 1,1" in synced


def test_upgrading_what_is_not_locked_is_told(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "pyproject.toml").write_text(manifest(stocked))
    mooring("lock")
    said = mooring("lock", "-P", "alhpa", "-P", "beta")
    assert said.code == 0
    assert "warning: alhpa cannot be upgraded: the lock does not hold it" in said.err
    assert "beta cannot" not in said.err


def test_a_platform_without_a_version_is_the_locked_one(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    stocked.add("native", "1.0", tag="cp311-cp311-manylinux_2_35_x86_64")
    text = manifest(stocked, dependencies='"native"').replace(
        'platforms = ["linux-64", "linux-aarch64", "osx-arm64", "win-64"]',
        'platforms = ["linux-64-glibc2.35"]',
    )
    (project / "pyproject.toml").write_text(text)
    assert mooring("lock").code == 0
    for name in ("linux-64", "linux/amd64", "linux-64-glibc2.35", "linux-64-glibc2.39"):
        assert "native==1.0" in mooring("export", "--platform", name).out, name
    for name in ("linux-64-glibc2.17", "linux-64-musl1.2", "linux/arm64"):
        refused = mooring("export", "--platform", name)
        assert refused.code == 2, name
        assert "it is for linux-64-glibc2.35" in refused.err


def test_a_base_that_is_not_locked_names_the_command_that_locks_it(
    locked: Path, mooring: Mooring
) -> None:
    refused = mooring("build", "--base", "other:1")
    assert refused.code == 1
    assert "hint: run `mooring lock --base other:1`" in refused.err
    frozen = mooring("build", "--base", "other:1", "--frozen")
    assert frozen.code == 2
    assert "`mooring lock --base other:1`" in frozen.err


def test_a_declared_file_that_is_absent_is_named_with_its_manifest(
    locked: Path, mooring: Mooring
) -> None:
    refused = mooring("build", "--platform", "linux/amd64")
    assert refused.code == 2
    assert f"{locked / 'pyproject.toml'}: image.files[0]: 'train.py'" in refused.err


def test_a_platform_that_no_image_runs_on(locked: Path, mooring: Mooring) -> None:
    refused = mooring("build", "--platform", "win-64")
    assert refused.code == 2
    assert "--platform: no container image runs on win-64" in refused.err


def test_render_check_says_which_files_differ(locked: Path, mooring: Mooring) -> None:
    assert mooring("render").code == 0
    assert mooring("render", "--check").code == 0
    with (locked / "Dockerfile").open("a") as stream:
        stream.write("# mine\n")
    refused = mooring("render", "--check")
    assert refused.code == 1
    assert "out of date: Dockerfile;" in refused.err
    assert (locked / "Dockerfile").read_text().endswith("# mine\n")


def test_the_report_says_which_lock_it_is_about(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "pyproject.toml").write_text(manifest(stocked))
    mooring("lock")
    mooring("sync")
    lock = mooring("verify", "--format", "json").document["lock"]
    assert lock["path"] == "pylock.toml"
    assert lock["sha256"] == hashlib.sha256((project / "pylock.toml").read_bytes()).hexdigest()
