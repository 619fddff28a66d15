"""What one place declares of conda, before the places are joined."""

from __future__ import annotations

from dataclasses import dataclass, field

from mooring.manifest.conda import MAIN, ChannelPriority, CondaChannel, CondaRequirement
from mooring.manifest.model import Requirement


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundChannel:
    """A channel, with the place that declares it."""

    channel: CondaChannel
    where: str = field(compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitedRequirement:
    """A requirement of PyPI that is for some platforms or for one category only.

    Attributes:
        platforms: Conda subdirs; None for all.
        category: `main`, or the group that asks for it.
    """

    requirement: Requirement
    platforms: tuple[str, ...] | None = None
    category: str = MAIN


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundConda:
    """What one table or file declares.

    Attributes:
        channels: Highest priority first; empty when it names none.
        platforms: The subdirs that the file is for; None when it names none.
        pypi: What it asks for of PyPI.
        virtual_packages: (subdir, virtual package) pairs.
        variables: (name, value) pairs of environment variables.
        priority: None when it says nothing.
    """

    channels: tuple[FoundChannel, ...] = ()
    requirements: tuple[CondaRequirement, ...] = ()
    platforms: tuple[str, ...] | None = None
    pypi: tuple[LimitedRequirement, ...] = ()
    virtual_packages: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    priority: ChannelPriority | None = None
