"""RECORD (PEP 376, PEP 427): which files a distribution says it has, with their digests."""

from __future__ import annotations

import binascii
import csv
import io
import posixpath
import re
from typing import NamedTuple

RECORD_LIMIT = 16 << 20
MOST_ROWS = 100_000
"""More than the largest wheels have several times over; each costs memory and a look."""

_DIGEST_CHARACTERS = {"sha256": 43, "sha384": 64, "sha512": 86}
_SIZE = re.compile(r"[0-9]{1,18}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


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


def parse_record(data: bytes, site: str, root: str | None = None) -> list[Row]:
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
    try:
        return [_row(cells, site, root) for cells in csv.reader(io.StringIO(text)) if cells]
    except csv.Error as error:
        raise RecordError(f"RECORD is no CSV: {error}") from error


def _row(cells: list[str], site: str, root: str | None) -> Row:
    path = cells[0]
    digest = cells[1] if len(cells) > 1 else ""
    size = int(cells[2]) if len(cells) > 2 and _SIZE.fullmatch(cells[2]) else None
    recorded, problem = _digest(digest) if digest else (None, None)
    if not path or (not path.isprintable() and _CONTROL.search(path)):
        return Row(path, None, recorded, size, "its path holds control characters or is empty")
    if not _maybe_untidy(path):
        return Row(path, f"{site}/{path}", recorded, size, problem)
    target = _inside(path, site, root)
    return Row(
        path, target, recorded, size, problem if target else "its path leaves the environment"
    )


def _maybe_untidy(path: str) -> bool:
    """Whether a path may need normalising; plain tests, as nearly every path is tidy."""
    return (
        ".." in path
        or "./" in path
        or "//" in path
        or "\\" in path
        or path[0] == "/"
        or path[-1] in "/."
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
