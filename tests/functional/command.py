"""Run `mooring` in this process, as the console script would, and keep what it printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import FakeIndex

from mooring.cli.group import cli
from mooring.cli.outcome import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """Exit code and both outputs of one command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, read as JSON."""
        return json.loads(self.out)


Mooring = Callable[..., Outcome]


def in_process(capsys: pytest.CaptureFixture[str]) -> Mooring:
    """Return a function that runs one command: `mooring("lock", "--check")`."""

    def mooring(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        code = run(cli, [str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err, said.err
        return Outcome(code=code, out=said.out, err=said.err)

    return mooring


def manifest(index: FakeIndex, *, dependencies: str = '"alpha"', more: str = "") -> str:
    """Return a pyproject.toml that gets everything from a fake index."""
    return f"""
[project]
name = "demo"
version = "1.0"
requires-python = ">=3.11"
dependencies = [{dependencies}]

[tool.mooring]
platforms = ["linux-64", "linux-aarch64", "osx-arm64", "win-64"]
python = "3.11"
{more}
[[tool.mooring.index]]
name = "test"
url = "{index.url}"
default = true
"""
