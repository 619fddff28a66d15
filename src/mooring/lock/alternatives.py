"""Wheels that machines newer than a target take instead: their C library allows more of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from mooring.lock.model import Artifact, Package
from mooring.platforms import Platform, PythonVersion

_NEWEST_LIBC = {"glibc": (2, 99), "musl": (1, 99), "macos": (99, 0)}

Ranks = Mapping[Tag, int]
"""What a machine runs; the lowest number is what installers prefer."""


def ranks_of(platform: Platform, python: PythonVersion) -> Ranks:
    """Return the tags that run on a platform, by the preference of installers."""
    return {tag: rank for rank, tag in reversed(list(enumerate(platform.tags(python))))}


def newest(platform: Platform) -> Platform:
    """Return the same kind of machine, with a libc newer than any."""
    kind = platform.floor_kind
    return platform if kind is None else replace(platform, floor=_NEWEST_LIBC[kind])


def alternatives(package: Package, chosen: Artifact, ranks: Ranks) -> tuple[Artifact, ...]:
    """Return the other wheels that an installer prefers to the chosen one on some newer machine.

    Args:
        package: The locked package.
        chosen: The wheel that the lock selects for the declared platform.
        ranks: Of that machine, or of the newest of its kind.
    """
    if chosen.kind != "wheel":
        return ()
    limit = _rank(chosen, ranks)
    return tuple(
        wheel
        for wheel in package.wheels
        if wheel.name != chosen.name and limit is not None and _precedes(wheel, ranks, limit)
    )


def file_tags(artifact: Artifact) -> frozenset[Tag]:
    """Return the tags in the file name of a wheel, none where it is not one."""
    try:
        return parse_wheel_filename(artifact.name)[3]
    except InvalidWheelFilename:
        return frozenset()


def _precedes(wheel: Artifact, ranks: Ranks, limit: int) -> bool:
    rank = _rank(wheel, ranks)
    return rank is not None and rank < limit


def _rank(wheel: Artifact, ranks: Ranks) -> int | None:
    return min((ranks[tag] for tag in file_tags(wheel) if tag in ranks), default=None)
