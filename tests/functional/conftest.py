"""A project folder and the command, for tests that drive Mooring as a user does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes import FakeIndex
from tests.functional.command import Mooring, in_process


@pytest.fixture
def mooring(capsys: pytest.CaptureFixture[str]) -> Mooring:
    """Return a function that runs one command in this process."""
    return in_process(capsys)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is the working folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def stocked(fake_index: FakeIndex) -> FakeIndex:
    """Return an index with a few packages, one of them only needed on Windows."""
    fake_index.add("alpha", "1.0", requires=["beta>=1", "winonly ; sys_platform == 'win32'"])
    fake_index.add("alpha", "1.1", requires=["beta>=1", "winonly ; sys_platform == 'win32'"])
    fake_index.add("beta", "1.0")
    fake_index.add("beta", "2.0")
    fake_index.add("winonly", "0.5")
    fake_index.add("extra-one", "3.0")
    fake_index.add("tester", "7.0", requires=["beta"])
    return fake_index
