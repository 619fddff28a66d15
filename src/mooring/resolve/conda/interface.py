"""What conda's resolver is asked, and what it asks of a solver of conda packages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from mooring.lock.conda import CondaLock
from mooring.manifest.conda import CondaInputs
from mooring.manifest.model import Manifest
from mooring.platforms import Platform

FailureKind = Literal["unsatisfiable", "channel"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaResolveRequest:
    """What to resolve.

    Attributes:
        manifest: What is declared; its requirements, extras and groups come from PyPI.
        inputs: What is declared of conda.
        platforms: The platforms that the lock must serve.
        cache: A folder that the solver may keep repodata in.
        previous: The lock whose packages are kept where they still fit.
        upgrade: Keep no package.
        upgrade_packages: Names of conda and PyPI packages that are not kept.
        offline: Use caches only.
        exclude_newer: RFC 3339 date-time; packages uploaded later do not exist.
        names: A file that replaces the shipped map of conda names to PyPI names.
    """

    manifest: Manifest
    inputs: CondaInputs
    platforms: tuple[Platform, ...]
    cache: Path
    previous: CondaLock | None = None
    upgrade: bool = False
    upgrade_packages: frozenset[str] = frozenset()
    offline: bool = False
    exclude_newer: str | None = None
    names: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """A package of the existing lock that is kept where it still fits."""

    name: str
    version: str
    build: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SolveProblem:
    """One platform's share.

    Attributes:
        subdir: Of the platform; `noarch` packages belong to each.
        specs: Match specifications, each solved for.
        virtual_packages: `__name=version=build` texts; nothing is detected.
        pins: What is preferred.
    """

    subdir: str
    specs: tuple[str, ...]
    virtual_packages: tuple[str, ...]
    pins: tuple[Pin, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Solved:
    """A solution: package records as repodata has them, with `url`, `fn` and `channel`."""

    records: tuple[Mapping[str, object], ...] = field(hash=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """Why there is no solution, in the solver's words.

    Attributes:
        channel: Label of the channel that could not be read, when it could be told.
    """

    kind: FailureKind
    text: str
    channel: str | None = None


class CondaSolver(Protocol):
    """Solves for platforms over one list of channels."""

    def solve(self, problems: Sequence[SolveProblem]) -> Sequence[Solved | Failed]:
        """Solve the problems at the same time; one answer for each, in their order."""

    def names(self, subdir: str) -> frozenset[str]:
        """Return the names of all packages that the channels have for a platform."""
