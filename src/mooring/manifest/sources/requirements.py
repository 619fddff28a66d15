"""requirements.in and requirements.txt: a file, and the files that it names with `-r` and `-c`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mooring.errors import InputError
from mooring.files import read_text, refuse_conflict_markers
from mooring.manifest.index_url import index_name, refuse_index_url
from mooring.manifest.model import Index, Requirement
from mooring.manifest.places import inside
from mooring.manifest.problems import Problems, quoted
from mooring.manifest.requirement import normal_form
from mooring.manifest.sources.declared import Declared, FoundIndex
from mooring.manifest.sources.requirement_lines import (
    Include,
    IncludeKind,
    IndexLine,
    Line,
    Required,
    logical_lines,
    refuse_control_characters,
    statements,
)

MAX_DEPTH = 20
MAX_FILES = 200
MAX_LINES = 200_000


def read(root: Path, name: str, problems: Problems) -> Declared:
    """Read a requirements file and all that it includes.

    Args:
        root: The project folder, resolved; nothing outside it is read.
        name: The file, relative to the root.
        problems: Receives what is wrong, each with `file:line`.
    """
    reading = _Reading(root=root, problems=problems)
    with problems.catch(name):
        reading.file(inside(root, name), "requirements", ())
    return reading.declared()


def read_lines(root: Path, path: Path, lines: Iterable[Line], problems: Problems) -> Declared:
    """Read lines of requirements that stand in a file of another kind.

    Args:
        root: The project folder, resolved; nothing outside it is read.
        path: The file that holds the lines; included files are relative to it.
        lines: Its logical lines, with their numbers.
        problems: Receives what is wrong, each with `file:line`.

    Returns:
        What they declare; the inputs are the included files only.
    """
    reading = _Reading(root=root, problems=problems)
    reading.block(path, lines, "requirements", ())
    return reading.declared()


@dataclass(kw_only=True, slots=True)
class _Reading:
    """One pass over a file and its includes; each file is read once for each kind."""

    root: Path
    problems: Problems
    inputs: dict[Path, None] = field(default_factory=dict)
    requirements: list[Requirement] = field(default_factory=list)
    constraints: list[Requirement] = field(default_factory=list)
    indexes: list[FoundIndex] = field(default_factory=list)
    done: set[tuple[Path, IncludeKind]] = field(default_factory=set)
    lines: int = 0

    def file(self, path: Path, kind: IncludeKind, chain: tuple[Path, ...]) -> None:
        """Read one file; problems of its lines are recorded, those of the whole are raised."""
        if path in chain:
            names = [self._shown(p) for p in (*chain[chain.index(path) :], path)]
            raise InputError("the files include each other: " + " -> ".join(names))
        if (path, kind) in self.done:
            return
        self.done.add((path, kind))
        if len(chain) >= MAX_DEPTH or len(self.done) > MAX_FILES:
            raise InputError(
                f"more than {MAX_DEPTH} files deep or {MAX_FILES} files in all",
                hint="name the files in `sources` instead of including them",
            )
        shown = self._shown(path)
        text = read_text(path, shown=shown)
        self.inputs[path] = None
        refuse_conflict_markers(text, shown)
        refuse_control_characters(text, shown)
        self.block(path, logical_lines(text, shown), kind, chain)

    def block(
        self, path: Path, lines: Iterable[Line], kind: IncludeKind, chain: tuple[Path, ...]
    ) -> None:
        """Read the lines of a file; their problems are recorded."""
        shown = self._shown(path)
        for line in lines:
            self.lines += 1
            if self.lines > MAX_LINES:
                raise InputError(f"more than {MAX_LINES} lines in all")
            with self.problems.catch(f"{shown}:{line.number}"):
                self._line(line, f"{shown}:{line.number}", path, kind, chain)

    def declared(self) -> Declared:
        """Return what was read."""
        return Declared(
            inputs=tuple(self.inputs),
            dependencies=tuple(self.requirements),
            constraints=tuple(self.constraints),
            indexes=tuple(self.indexes),
        )

    def _line(
        self, line: Line, where: str, path: Path, kind: IncludeKind, chain: tuple[Path, ...]
    ) -> None:
        for statement in statements(line):
            match statement:
                case Required(text=text):
                    found = Requirement(text=normal_form(text), where=where)
                    (self.requirements if kind == "requirements" else self.constraints).append(
                        found
                    )
                case Include():
                    # In a file of constraints everything is a constraint, as for uv.
                    below = "constraints" if kind == "constraints" else statement.kind
                    self.file(self._included(path, statement.path), below, (*chain, path))
                case IndexLine():
                    self._index(statement, where)

    def _included(self, path: Path, name: str) -> Path:
        if "://" in name or name.startswith("file:"):
            raise InputError(
                f"{quoted(name)} is not a file of the project",
                hint="a declared input does not change by itself: download the file into the "
                "project and name it here",
            )
        if "\\" in name or PurePosixPath(name).is_absolute() or re.match(r"[A-Za-z]:", name):
            raise InputError(
                f"{quoted(name)} is not a relative path with `/`",
                hint="name the file relative to this one",
            )
        if name.endswith((".toml", ".lock")):
            raise InputError(
                f"{quoted(name)} is not a requirements file",
                hint=f'write sources = ["{self._shown(path)}", "{name}"] into mooring.toml'
                if name == "pyproject.toml"
                else None,
            )
        return inside(self.root, name, base=path.parent)

    def _index(self, line: IndexLine, where: str) -> None:
        refuse_index_url(line.url)
        index = Index(name=index_name(line.url), url=line.url, default=line.default)
        self.indexes.append(FoundIndex(index=index, where=lambda: where))

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()
