"""The `dependencies` of an environment file: specifications, `pip:` and `sel(...)` entries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mooring.errors import InputError
from mooring.manifest.conda import CondaRequirement
from mooring.manifest.conda_found import LimitedRequirement
from mooring.manifest.conda_selectors import both, selected
from mooring.manifest.matchspec import parse_spec
from mooring.manifest.model import Requirement
from mooring.manifest.problems import quoted
from mooring.manifest.sources import requirements
from mooring.manifest.sources.declared import FoundIndex
from mooring.manifest.sources.environment_yml_file import YamlFile
from mooring.manifest.sources.requirement_lines import (
    Line,
    logical_lines,
    refuse_control_characters,
)
from mooring.manifest.yaml_nodes import Mapping, Node, Scalar, Sequence

_SELECT = re.compile(r"sel\((?P<selector>.*)\)")

Platforms = tuple[str, ...] | None


@dataclass(kw_only=True, slots=True)
class DependencyReader:
    """Reads the entries of one file.

    Attributes:
        category: What the file's requirements are for.
        inputs: The requirements files that were included.
    """

    file: YamlFile
    category: str
    platforms: Platforms = None
    requirements: list[CondaRequirement] = field(default_factory=list)
    pypi: list[LimitedRequirement] = field(default_factory=list)
    constraints: list[Requirement] = field(default_factory=list)
    indexes: list[FoundIndex] = field(default_factory=list)
    inputs: list[Path] = field(default_factory=list)

    def entries(self, node: Node, key: str, platforms: Platforms) -> None:
        """Read a list of entries, which are for these platforms."""
        for item in self.file.items(node, key):
            with self.file.catch(item):
                self._entry(item, platforms)

    def _entry(self, item: Node, platforms: Platforms) -> None:
        match item:
            case Scalar():
                text = self.file.text(item, "dependency")
                if text is not None:
                    chosen = both(platforms, self.file.selector(item))
                    self.requirements.append(
                        parse_spec(
                            text,
                            self.file.where(item),
                            platforms=chosen,
                            category=self.category,
                        )
                    )
            case Mapping():
                for key, value in item.pairs:
                    with self.file.catch(key):
                        self._keyed(key, value, platforms)
            case Sequence():
                raise InputError(
                    "expected a dependency, found a list", hint="write one dependency a line"
                )

    def _keyed(self, key: Scalar, value: Node, platforms: Platforms) -> None:
        platforms = both(platforms, self.file.selector(key))
        if key.text == "pip":
            self._pip(value, platforms)
        elif match := _SELECT.fullmatch(key.text.strip()):
            chosen = both(platforms, selected(match["selector"]))
            if isinstance(value, Sequence):
                self.entries(value, key.text, chosen)
            else:
                self._entry(value, chosen)
        else:
            raise self._unknown(key, value)

    def _unknown(self, key: Scalar, value: Node) -> InputError:
        if isinstance(value, Scalar) and value.kind in ("a number", "text"):
            return InputError(
                f"expected a dependency, found the key {quoted(key.text)}",
                hint=f"write `- {key.text}={value.text}`, without a colon",
            )
        return InputError(
            f"packages of {quoted(key.text)} cannot be locked",
            hint="entries are match specifications, `pip:` and `sel(PLATFORM):`",
        )

    def _pip(self, value: Node, platforms: Platforms) -> None:
        """Read the lines for pip; those with a selector of their own one by one."""
        plain: list[Line] = []
        for item in self.file.items(value, "pip"):
            if self.file.text(item, "requirement", empty=True) is None:
                continue
            assert isinstance(item, Scalar)
            with self.file.catch(item):
                chosen = self.file.selector(item)
                if chosen is None:
                    plain += _lines(item)
                else:
                    self._requirements(_lines(item), both(platforms, chosen))
        self._requirements(plain, platforms)

    def _requirements(self, lines: Iterable[Line], platforms: Platforms) -> None:
        file = self.file
        found = requirements.read_lines(file.root, file.path, lines, file.problems)
        self.inputs += found.inputs
        limited = platforms != self.platforms
        if limited and (found.indexes or found.constraints):
            raise InputError(
                "an index or a constraint cannot be for some platforms only",
                hint="write it without the selector, or a marker into the constraint",
            )
        self.indexes += found.indexes
        self.constraints += found.constraints
        self.pypi += (
            LimitedRequirement(requirement=r, platforms=platforms, category=self.category)
            for r in found.dependencies
        )


def _lines(item: Scalar) -> tuple[Line, ...]:
    """Return the logical lines of one entry; conda writes each into a requirements file.

    Raises:
        InputError: They hold a control character, or a comment that swallows the next line; the
            error names no place.
    """
    try:
        refuse_control_characters(item.text, "")
        lines = tuple(logical_lines(item.text, ""))
    except InputError as error:
        raise InputError(error.message, hint=error.hint) from error
    # The text of a block (`|`) begins below its entry.
    several = "\n" in item.text.rstrip("\n")
    return tuple(
        Line(
            number=min(item.line + line.number, item.end_line) if several else item.line,
            text=line.text,
        )
        for line in lines
    )
