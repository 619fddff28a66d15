"""How findings look on a wide terminal, on a narrow one and in a pipe."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.environments import install, locked, make_venv, selection

from mooring.cli.verify_table import show_table
from mooring.manifest.model import VerifyPolicy
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare
from mooring.workflow.verifying import Verified

FOLDER = "alpha/" + "a_folder_with_a_long_name/" * 6


def drifted(root: Path, *, files: int = 1) -> Verified:
    """Return the verification of an environment in which some files of alpha were edited."""
    site = make_venv(root)
    paths = [f"{FOLDER}[bold]{number:02}.py" for number in range(files)]
    install(site, "alpha", files=dict.fromkeys(paths, b"a"))
    install(site, "pip")
    for path in paths:
        (site / path).write_bytes(b"b")
    inventory = PathCollector(root).collect()
    chosen = selection(locked("alpha"))
    return Verified(
        selection=chosen,
        inventory=inventory,
        verification=compare(chosen, inventory, VerifyPolicy()),
    )


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rich take standard output for a terminal of 60 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")


def test_a_pipe_gets_a_table_with_whole_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_table(drifted(tmp_path), quiet=False, verbose=False)
    [row] = [line for line in capsys.readouterr().out.splitlines() if "MOR106" in line]
    assert row.startswith(" alpha ")
    assert f"{FOLDER}[bold]00.py" in row


@pytest.mark.usefixtures("terminal")
def test_a_narrow_terminal_gets_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_table(drifted(tmp_path), quiet=False, verbose=False)
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("  MOR106 the content differs")
    assert lines[at - 1].strip("\x1b[0123456789m") == "alpha"
    assert lines[at + 1] == f"    lib/python3.11/site-packages/{FOLDER}[bold]00.py"
    assert lines[at + 2].startswith("    expected sha256:")


def test_quiet_leaves_out_notes_but_says_that_rows_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_table(drifted(tmp_path, files=13), quiet=True, verbose=False)
    out = capsys.readouterr().out
    assert "pip" not in out
    assert out.count("MOR106") == 10
    assert "and 3 more findings" in out
