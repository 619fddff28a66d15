"""What is declared of conda: channels, match specifications, virtual packages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

MAIN = "main"
"""The category of what is always installed; others are named after extras and groups."""

ChannelPriority = Literal["strict", "disabled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaChannel:
    """A channel in the order of priority.

    Attributes:
        name: As declared: a name such as `conda-forge`, or a URL, without credentials.
        url: As declared or derived; it may hold credentials and must never be printed as it is.
        mirrors: URLs that are asked instead; the lock keeps the channel's own.
    """

    name: str
    url: str = field(repr=False)
    mirrors: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaRequirement:
    """One declared match specification (conda package match specification).

    Attributes:
        text: In the form that solvers take: `numpy >=2`, `conda-forge::python 3.12.*`,
            `name[build='cuda*']`.
        name: Normalised package name (lower case).
        where: `environment.yml:14` or `pyproject.toml: tool.mooring.conda.dependencies[2]`.
        platforms: Conda subdirs that it is for; None for all.
        category: `main`, or the extra or group that asks for it.
    """

    text: str
    name: str
    where: str = field(compare=False)
    platforms: tuple[str, ...] | None = None
    category: str = MAIN


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaInputs:
    """Everything that is declared of conda for one project.

    Attributes:
        channels: Highest priority first.
        requirements: In the order of declaration.
        virtual_packages: (subdir or `*`, virtual package as `__glibc=2.28=0`) pairs that replace or
            add to the defaults of `mooring.resolve.conda.virtual`.
        priority: Whether a package is taken only from the first channel that has it.
        variables: (name, value) pairs of the environment variables that environment files declare,
            by name.
    """

    channels: tuple[CondaChannel, ...]
    requirements: tuple[CondaRequirement, ...]
    virtual_packages: tuple[tuple[str, str], ...] = ()
    priority: ChannelPriority = "strict"
    variables: tuple[tuple[str, str], ...] = ()
