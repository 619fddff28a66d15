"""RECORD: read as a wheel has it, compared with the wheel, and written as it is installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from mooring.build.embedded.wheels.refused import WheelRefused, shown

RECORD_LIMIT = 16 << 20

SIGNATURES = ("RECORD.jws", "RECORD.p7s")
"""Signatures of RECORD: not listed in it, and wrong once it is written anew."""

_LENGTHS = {"sha256": 43, "sha384": 64, "sha512": 86}
_BASE64 = re.compile(r"[A-Za-z0-9_-]+")


class Row(NamedTuple):
    """What RECORD says of a file.

    Attributes:
        hash: `sha256=<urlsafe base64>` without `=` at the end; empty when there is none.
        size: Bytes; None when it is not told.
    """

    hash: str
    size: int | None


class Hash(Protocol):
    """A hash object of `hashlib`."""

    @property
    def name(self) -> str:
        """Name of the algorithm."""

    def digest(self) -> bytes:
        """Return the digest of what it was given."""


def hash_text(digest: Hash) -> str:
    """Return a hash as RECORD has it: `sha256=<urlsafe base64>`."""
    return f"{digest.name}={base64.urlsafe_b64encode(digest.digest()).decode().rstrip('=')}"


def hash_of(data: bytes) -> str:
    """Return the SHA-256 of bytes as RECORD has it."""
    return hash_text(hashlib.sha256(data))


def read_record(data: bytes, where: str) -> dict[str, Row]:
    """Return the rows of a wheel's RECORD by path.

    Raises:
        WheelRefused: It is no RECORD, or says two things of one path.
    """
    rows: dict[str, Row] = {}
    try:
        for row in csv.reader(_text(io.BytesIO(data)), strict=True):
            if not row:
                continue
            # Some builds of Windows wrote the separators of their own system.
            path = row[0].replace("\\", "/")
            value = Row(_hash(row[1]), int(row[2]) if row[2] else None)
            if rows.setdefault(path, value) != value:
                raise WheelRefused(f"its RECORD lists {shown(path)} twice", where=where)
    except (UnicodeDecodeError, csv.Error, IndexError, ValueError) as error:
        raise WheelRefused(f"its RECORD cannot be read: {shown(str(error))}", where=where) from (
            error
        )
    return rows


def check_record(rows: Mapping[str, Row], sizes: Mapping[str, int], info: str, where: str) -> None:
    """Refuse a RECORD that leaves out a file, has one too many, or another size.

    Args:
        rows: Of RECORD.
        sizes: Of the files in the wheel, by path.
        info: The dist-info folder.
        where: The wheel, for messages.

    Raises:
        WheelRefused: For the first such file.
    """
    exempt = {f"{info}/{name}" for name in ("RECORD", *SIGNATURES)}
    for path, size in sizes.items():
        if path in exempt:
            continue
        row = rows.get(path)
        if row is None:
            raise WheelRefused(f"its RECORD does not list {shown(path)}", where=where)
        if not row.hash:
            raise WheelRefused(f"its RECORD has no hash of {shown(path)}", where=where)
        if row.size is not None and row.size != size:
            raise WheelRefused(
                f"{shown(path)} in it has {size} bytes, its RECORD says {row.size}", where=where
            )
    for path in rows:
        if path not in sizes and path not in exempt:
            raise WheelRefused(f"its RECORD lists {shown(path)}, which is not in it", where=where)


def write_record(rows: Iterable[tuple[str, str, int]], own: str) -> bytes:
    """Return the RECORD of an installed wheel.

    Args:
        rows: Path relative to site-packages, hash and size of every other file.
        own: Path of RECORD itself; its row has neither hash nor size, and is the last.
    """
    data = io.BytesIO()
    with _text(data) as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(sorted(rows))
        writer.writerow((own, "", ""))
        text.flush()
        return data.getvalue()


def _text(data: io.BytesIO) -> io.TextIOWrapper:
    """Return bytes as text, decoded as they are read: a `StringIO` takes four times their size."""
    return io.TextIOWrapper(data, "utf-8", newline="")


def _hash(text: str) -> str:
    """Return a hash in its one form; a `ValueError` for what is none, or is too weak."""
    if not text:
        return ""
    algorithm, _, value = text.partition("=")
    value = value.rstrip("=")
    if len(value) != _LENGTHS.get(algorithm) or not _BASE64.fullmatch(value):
        raise ValueError(f"{text[:100]} is no hash of SHA-256, SHA-384 or SHA-512")
    return f"{algorithm}={value}"
