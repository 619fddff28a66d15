"""Run commands side by side and report medians, ratios and peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Median wall time in seconds and peak resident memory in MB, children included."""

    name: str
    seconds: float
    peak_mb: float
    runs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One contestant.

    Attributes:
        prepare: Called before every run, outside the measured time.
        expect: The exit code that counts as success.
    """

    name: str
    argv: Sequence[str | os.PathLike[str]]
    cwd: Path
    prepare: Callable[[], None] | None = None
    env: Mapping[str, str] | None = None
    expect: int = 0


def side_by_side(commands: Sequence[Command], runs: int) -> list[Measured]:
    """Run the commands in turns, so that noise of the machine meets all of them alike."""
    times: dict[str, list[float]] = {command.name: [] for command in commands}
    peaks: dict[str, float] = {command.name: 0.0 for command in commands}
    for _ in range(runs):
        for command in commands:
            seconds, peak = _once(command)
            times[command.name].append(seconds)
            peaks[command.name] = max(peaks[command.name], peak)
    return [
        Measured(
            name=c.name, seconds=statistics.median(times[c.name]), peak_mb=peaks[c.name], runs=runs
        )
        for c in commands
    ]


def _once(command: Command) -> tuple[float, float]:
    if command.prepare is not None:
        command.prepare()
    start = time.perf_counter()
    process = subprocess.Popen(
        [os.fspath(word) for word in command.argv],
        cwd=command.cwd,
        env=None if command.env is None else dict(command.env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode != command.expect:
        sys.exit(f"{command.name} failed ({process.returncode}):\n{said.decode(errors='replace')}")
    return seconds, usage.ru_maxrss / 1024


def verdict(ok: bool) -> str:
    """Return how a target is told: met or missed."""
    return "met" if ok else "MISSED"


def show(title: str, results: Sequence[Measured], lines: Sequence[str]) -> None:
    """Print one comparison: the medians, then what is claimed of them."""
    print(f"\n{title}")
    for result in results:
        print(
            f"  {result.name:<34} {result.seconds * 1000:9.1f} ms   {result.peak_mb:6.0f} MB"
            f"   (median of {result.runs})"
        )
    for line in lines:
        print(f"  -> {line}")
