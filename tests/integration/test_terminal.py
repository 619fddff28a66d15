"""The command on a pseudo-terminal: live lines, colours, and signals that end it."""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.fakes import FakeIndex
from tests.functional.command import manifest

pytestmark = [pytest.mark.process, pytest.mark.network]

COMMAND = [sys.executable, "-c", "from mooring.cli import main; main()"]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
EMPTY_LINE = "\r\x1b[K"


def on_terminal(folder: Path, *words: str, **variables: str) -> tuple[int, str]:
    """Run one command with its standard error on a terminal; return its code and what it said."""
    ours, theirs = pty.openpty()
    said = bytearray()

    def listen() -> None:
        try:
            while piece := os.read(ours, 4096):
                said.extend(piece)
        except OSError:
            return  # Linux says so when the other end is closed

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        done = subprocess.run(
            [*COMMAND, *words],
            cwd=folder,
            env={**os.environ, "TERM": "xterm", **variables},
            stdout=subprocess.PIPE,
            stderr=theirs,
            timeout=60,
            check=False,
        )
    finally:
        os.close(theirs)
        listener.join(10)
        os.close(ours)
    return done.returncode, said.decode()


@pytest.fixture
def broken(tmp_path: Path, fake_index: FakeIndex) -> Path:
    """Return a locked project whose one wheel is gone from the index."""
    fake_index.add("alpha", "1.0")
    (tmp_path / "pyproject.toml").write_text(manifest(fake_index))
    subprocess.run([*COMMAND, "lock"], cwd=tmp_path, check=True, capture_output=True)
    shutil.rmtree(os.environ["UV_CACHE_DIR"])
    fake_index.projects["alpha"].clear()
    return tmp_path


def test_an_error_replaces_the_live_line(broken: Path) -> None:
    code, said = on_terminal(broken, "sync", NO_COLOR="1")
    assert code == 3
    assert "Creating virtual environment" in said, "no live line was there to be replaced"
    assert f"{EMPTY_LINE}error: " in said


def test_no_color_leaves_no_colours(broken: Path) -> None:
    _, plain = on_terminal(broken, "sync", NO_COLOR="1")
    assert not COLOUR.search(plain)
    shutil.rmtree(broken / ".venv")
    _, coloured = on_terminal(broken, "sync", NO_COLOR="")
    assert COLOUR.search(coloured)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_like_an_interrupt(
    number: signal.Signals, tmp_path: Path, fake_index: FakeIndex
) -> None:
    fake_index.add("alpha", "1.0")
    fake_index.latency = 3.0
    project, temporary = tmp_path / "project", tmp_path / "temporary"
    project.mkdir()
    temporary.mkdir()
    (project / "pyproject.toml").write_text(manifest(fake_index))
    process = subprocess.Popen(
        [*COMMAND, "lock"],
        cwd=project,
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    assert list(temporary.iterdir()), "it had nothing to leave behind"
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.endswith(b"interrupted\n")
    assert list(temporary.iterdir()) == []


def test_an_interrupt_while_modules_are_loaded_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    done = subprocess.run(
        [*COMMAND, "lock"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, b"interrupted\n")
