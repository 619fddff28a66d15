"""One environment file as nodes: typed reading of them, places, and the selectors of its lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mooring.manifest.conda_selectors import is_selector, selected
from mooring.manifest.problems import Catching, Problems
from mooring.manifest.tables import control_character
from mooring.manifest.yaml_nodes import Node, Scalar, Sequence, parse

# The comment that conda-build, conda-lock and others read: `# [linux]`. A colon follows a key.
_COMMENT = re.compile(r"\s*:?\s*#\s*\[(?P<selector>[^\[\]]*)\]\s*(?:#.*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class YamlFile:
    """A parsed file.

    Attributes:
        root: The project folder, resolved.
        shown: How messages name the file.
        root_node: What the document holds; None when it is empty.
        lines: The text, for the comments that the parser drops.
    """

    root: Path
    path: Path
    shown: str
    root_node: Node | None
    lines: tuple[str, ...]
    problems: Problems

    @classmethod
    def parse(cls, root: Path, path: Path, text: str, problems: Problems) -> YamlFile:
        """Parse a file's text.

        Raises:
            InputError: It is no YAML, or holds what no declared input needs.
        """
        shown = path.relative_to(root).as_posix()
        return cls(
            root=root,
            path=path,
            shown=shown,
            root_node=parse(text, shown, problems),
            lines=tuple(line.rstrip("\r") for line in text.split("\n")),
            problems=problems,
        )

    def where(self, node: Node) -> str:
        """Return `environment.yml:14`."""
        return f"{self.shown}:{node.line}"

    def problem(self, node: Node, message: str, hint: str | None = None) -> None:
        """Record a problem at a node."""
        self.problems.add(self.where(node), message, hint)

    def catch(self, node: Node) -> Catching:
        """Record an `InputError` of a block, at a node."""
        return self.problems.catch(self.where(node))

    def items(self, node: Node, key: str) -> tuple[Node, ...]:
        """Return the items of a list; none where the value is left out, or is something else."""
        if isinstance(node, Sequence):
            return node.items
        if not (isinstance(node, Scalar) and node.kind == "nothing"):
            first = f"  - {node.text}" if isinstance(node, Scalar) else "  - ..."
            hint = f"write `{key}:` and the list below it, each on a line like `{first.strip()}`"
            self.problem(node, f"`{key}`: expected a list, found {node.kind}", hint)
        return ()

    def text(
        self, node: Node, what: str, *, numbers: bool = False, empty: bool = False
    ) -> str | None:
        """Return a value that is text; None when it is something else, which is recorded.

        Args:
            node: The value.
            what: What it is, for messages.
            numbers: Whether a number, and True or False, is taken as it was written.
            empty: Whether it may be empty, and hold line breaks that the caller refuses.
        """
        if not isinstance(node, Scalar):
            self.problem(node, f"{what}: expected text, found {node.kind}")
            return None
        if node.kind == "text" or (numbers and _is_itself(node)):
            text = node.text if empty else node.text.strip()
            if not text and not empty:
                self.problem(node, f"{what}: the text is empty")
                return None
            if not empty and (character := control_character(text)):
                self.problem(node, f"{what}: the text holds the control character {character}")
                return None
            return text
        hint = None if node.kind == "nothing" else f'put quotes around it: "{node.text}"'
        self.problem(node, f"{what}: expected text, found {node.kind}", hint)
        return None

    def selector(self, node: Scalar) -> tuple[str, ...] | None:
        """Return the platforms that the comment behind a value chooses; None without a selector.

        Raises:
            InputError: It looks like a selector and is none; the error names no place.
        """
        line = self.lines[node.end_line - 1] if node.end_line <= len(self.lines) else ""
        match = _COMMENT.fullmatch(line[node.end_column :])
        if match is None or not is_selector(match["selector"]):
            return None
        return selected(match["selector"])


def _is_itself(node: Scalar) -> bool:
    """Whether a value that YAML does not take for text is what conda makes of it."""
    return node.kind == "a number" or node.text in ("True", "False")
