"""From RECORD rows to looks at files that were read already, as those of a stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from mooring.verify.collectors.metadata import Described
from mooring.verify.collectors.record import Row
from mooring.verify.collectors.recorded import (
    UNEXAMINED,
    Found,
    Look,
    RecordedFiles,
    is_compared,
)
from mooring.verify.inventory import Distribution


class Task(NamedTuple):
    """One path to look at, relative to the root, and what to hash it with, if at all."""

    target: str
    algorithm: str | None
    size: int | None


Looks = Mapping[tuple[str, str | None], Look]
"""Looks by path and algorithm."""


@dataclass(kw_only=True, slots=True)
class Tally:
    """How much content was read; what several distributions list counts once."""

    files: int = 0
    size: int = 0
    seen: set[tuple[str, str | None]] = field(default_factory=set)

    def add(self, key: tuple[str, str | None], look: Look) -> None:
        """Count a file that was hashed."""
        if look.actual is not None and key not in self.seen:
            self.seen.add(key)
            self.files += 1
            self.size += look.size or 0

    def add_all(self, looks: Looks) -> None:
        """Count all files that were hashed."""
        for key, look in looks.items():
            self.add(key, look)


def with_files(
    described: Described, look: Callable[[Task], Look], tally: Tally, *, hashed: bool
) -> Distribution:
    """Return the distribution with every row of its RECORD as it was found."""
    found = Found(described.rows, hashed=hashed)
    for number, row in enumerate(described.rows):
        seen = UNEXAMINED
        if row.target is not None:
            task = task_of(row, hashed=hashed)
            seen = look(task)
            tally.add(task[:2], seen)
        found.add(number, row, seen)
    return replace(described.distribution, files=found.done())


def unseen(described: Described) -> Distribution:
    """Return the distribution with the rows of its RECORD, whose files nobody looked at."""
    files = RecordedFiles(described.rows, {}, hashed=False, told=False, looked=False)
    return replace(described.distribution, files=files)


def task_of(row: Row, *, hashed: bool) -> Task:
    """Return what a row asks for; a file whose content is not compared is not hashed."""
    algorithm = None
    if hashed and is_compared(row) and row.recorded is not None:
        algorithm = row.recorded.partition(":")[0]
    return Task(row.target or "", algorithm, row.size)
