"""What a conda prefix holds, as a collector saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mooring.verify.inventory import FileKind, Inventory

RowKind = Literal["file", "link", "entry", "listed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaFile:
    """One file that a record in conda-meta names, as it was found.

    Attributes:
        path: Where it is, relative to the prefix, with `/`.
        row: What the record says of it: a file, a link, a program made for an entry point, or a
            name in `files` that has no row with a digest.
        kind: What is there.
        recorded: `sha256:<hex>` that its content must have, that of a link's target as packaged.
        packaged: `sha256:<hex>` of the content before the prefix was written into it.
        recorded_link: `sha256:<hex>` of the text of a link.
        recorded_size: Bytes, where nothing was written into it.
        actual: The digest of the content found, behind a link that of its target.
        link: The text of a link that was found.
        size: Bytes found.
        replaced: Whether the prefix was written into it.
        owner_path: Where it would be, had another package not the same file.
        script: Whether it begins like a program for an interpreter; of entry points only.
        links: How many names its content has (hard links), of a changed file with several.
        problem: Why it could not be checked.
    """

    path: str
    row: RowKind
    kind: FileKind
    recorded: str | None = None
    packaged: str | None = None
    recorded_link: str | None = None
    recorded_size: int | None = None
    actual: str | None = None
    link: str | None = None
    size: int | None = None
    replaced: bool = False
    owner_path: str | None = None
    script: bool = False
    links: int | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaInstalled:
    """One package that conda-meta records.

    Attributes:
        record: The record, relative to the prefix.
        url: Of the archive as recorded, without credentials.
        sha256, md5: Of the archive as claimed, lower-case hex.
        paths_id: Digest of the file list as recorded; None when it has no such id.
        distributions: Normalised names of the Python distributions whose metadata it has.
        problem: Why the record could not be read, or has no digests.
    """

    name: str
    version: str
    build: str
    subdir: str
    record: str
    channel: str = ""
    url: str = ""
    sha256: str | None = None
    md5: str | None = None
    noarch_python: bool = False
    paths_id: str | None = None
    files: tuple[CondaFile, ...] = ()
    distributions: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefixInventory:
    """Everything a collector saw in a conda prefix.

    Attributes:
        base: What is there besides conda's packages: distributions that others installed, and
            files that nobody answers for.
        packages: By name.
    """

    base: Inventory
    packages: tuple[CondaInstalled, ...]
