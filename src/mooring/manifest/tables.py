"""Typed reading of TOML tables: every wrong type and every unknown key becomes a problem."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from mooring.errors import InputError
from mooring.files import parse_toml, read_text
from mooring.manifest.nearest import advice
from mooring.manifest.problems import Catching, Problems, quoted
from mooring.manifest.toml_lines import Key, KeyPath, key_lines

C = TypeVar("C", bound=str)

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "a string"),
    (int, "a whole number"),
    (float, "a number"),
    (list, "a list"),
    (dict, "a table"),
)


def control_character(text: str) -> str | None:
    """Return the first control character or line separator of a text as `U+001B`, or None."""
    match = _CONTROL.search(text)
    return f"U+{ord(match[0]):04X}" if match else None


class TomlFile:
    """A parsed TOML file that can tell where a key stands.

    Args:
        path: The file, absolute.
        shown: How messages name it.
        text: Its content, which `data` was parsed from.
    """

    def __init__(self, path: Path, shown: str, text: str, data: Mapping[str, object]) -> None:
        self.path = path
        self.shown = shown
        self.data = data
        self._text = text

    @classmethod
    def read(cls, path: Path, shown: str) -> TomlFile:
        """Read and parse a file.

        Raises:
            InputError: It is absent, no regular file, not UTF-8 or not TOML.
        """
        if path.exists() and not path.is_file():  # opening a named pipe would wait for ever
            raise InputError("it is not a regular file", where=shown)
        text = read_text(path, shown=shown)
        return cls(path, shown, text, parse_toml(text, shown))

    @functools.cached_property
    def _lines(self) -> dict[KeyPath, int]:
        return key_lines(self._text)

    def place(self, path: KeyPath) -> str:
        """Return `pyproject.toml: project.dependencies[2]`; costs nothing but the text."""
        return f"{self.shown}: {dotted(path)}" if path else self.shown

    def where(self, path: KeyPath) -> str:
        """Return `pyproject.toml:14: project.dependencies[2]`; the first call scans the file."""
        for end in range(len(path), 0, -1):
            if line := self._lines.get(path[:end]):
                return f"{self.shown}:{line}: {dotted(path)}"
        return self.place(path)

    def table(self, *path: str) -> Mapping[str, object] | None:
        """Return the table at a path, or None when it is absent or something else."""
        value: object = self.data
        for key in path:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value if isinstance(value, dict) else None


def dotted(path: Iterable[Key]) -> str:
    """Write a key path as `project.optional-dependencies."a.b"[3]`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
            continue
        part = key if _BARE_KEY.fullmatch(key) else f'"{ascii(key)[1:-1]}"'
        text += f".{part}" if text else part
    return text


class Table:
    """One table of a TOML file; each `read` notes the key, `refuse_unknown` reports the others."""

    def __init__(
        self, file: TomlFile, problems: Problems, path: KeyPath, data: Mapping[str, object]
    ) -> None:
        self.file = file
        self.problems = problems
        self.path = path
        self.data = data
        self._known: set[str] = set()

    def __contains__(self, key: str) -> bool:
        self._known.add(key)
        return key in self.data

    def where(self, *keys: Key) -> str:
        """Return the place of a key below this table, with its line."""
        return self.file.where((*self.path, *keys))

    def place(self, *keys: Key) -> str:
        """Return the place of a key below this table, without a line."""
        return self.file.place((*self.path, *keys))

    def problem(self, keys: Key | tuple[Key, ...], message: str, hint: str | None = None) -> None:
        """Record a problem at a key of this table, or at a path below it."""
        path = keys if isinstance(keys, tuple) else (keys,)
        self.problems.add(self.where(*path), message, hint)

    def catch(self, *keys: Key) -> Catching:
        """Record an `InputError` of a block, at a place below this table."""
        return self.problems.catch(lambda: self.where(*keys))

    def below(self, keys: tuple[Key, ...], data: Mapping[str, object]) -> Table:
        """Return the table at a path below this one, whose content is at hand."""
        return Table(self.file, self.problems, (*self.path, *keys), data)

    def string(self, key: str) -> str | None:
        """Return a string on one line, without control characters; None when absent or wrong."""
        value = self._get(key)
        return None if value is None else self.text((key,), value)

    def choice(self, key: str, known: tuple[C, ...], *, one: str, many: str) -> C | None:
        """Return one of the known words; None when absent or wrong.

        Args:
            key: The key.
            known: Every word that it may be.
            one: What such a word is, for messages.
            many: The same of several.
        """
        value = self.string(key)
        for word in known:
            if value == word:
                return word
        if value is not None:
            self.problem(key, f"unknown {one} {quoted(value)}", advice(value, known, what=many))
        return None

    def boolean(self, key: str) -> bool:
        """Return true or false; false when absent or wrong."""
        value = self._get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self._wrong((key,), value, "true or false")
        return False

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings, without those that are wrong; empty when absent."""
        found = (self.text((key, n), value) for n, value in enumerate(self.items(key)))
        return tuple(value for value in found if value is not None)

    def numbered(self, key: str) -> tuple[tuple[int, str], ...]:
        """Return a list of strings, each with its position in the file's list."""
        found = ((n, self.text((key, n), value)) for n, value in enumerate(self.items(key)))
        return tuple((n, value) for n, value in found if value is not None)

    def items(self, key: str) -> list[object]:
        """Return a list whatever its items are; empty when absent or wrong."""
        value = self._get(key)
        if isinstance(value, list):
            return value
        if value is not None:
            hint = "write it between [ and ]" if isinstance(value, str) else None
            self._wrong((key,), value, "a list", hint)
        return []

    def table(self, key: str) -> Table | None:
        """Return the table below a key; None when absent or wrong."""
        value = self._get(key)
        if isinstance(value, dict):
            return self.below((key,), value)
        if value is not None:
            self._wrong((key,), value, "a table")
        return None

    def tables(self, key: str) -> tuple[Table, ...]:
        """Return the tables of a list of tables; empty when absent or wrong."""
        found = []
        for number, value in enumerate(self.items(key)):
            if isinstance(value, dict):
                found.append(self.below((key, number), value))
            else:
                self._wrong((key, number), value, "a table")
        return tuple(found)

    def subtables(self, key: str) -> tuple[tuple[str, Table], ...]:
        """Return the (name, table) pairs of a table of tables; empty when absent or wrong."""
        parent = self.table(key)
        if parent is None:
            return ()
        pairs = ((name, parent.table(name)) for name in parent.data)
        return tuple((name, table) for name, table in pairs if table is not None)

    def refuse_unknown(self) -> None:
        """Record a problem for each key that no read asked for."""
        for key in self.data:
            if key not in self._known:
                self.problem(
                    key, f"unknown key {quoted(key)}", advice(key, self._known, what="keys")
                )

    def _get(self, key: str) -> object:
        self._known.add(key)
        return self.data.get(key)

    def text(self, path: tuple[Key, ...], value: object) -> str | None:
        """Return a value that stands at a path below this table when it is a fit string."""
        if not isinstance(value, str):
            hint = f'write "{value}"' if type(value) is int else None
            self._wrong(path, value, "a string", hint)
            return None
        if character := control_character(value):
            self.problem(path, f"the value holds the control character {character}")
            return None
        return value

    def _wrong(
        self, path: tuple[Key, ...], value: object, wanted: str, hint: str | None = None
    ) -> None:
        kind = next((name for kind, name in _KINDS if isinstance(value, kind)), "a date or time")
        self.problem(path, f"expected {wanted}, found {kind}", hint)
