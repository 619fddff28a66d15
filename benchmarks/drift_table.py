"""What Mooring and its peers say of the same planted drifts: `python benchmarks/drift_table.py`.

Prints the Markdown table of docs/explanation/what-peers-miss.md. Every tool is first asked about
the clean environment: what it objects to there proves nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the drifts are those of the tests

from tests.drift_lab import DRIFTS, Drift, Lab, drift_lab, run
from tests.drift_lab import PYTHON as PYTHON_VERSION

BIN = Path(sys.executable).parent
UV, PYTHON = BIN / "uv", Path(sys.executable)
FOUND, WARNED, MISSED, SILENT = "**found**", "**warned**", "missed", "not applicable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a check said: whether something is wrong, and in which words."""

    objects: bool
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Peer:
    """A check that a tool offers: exit code 0 says that nothing is wrong."""

    name: str
    argv: Sequence[str | Path]
    cwd: Path
    env: Mapping[str, str] | None = None

    def ask(self, more: Sequence[str] = ()) -> Answer:
        """Run it."""
        words = [str(word) for word in (*self.argv, *more)]
        done = subprocess.run(
            words, cwd=self.cwd, env=self.env, capture_output=True, text=True, check=False
        )
        return Answer(objects=done.returncode != 0, words=done.stdout)


def peers(lab: Lab, folder: Path, environ: Mapping[str, str]) -> list[Peer]:
    """Return Mooring and the checks of uv, pip and pip-tools, each with its own lock."""
    env = str(lab.env)
    pins = run(UV, "pip", "freeze", "--python", lab.clean).splitlines()
    (folder / "requirements.txt").write_text("\n".join(pins) + "\n")
    listed = "".join(f"  {pin!r},\n" for pin in pins)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "lab"\nversion = "0"\nrequires-python = "=={PYTHON_VERSION}"\n'
        f"dependencies = [\n{listed}]\n[tool.uv]\npackage = false\n"
    )
    run(UV, "lock", "--quiet", "--python", sys.executable, cwd=folder)
    frozen = ("--frozen", "--python", sys.executable)
    target = {**environ, "UV_PROJECT_ENVIRONMENT": env}
    lock = lab.folder / "pylock.toml"
    requirements = folder / "requirements.txt"
    python = lab.env / "bin" / "python"
    return [
        Peer(
            name="mooring verify",
            argv=[BIN / "mooring", "verify", env, "--format", "json"],
            cwd=lab.folder,
        ),
        Peer(
            name="uv sync --check",
            argv=[UV, "sync", "--check", *frozen],
            cwd=folder,
            env=target,
        ),
        Peer(
            name="uv pip sync --check",
            argv=[UV, "pip", "sync", "--check", "--python", env, lock],
            cwd=folder,
        ),
        Peer(name="uv pip check", argv=[UV, "pip", "check", "--python", env], cwd=folder),
        Peer(name="pip check", argv=[PYTHON, "-m", "pip", "--python", env, "check"], cwd=folder),
        Peer(
            name="pip-sync --dry-run",
            argv=[BIN / "pip-sync", "--dry-run", "--python-executable", python, requirements],
            cwd=folder,
        ),
    ]


def rows(lab: Lab, tools: Sequence[Peer]) -> Iterator[list[str]]:
    """Yield a row of the table for each drift, with what every tool said."""
    lab.fresh()
    before = [tool.ask() for tool in tools]
    for drift in DRIFTS:
        drift.plant(lab.fresh())
        said = [_said(tool, clean, drift) for tool, clean in zip(tools, before)]
        yield [_described(drift), *said]


def _said(tool: Peer, clean: Answer, drift: Drift) -> str:
    ours = tool.name.startswith("mooring")
    answer = tool.ask(drift.options if ours else ())
    if clean.objects:  # to something in the clean environment: only another answer says anything
        if answer.words != clean.words:
            return FOUND
        packages = {package for _, package in drift.rules if package}
        return SILENT if any(name in clean.words for name in packages) else MISSED
    if answer.objects:
        return FOUND
    return WARNED if ours and answer.words != clean.words else MISSED


def _described(drift: Drift) -> str:
    rules = ", ".join(sorted({rule for rule, _ in drift.rules}))
    return f"{drift.says} ({rules})"


def versions() -> str:
    """Return the versions of the tools, in one sentence."""
    uv = run(UV, "--version").split()[1]
    pip = run(PYTHON, "-m", "pip", "--version").split()[1]
    tools = run(BIN / "pip-sync", "--version").split()[-1]
    return f"uv {uv}, pip {pip}, pip-tools {tools}, CPython {sys.version.split()[0]}"


@contextmanager
def _workplace(folder: Path | None) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="mooring-drift-", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def main(folder: Path | None = None) -> None:
    """Plant every drift, ask every tool, and print the table."""
    with _workplace(folder) as place, drift_lab(place / "lab") as lab:
        (place / "peers").mkdir()
        tools = peers(lab, place / "peers", os.environ)
        print(f"\n{versions()}; {len(list(lab.clean.glob('lib/*/*/*.dist-info')))} packages\n")
        print("| what happened | " + " | ".join(f"`{tool.name}`" for tool in tools) + " |")
        print("|---|" + "---|" * len(tools))
        for row in rows(lab, tools):
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
