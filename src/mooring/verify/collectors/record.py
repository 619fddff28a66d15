"""RECORD (PEP 376, PEP 427): which files a distribution says it has, with their digests."""

from __future__ import annotations

import binascii
import csv
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

RECORD_LIMIT = 16 << 20
MOST_ROWS = 100_000
"""More than the largest wheels have several times over; each costs memory and a look."""

_DIGEST_CHARACTERS = {"sha256": 43, "sha384": 64, "sha512": 86}
_SIZE = re.compile(r"[0-9]{1,18}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_UNTIDY = ("./", "//", "\\")
"""Of a path between slashes: what makes it need normalising."""

_STANDARD = str.maketrans("-_", "+/")
_LONGEST_SIZE = 18
_PIECE, _SOME = 128 << 10, 1_000
_LENGTH = 50
"""Of `sha256=` and 43 characters."""

_DECODED = 66
"""Hex digits of 44 characters of base64: a digest of 43, and one to fill up."""


class RecordError(Exception):
    """A RECORD that cannot be parsed; the text says why."""


class Row(NamedTuple):
    """One row; a tuple, because an environment has tens of thousands.

    Attributes:
        path: As RECORD writes it.
        target: Relative to the environment's root; None when it must not be looked at.
        recorded: `<algorithm>:<hex>`, None when the row has no digest.
        size: Bytes, when the row says so.
        problem: Why it is not looked at or cannot be checked.
    """

    path: str
    target: str | None
    recorded: str | None
    size: int | None
    problem: str | None


Cells = tuple[str, str | None, str | None, int | None, str | None]
"""The fields of a `Row`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A RECORD that is known to be readable; its rows are made whenever they are asked for.

    Its text is a fifth of what its rows need, and an environment may have a hundred thousand.

    Attributes:
        text: What it holds, with line feeds; bytes that are no UTF-8 are surrogates.
        site: The folder that holds the dist-info, relative to the environment's root.
        root: Absolute path of the environment where it runs, for rows with absolute paths.
        quoted: Whether cells may be quoted; otherwise each comma ends one.
    """

    text: str = ""
    site: str = ""
    root: str | None = None
    quoted: bool = False

    def __iter__(self) -> Iterator[Row]:
        """Make the rows."""
        return map(Row._make, self.cells())

    def __bool__(self) -> bool:
        """Whether there is any text."""
        return bool(self.text)

    def cells(self) -> Iterator[Cells]:
        """Make the rows as bare tuples, which takes half the time."""
        if self.quoted:
            yield from self._rows(self.text)
            return
        for text in self._pieces():
            columns = _columns(text)
            decoded = None
            if columns is not None and _are_numbers(columns.sizes):
                decoded = _decoded([digest for digest in columns.digests if digest])
            if columns is None or decoded is None:
                yield from self._rows(text)
            else:
                yield from self._plain_rows(columns, decoded)

    def targets(self) -> Iterator[list[str]]:
        """Yield the paths that may be looked at, relative to the environment's root."""
        if self.quoted:
            rows = self._rows(self.text)
            while some := list(islice(rows, _SOME)):
                yield [target for _, target, *_ in some if target is not None]
            return
        prefix = f"{self.site}/"
        for text in self._pieces():
            columns = _columns(text)
            if columns is not None and _are_tidy(columns.paths):
                yield [prefix + path for path in columns.paths]
            else:
                rows = replace(self, text=text).cells()
                yield [target for _, target, *_ in rows if target is not None]

    def find(self, path: str) -> Row | None:
        """Return the first row for a path, which is written as in RECORD."""
        if self.quoted:
            return next((row for row in self if row.path == path), None)
        text, start = self.text, f"{path},"
        at = 0 if text.startswith(start) else text.find(f"\n{start}") + 1
        if at == 0 and not text.startswith(start):
            return None
        return Row._make(_row(text[at:].partition("\n")[0].split(","), self.site, self.root))

    def _plain_rows(self, columns: _Columns, decoded: str) -> Iterator[Cells]:
        site, root, tidy = self.site, self.root, _are_tidy(columns.paths)
        prefix = f"{site}/"
        at = 0
        for path, digest, size in zip(*columns, strict=True):
            recorded = None
            if digest:
                recorded = "sha256:" + decoded[at : at + 64]
                at += _DECODED
            number = int(size) if size else None
            if tidy or _is_tidy(path):
                yield path, prefix + path, recorded, number, None
            else:
                yield _placed(path, recorded, number, None, site, root)

    def _pieces(self) -> Iterator[str]:
        """Yield the text in pieces of whole lines, so that few rows exist at a time."""
        text, start = self.text, 0
        while start < len(text):
            end = text.find("\n", start + _PIECE) + 1 or len(text)
            yield text[start:end]
            start = end

    def _rows(self, text: str) -> Iterator[Cells]:
        for cells in csv.reader(_lines(text)):
            if cells:
                yield _row(cells, self.site, self.root)


def parse_record(data: bytes, site: str, root: str | None = None) -> Record:
    """Parse a RECORD.

    Args:
        data: The content of the file.
        site: The folder that holds the dist-info, relative to the environment's root.
        root: Absolute path of the environment where it runs, for rows with absolute paths.

    Raises:
        RecordError: It is too large, has too many rows, or is no CSV.
    """
    if len(data) > RECORD_LIMIT:
        raise RecordError(f"RECORD is larger than {RECORD_LIMIT >> 20} MiB")
    if data.count(b"\n") > MOST_ROWS:
        raise RecordError(f"RECORD has more than {MOST_ROWS:,} rows")
    # Names on disk need not be UTF-8: they come back to the same bytes this way.
    text = data.decode("utf-8", "surrogateescape")
    text = text.replace("\r\n", "\n")
    quoted = '"' in text or "\r" in text or "\0" in text
    if quoted or len(text) > csv.field_size_limit():
        try:
            for _ in csv.reader(_lines(text)):
                pass
        except csv.Error as error:
            raise RecordError(f"RECORD is no CSV: {error}") from error
    return Record(text=text, site=site, root=root, quoted=quoted)


def _lines(text: str) -> Iterator[str]:
    """Yield lines with their ends; a stream over the text would hold it four times as large."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


class _Columns(NamedTuple):
    paths: Sequence[str]
    digests: Sequence[str]
    sizes: Sequence[str]


def _columns(text: str) -> _Columns | None:
    """Split lines without quotes into their columns at once.

    Returns:
        None where that is left to the csv module: a row has not three cells, or a path needs a
        closer look.
    """
    text = text.removesuffix("\n")
    # Every fourth cell is an end of line then, if all lines have three.
    cells = text.replace("\n", ",\n,").split(",")
    paths, ends = cells[0::4], cells[3::4]
    if (
        len(cells) % 4 != 3
        or ends.count("\n") != len(ends)
        or "" in paths
        or not "".join(paths).isprintable()
    ):
        return None
    return _Columns(paths, cells[1::4], cells[2::4])


def _are_numbers(texts: Sequence[str]) -> bool:
    """Whether all sizes are decimal numbers of a sensible length, or nothing."""
    joined = "".join(texts)
    return (not joined or (joined.isascii() and joined.isdigit())) and (
        len(max(texts, key=len)) <= _LONGEST_SIZE
    )


def _decoded(digests: Sequence[str]) -> str | None:
    """Return the hex digits of all SHA-256 digests, None when one of them is something else."""
    if not {digest[:7] for digest in digests} <= {"sha256="}:
        return None
    if not set(map(len, digests)) <= {_LENGTH}:
        return None
    # A letter fills each digest up to 33 bytes, so that all are decoded at once.
    joined = "".join(digests).replace("sha256=", "A")[1:] + "A" if digests else ""
    if len(joined) != 44 * len(digests):
        return None
    try:
        return binascii.a2b_base64(joined.translate(_STANDARD), strict_mode=True).hex()
    except ValueError:
        return None


def _are_tidy(paths: Sequence[str]) -> bool:
    """Whether no path needs normalising: none is absolute, ends in a dot, or has `..`."""
    joined = "/\n/".join(["", *paths, ""])
    return not any(part in joined for part in _UNTIDY)


def _is_tidy(path: str) -> bool:
    return _are_tidy((path,))


def _row(cells: list[str], site: str, root: str | None) -> Row:
    path = cells[0]
    digest = cells[1] if len(cells) > 1 else ""
    size = int(cells[2]) if len(cells) > 2 and _SIZE.fullmatch(cells[2]) else None
    recorded, problem = _digest(digest) if digest else (None, None)
    if not path or (not path.isprintable() and _CONTROL.search(path)):
        return Row(path, None, recorded, size, "its path holds control characters or is empty")
    if _is_tidy(path):
        return Row(path, f"{site}/{path}", recorded, size, problem)
    return _placed(path, recorded, size, problem, site, root)


def _placed(
    path: str,
    recorded: str | None,
    size: int | None,
    problem: str | None,
    site: str,
    root: str | None,
) -> Row:
    target = _inside(path, site, root)
    return Row(
        path, target, recorded, size, problem if target else "its path leaves the environment"
    )


def _inside(path: str, site: str, root: str | None) -> str | None:
    """Return the path relative to the root, or None where it leaves it."""
    path = path.replace("\\", "/")
    if path.startswith("/"):
        prefix = None if root is None else root.rstrip("/") + "/"
        if prefix is None or not posixpath.normpath(path).startswith(prefix):
            return None
        return posixpath.normpath(path)[len(prefix) :]
    joined = posixpath.normpath(f"{site}/{path}")
    return None if joined == ".." or joined.startswith("../") else joined


def _digest(text: str) -> tuple[str | None, str | None]:
    """Return (`<algorithm>:<hex>`, problem) of `sha256=<urlsafe base64>`; one of them is None."""
    algorithm, _, value = text.partition("=")
    value = value.rstrip("=")
    if _DIGEST_CHARACTERS.get(algorithm) != len(value):
        return None, "its digest is none that counts (SHA-2)"
    try:
        padded = value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)
        raw = binascii.a2b_base64(padded, strict_mode=True)
    except ValueError:
        return None, "its digest is no base64"
    return f"{algorithm}:{raw.hex()}", None
