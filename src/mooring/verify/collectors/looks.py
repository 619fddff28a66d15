"""What collectors have in common: from RECORD rows to looks at files, and back to an inventory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from mooring.verify.collectors.metadata import Described
from mooring.verify.collectors.record import Row
from mooring.verify.inventory import Distribution, FileKind, SeenFile


class Look(NamedTuple):
    """What was found at one path; a tuple, because an environment has tens of thousands.

    Attributes:
        size: Bytes.
        actual: `<algorithm>:<hex>` when it was hashed.
        problem: Why it could not be.
    """

    kind: FileKind
    size: int | None = None
    actual: str | None = None
    problem: str | None = None


class Task(NamedTuple):
    """One path to look at, relative to the root, and what to hash it with, if at all."""

    target: str
    algorithm: str | None
    size: int | None


Looks = Mapping[tuple[str, str | None], Look]
"""Looks by path and algorithm."""

MISSING = Look("missing")


def is_compared(row: Row) -> bool:
    """Whether a row's digest must be that of the file.

    Python rewrites what is in `__pycache__`, and installers keep the old digest of such a file.
    """
    return row.recorded is not None and "__pycache__" not in row.path


def tasks_of(described: Iterable[Described], *, hashed: bool) -> list[Task]:
    """Return one task for each path and algorithm, however often it is named."""
    tasks: dict[tuple[str, str | None], Task] = {}
    for each in described:
        for row in each.rows:
            if row.target is not None:
                key = row.target, _algorithm(row, hashed=hashed)
                if key not in tasks:
                    tasks[key] = Task(*key, row.size)
    return list(tasks.values())


def with_files(described: Described, looks: Looks, *, hashed: bool) -> Distribution:
    """Return the distribution with every row of its RECORD as it was found."""
    return replace(
        described.distribution,
        files=tuple(_seen(row, looks, hashed=hashed) for row in described.rows),
    )


def counts(looks: Iterable[Look]) -> tuple[int, int]:
    """Return how many files were hashed, and how many bytes."""
    sizes = [look.size or 0 for look in looks if look.actual is not None]
    return len(sizes), sum(sizes)


def _algorithm(row: Row, *, hashed: bool) -> str | None:
    if row.recorded is None or not (hashed and is_compared(row)):
        return None
    return row.recorded.partition(":")[0]


def _seen(row: Row, looks: Looks, *, hashed: bool) -> SeenFile:
    look = Look("unexamined")
    if row.target is not None:
        look = looks[row.target, _algorithm(row, hashed=hashed)]
    return SeenFile(
        path=row.path,
        kind=look.kind,
        recorded=row.recorded,
        recorded_size=row.size,
        actual=look.actual,
        size=look.size,
        problem=row.problem or look.problem,
    )
