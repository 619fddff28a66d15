"""Hostile YAML as a tree of nodes with their lines; nothing in it is turned into objects.

The tree is made from the parser's events. Plain scalars keep the text they were written with, so
`3.10` is not the number 3.1, and the cost of a file is bounded before anything is walked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mooring.errors import InputError
from mooring.files import refuse_conflict_markers
from mooring.manifest.problems import Problems, quoted
from mooring.manifest.sources.requirement_lines import refuse_control_characters

if TYPE_CHECKING:
    import yaml
    from yaml._yaml import Mark as CMark

MAX_DEPTH = 20
MAX_NODES = 100_000
MAX_ALIASES = 100
MAX_CHARACTERS = 4 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Scalar:
    """One value.

    Attributes:
        text: As it was written, without quotes.
        line, end_line, end_column: Where it begins and ends, lines from 1, columns from 0.
        kind: What YAML takes it for: `a number`, `true or false`, `nothing`, `a date or time` or
            `text`.
    """

    text: str
    line: int
    end_line: int
    end_column: int
    kind: str = "text"
    size: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    line: int
    size: int = 1
    kind: str = "a list"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """A table; its keys are unique."""

    pairs: tuple[tuple[Scalar, Node], ...]
    line: int
    size: int = 1
    kind: str = "a table"


Node = Scalar | Sequence | Mapping

_KINDS = {
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:bool": "true or false",
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:timestamp": "a date or time",
}


def parse(text: str, shown: str, problems: Problems) -> Node | None:
    """Parse one YAML document; None for an empty one.

    Args:
        text: The document.
        shown: How messages name the file.
        problems: Receives keys that are given twice.

    Raises:
        InputError: It is no YAML, or holds what no declared input needs: tags, several documents,
            too many or too deep nodes.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"the file is larger than {MAX_CHARACTERS >> 20} MiB", where=shown)
    refuse_conflict_markers(text, shown)
    refuse_control_characters(text, shown)
    import yaml  # kept off the start-up path

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(shown, problems).document(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, shown) from error


def _syntax_error(error: yaml.YAMLError, text: str, shown: str) -> InputError:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else None
    reason = getattr(error, "problem", None) or "it cannot be parsed"
    hint = None
    lines = text.split("\n")
    written = lines[line - 1] if line and line <= len(lines) else ""
    if "{%" in text or "{{" in written:
        hint = "the file is a template: render it, and declare the result"
    elif "\t" in written:
        reason, hint = "a tab cannot be part of the indentation", "indent with spaces"
    elif written.lstrip().startswith(("- *", "- >", "- |", "- @", "- %", "- `")):
        hint = "put quotes around the value"
    return InputError(
        f"not valid YAML: {reason}", where=f"{shown}:{line}" if line else shown, hint=hint
    )


@dataclass(kw_only=True, slots=True)
class _Open:
    """A list or table whose end has not come yet; the children of a table alternate."""

    is_map: bool
    line: int
    anchor: str | None
    children: list[Node] = field(default_factory=list)
    size: int = 1


class _Builder:
    def __init__(self, shown: str, problems: Problems) -> None:
        self.shown = shown
        self.problems = problems
        self.open: list[_Open] = []
        self.anchors: dict[str, Node] = {}
        self.aliases = 0
        self.documents = 0
        self.root: Node | None = None

    def document(self, events: Iterator[yaml.Event]) -> Node | None:
        """Build the tree; a plain null at the top counts as empty."""
        import yaml

        for event in events:
            line = _line(event.start_mark)
            match event:
                case yaml.DocumentStartEvent():
                    self.documents += 1
                    if self.documents > 1:
                        raise self._refused(line, "the file holds several documents")
                case yaml.ScalarEvent():
                    self._refuse_tag(event, line)
                    self._add(self._scalar(event), event.anchor)
                case yaml.AliasEvent():
                    self._add(self._alias(event.anchor, line), None)
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    self._start(event, line)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._end()
        root = self.root
        return None if isinstance(root, Scalar) and root.kind == "nothing" else root

    def _start(self, event: yaml.CollectionStartEvent, line: int) -> None:
        import yaml

        self._refuse_tag(event, line)
        if len(self.open) >= MAX_DEPTH:
            raise self._refused(line, f"the YAML is nested more than {MAX_DEPTH} deep")
        is_map = isinstance(event, yaml.MappingStartEvent)
        self.open.append(_Open(is_map=is_map, line=line, anchor=event.anchor))

    def _end(self) -> None:
        done = self.open.pop()
        node: Node
        if done.is_map:
            node = Mapping(pairs=self._pairs(done.children), line=done.line, size=done.size)
        else:
            node = Sequence(items=tuple(done.children), line=done.line, size=done.size)
        self._add(node, done.anchor)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = node
        if not self.open:
            self.root = node
            return
        parent = self.open[-1]
        parent.children.append(node)
        parent.size += node.size
        # What an alias stands for counts again each time: this is what a bomb multiplies.
        if parent.size > MAX_NODES:
            raise self._refused(node.line, f"the YAML has more than {MAX_NODES} values")

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        end = event.end_mark
        return Scalar(
            text=event.value,
            line=_line(event.start_mark),
            end_line=_line(end),
            end_column=end.column if end else 0,
            kind=_kind(event),
        )

    def _alias(self, name: str | None, line: int) -> Node:
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise self._refused(line, f"the YAML has more than {MAX_ALIASES} aliases")
        if name is None or name not in self.anchors:
            raise self._refused(line, f"the alias {quoted(f'*{name}')} refers to no anchor above")
        return self.anchors[name]

    def _pairs(self, children: list[Node]) -> tuple[tuple[Scalar, Node], ...]:
        found: dict[str, tuple[Scalar, Node]] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Scalar) or key.text == "<<":
                what = "a merged key" if isinstance(key, Scalar) else f"{key.kind} as a key"
                hint = "a template must be rendered first" if isinstance(key, Mapping) else None
                self.problems.add(f"{self.shown}:{key.line}", f"{what} is not read", hint)
            elif key.text in found:
                first = found[key.text][0].line
                self.problems.add(
                    f"{self.shown}:{key.line}",
                    f"the key {quoted(key.text)} is given twice, first in line {first}",
                    "join the two",
                )
            else:
                found[key.text] = (key, value)
        return tuple(found.values())

    def _refuse_tag(self, event: yaml.NodeEvent, line: int) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise self._refused(
                line, f"the YAML holds the tag {quoted(tag)}", "write the value without it"
            )

    def _refused(self, line: int, message: str, hint: str | None = None) -> InputError:
        return InputError(message, where=f"{self.shown}:{line}", hint=hint)


def _line(mark: yaml.Mark | CMark | None) -> int:
    return mark.line + 1 if mark else 1


def _kind(event: yaml.ScalarEvent) -> str:
    """Return what YAML takes a scalar for; quoted ones are text."""
    if event.style:
        return "text"
    import yaml

    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(event.value[:1], [])
    tag = next((tag for tag, pattern in resolvers if pattern.match(event.value)), "")
    return _KINDS.get(tag, "text")
