"""Locks that are cut off: a full disk, a kill in the middle, two writers at once."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.pylock import Pylock
from tests.fakes import FakeIndex
from tests.functional.command import manifest

pytestmark = [pytest.mark.process, pytest.mark.network]

COMMAND = [sys.executable, "-c", "from mooring.cli import main; main()", "lock"]


@pytest.fixture
def locked(tmp_path: Path, fake_index: FakeIndex) -> Path:
    """Return a project that has a lock and now allows something newer."""
    fake_index.add("alpha", "1.0")
    fake_index.add("alpha", "2.0")
    path = tmp_path / "pyproject.toml"
    path.write_text(manifest(fake_index, dependencies='"alpha<2"'))
    subprocess.run(COMMAND, cwd=tmp_path, check=True, capture_output=True)
    path.write_text(manifest(fake_index))
    # Pages are asked for again, so that a slow index is one.
    shutil.rmtree(os.environ["UV_CACHE_DIR"])
    return tmp_path


def leftovers(project: Path) -> list[str]:
    return sorted(path.name for path in project.iterdir())


def test_a_full_disk_leaves_the_old_lock(locked: Path) -> None:
    before = (locked / "pylock.toml").read_bytes()

    def tiny_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))

    done = subprocess.run(
        [*COMMAND, "--upgrade"],
        cwd=locked,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=tiny_files,
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert (locked / "pylock.toml").read_bytes() == before
    assert leftovers(locked) == ["pylock.toml", "pyproject.toml"]


def test_a_kill_leaves_the_old_lock(locked: Path, fake_index: FakeIndex) -> None:
    before = (locked / "pylock.toml").read_bytes()
    fake_index.latency = 5.0
    fake_index.log.clear()
    process = subprocess.Popen([*COMMAND, "--upgrade"], cwd=locked, start_new_session=True)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    fake_index.latency = 0.0
    assert (locked / "pylock.toml").read_bytes() == before
    again = subprocess.run([*COMMAND, "--upgrade"], cwd=locked, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    assert b'version = "2.0"' in (locked / "pylock.toml").read_bytes()


def test_an_interrupt_is_told_with_130(locked: Path, fake_index: FakeIndex) -> None:
    fake_index.latency = 5.0
    process = subprocess.Popen(
        [*COMMAND, "--upgrade"], cwd=locked, stderr=subprocess.PIPE, start_new_session=True
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_two_locks_at_once_both_end_well(locked: Path, fake_index: FakeIndex) -> None:
    fake_index.latency = 0.2
    both = [
        subprocess.Popen([*COMMAND, "--upgrade"], cwd=locked, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    lock = Pylock.from_dict(tomllib.loads((locked / "pylock.toml").read_text()))
    assert [str(package.version) for package in lock.packages] == ["2.0"]
    assert leftovers(locked) == ["pylock.toml", "pyproject.toml"]
