"""Hostile YAML as plain tables, lists and texts: what the readers of conda's lock files share.

The parser's events are turned into values one by one, never into objects of other types. What an
alias repeats counts again each time, so that a small file cannot stand for a huge one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mooring.errors import InputError
from mooring.files import refuse_conflict_markers

if TYPE_CHECKING:
    from collections.abc import Iterable

    import yaml

MAX_CHARACTERS = 32 << 20
MAX_VALUES = 2_000_000
MAX_DEPTH = 12
_MAX_DIGITS = 18

_INT = re.compile(r"[-+]?[0-9][0-9_]*+")
# What conda-lock's reader (YAML 1.1) takes for a number, besides the plain whole ones. Dates are
# numbers for it as well; other writers leave them unquoted where they mean a version.
_NUMBER = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
    r"|0b[01_]+|0x[0-9A-Fa-f_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}


class Table(dict[str, object]):
    """A YAML mapping that knows its line, from 1."""

    __slots__ = ("line",)

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


class NotText:
    """An unquoted value that YAML takes for a number; `text` is how it was written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def plain(text: str) -> object:
    """Return what an unquoted scalar stands for: text, None, a bool, an int or `NotText`."""
    first = text[:1]
    if first > "9" and first not in "FNOTYfnoty~":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) <= _MAX_DIGITS else NotText(text)
    return NotText(text) if _NUMBER.fullmatch(text) else text


def parse(text: str, where: str) -> object:
    """Parse one YAML document; None for an empty one.

    Args:
        text: The document.
        where: How messages name the file.

    Raises:
        InputError: It is no YAML, or holds what no lock has: tags, merged or repeated keys,
            several documents, too many or too deep values.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"the file is larger than {MAX_CHARACTERS >> 20} MiB", where=where)
    refuse_conflict_markers(text, where)
    import yaml  # kept off the start-up path

    # The C parser is 15 times as fast; it is missing where PyYAML was built without libyaml.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(where).build(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, where) from error
    except UnicodeEncodeError as error:
        raise InputError("the text holds half of a surrogate pair", where=where) from error


def _syntax_error(error: yaml.YAMLError, text: str, where: str) -> InputError:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None)
    hint = "take the file whole from version control, or lock again"
    if mark is None:
        return InputError(f"not valid YAML: {reason or 'unreadable'}", where=where, hint=hint)
    line = text.split("\n")[mark.line : mark.line + 1]
    if line and "\t" in line[0]:
        reason, hint = "a tab cannot be part of the indentation", "indent with spaces"
    return InputError(f"not valid YAML: {reason}", where=f"{where}:{mark.line + 1}", hint=hint)


class _Open:
    """A table or list whose end has not come yet; `key` is the key that waits for its value."""

    __slots__ = ("anchor", "key", "size", "value")

    def __init__(self, value: Table | list[object], anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: str | None = None
        self.size = 1


class _Builder:
    # Events of unknown type below: asking for the exact class is what makes the loop fast.
    def __init__(self, where: str) -> None:
        self.where = where
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[object, int]] = {}
        self.root: object = None
        self.values = 0

    def build(self, events: Iterable[Any]) -> object:
        """Return the value of the one document that these events describe."""
        import yaml

        scalar, documents = yaml.ScalarEvent, 0
        for event in events:
            kind = type(event)
            # Four of five events are scalars: they are asked for first.
            if kind is scalar:
                if event.tag is not None:
                    raise self._tagged(event)
                # Only what is neither quoted nor a block can be anything but text.
                value = event.value if event.style else plain(event.value)
                self._add(event, value, 1, event.anchor)
            elif kind is yaml.MappingStartEvent:
                self._start(event, Table(event.start_mark.line + 1))
            elif kind is yaml.SequenceStartEvent:
                self._start(event, [])
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._end(event)
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise self._refused(event, "the file holds several documents")
        return self.root

    def _start(self, event: Any, value: Table | list[object]) -> None:
        if event.tag is not None:
            raise self._tagged(event)
        if len(self.stack) >= MAX_DEPTH:
            raise self._refused(event, f"the YAML is nested more than {MAX_DEPTH} deep")
        self.stack.append(_Open(value, event.anchor))

    def _end(self, event: Any) -> None:
        done = self.stack.pop()
        self._add(event, done.value, done.size, done.anchor)

    def _alias(self, event: Any) -> None:
        known = self.anchors.get(event.anchor)
        if known is None:
            raise self._refused(event, "an alias refers to no anchor above it")
        self.values += known[1]
        self._add(event, known[0], known[1], None)

    def _add(self, event: Any, value: object, size: int, anchor: str | None) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            raise self._refused(event, f"the YAML has more than {MAX_VALUES} values")
        if anchor is not None:
            self.anchors[anchor] = (value, size)
        if not self.stack:
            self.root = value
            return
        parent = self.stack[-1]
        parent.size += size
        target = parent.value
        if isinstance(target, list):
            target.append(value)
        elif parent.key is None:
            parent.key = self._key(event, target, value)
        else:
            target[parent.key] = value
            parent.key = None

    def _key(self, event: Any, table: Table, key: object) -> str:
        if not isinstance(key, str) or key == "<<":
            raise self._refused(event, "a key that is not a text", "put the key in quotes")
        if key in table:
            raise self._refused(event, f"the key {key[:80]!r} is given twice")
        return key

    def _tagged(self, event: Any) -> InputError:
        return self._refused(event, "the YAML holds a tag", "write the value without it")

    def _refused(self, event: Any, message: str, hint: str | None = None) -> InputError:
        line = event.start_mark.line + 1
        return InputError(message, where=f"{self.where}:{line}", hint=hint)
