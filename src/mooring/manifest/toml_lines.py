"""On which line each key of a TOML text stands; only needed once something is wrong in it.

`tomllib` keeps no positions, and a parser that does takes a third of a second on large files. This
scanner runs on text that `tomllib` has accepted, so it need not tell right from wrong.
"""

from __future__ import annotations

import re
import tomllib

Key = str | int
KeyPath = tuple[Key, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]*")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line (from 1) of every table, key and list item of a valid TOML text.

    A text that this scanner does not understand yields the lines up to that point.
    """
    scanner = _Scanner(text)
    try:
        scanner.document()
    except (_LostError, RecursionError):
        return scanner.lines
    return scanner.lines


class _LostError(Exception):
    """The scanner met something that it does not know."""


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self._counted_to = 0
        self._line = 1
        self._arrays: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while True:
            self._skip(_BLANK)
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> KeyPath:
        """Read `[a.b]` or `[[a.b]]`; a part that names a list of tables means its last item."""
        is_array = self.text.startswith("[[", self.at)
        line = self._line_here()
        self.at += 2 if is_array else 1
        parts = self._keys()
        path: KeyPath = ()
        for number, part in enumerate(parts):
            path = (*path, part)
            is_last = number == len(parts) - 1
            if is_last and is_array:
                self._arrays[path] = self._arrays.get(path, -1) + 1
            self.lines.setdefault(path, line)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        self.lines.setdefault(path, line)
        self._expect("]]" if is_array else "]")
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line_here()
        path = table
        for part in self._keys():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self._expect("=")
        self._skip(_SPACES)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        first = self.text[self.at : self.at + 1]
        if first in ('"', "'"):
            self._match(_STRING)
        elif first == "[":
            self._list(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self._match(_SCALAR)

    def _list(self, path: KeyPath) -> None:
        self.at += 1
        number = 0
        while not self._closed("]"):
            item = (*path, number)
            self.lines[item] = self._line_here()
            self._value(item)
            number += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while not self._closed("}"):
            self._pair(path)

    def _closed(self, end: str) -> bool:
        """Skip blanks and commas; whether the closing bracket came."""
        self._skip(_BLANK)
        while self.text.startswith(",", self.at):
            self.at += 1
            self._skip(_BLANK)
        if self.at >= len(self.text):
            raise _LostError
        if not self.text.startswith(end, self.at):
            return False
        self.at += len(end)
        return True

    def _keys(self) -> list[str]:
        keys = [self._key()]
        self._skip(_SPACES)
        while self.text.startswith(".", self.at):
            self.at += 1
            keys.append(self._key())
            self._skip(_SPACES)
        return keys

    def _key(self) -> str:
        self._skip(_SPACES)
        if self.text[self.at : self.at + 1] in ('"', "'"):
            quoted = self._match(_STRING)
            value = tomllib.loads(f"key = {quoted}")["key"]
            return str(value)
        return self._match(_BARE_KEY)

    def _expect(self, mark: str) -> None:
        self._skip(_SPACES)
        if not self.text.startswith(mark, self.at):
            raise _LostError
        self.at += len(mark)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        assert match is not None  # the patterns match the empty string
        self.at = match.end()

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None or match.end() == self.at:
            raise _LostError
        self.at = match.end()
        return match[0]

    def _line_here(self) -> int:
        self._line += self.text.count("\n", self._counted_to, self.at)
        self._counted_to = self.at
        return self._line
