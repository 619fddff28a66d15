"""What a resolver is: it turns a manifest into a lock, for every declared platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mooring.errors import InputError, MooringError
from mooring.lock.model import Lock
from mooring.manifest.model import Manifest
from mooring.platforms import Platform
from mooring.reporting import Reporter


class ResolveError(MooringError):
    """The resolution could not be done: an index is down or closed, a cache lacks something."""


class UnsatisfiableError(ResolveError, InputError):
    """The declared requirements have no solution, or name what does not exist (exit code 2)."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolveRequest:
    """What to resolve.

    Attributes:
        manifest: What is declared.
        requires_python: PEP 440 specifiers: the Pythons that the lock must serve.
        platforms: The platforms that the lock must serve.
        previous: The lock whose pins are kept where they still fit.
        upgrade: Keep no pin.
        upgrade_packages: Normalised names whose pins are not kept.
        offline: Use caches only.
    """

    manifest: Manifest
    requires_python: str
    platforms: tuple[Platform, ...]
    previous: Lock | None = None
    upgrade: bool = False
    upgrade_packages: frozenset[str] = frozenset()
    offline: bool = False


class Resolver(Protocol):
    """Turns declared requirements into a lock."""

    def resolve(self, request: ResolveRequest, reporter: Reporter) -> Lock:
        """Resolve for all platforms, extras and groups; the caller adds the provenance.

        Raises:
            UnsatisfiableError: There is no solution.
            ResolveError: It could not be found out.
        """
