"""What one source file declares, whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mooring.manifest.conda_found import FoundConda
from mooring.manifest.model import Index, Requirement

Groups = tuple[tuple[str, tuple[Requirement, ...]], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundIndex:
    """An index; `where` tells the place that declares it, which may need a look into the file."""

    index: Index
    where: Callable[[], str] = field(compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """What one source declares; `inputs` are the files it was read from, itself first.

    Attributes:
        requires_python: PEP 440 specifiers that parse, with the place that declares them.
        extras, groups: By normalised name; groups are expanded.
        conda: What it declares of conda; None where its format knows no conda packages.
    """

    inputs: tuple[Path, ...]
    name: str | None = None
    version: str | None = None
    requires_python: str | None = None
    requires_python_where: Callable[[], str] = field(default=str, compare=False)
    dependencies: tuple[Requirement, ...] = ()
    extras: Groups = ()
    groups: Groups = ()
    constraints: tuple[Requirement, ...] = ()
    indexes: tuple[FoundIndex, ...] = ()
    conda: FoundConda | None = None
