"""What is really there, as a collector saw it: `inventory/1`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

TargetKind = Literal["path", "container", "image"]
FileKind = Literal["file", "link", "other", "missing", "unexamined"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenFile:
    """One file that a RECORD names, as it was found.

    Attributes:
        path: As RECORD writes it, relative to the folder that holds the dist-info, with `/`.
        kind: What is there, not followed; `unexamined` where looking would leave the root.
        recorded: The digest RECORD claims, `<algorithm>:<hex>`; None when it claims none.
        recorded_size: The size RECORD claims, bytes.
        actual: The digest of the bytes found, as `recorded`; None when not hashed.
        size: Bytes found.
        problem: Why the file could not be read; None when it could, or when it is missing.
    """

    path: str
    kind: FileKind
    recorded: str | None = None
    recorded_size: int | None = None
    actual: str | None = None
    size: int | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """One installed distribution (a `*.dist-info` or `*.egg-info`), with its files.

    Attributes:
        name: As METADATA writes it.
        site: The folder that holds it, relative to the environment's root, with `/`.
        info: Name of the metadata folder or file.
        tags: `Tag:` lines of WHEEL.
        direct_url: The text of direct_url.json (PEP 610), or None.
        has_record: Whether a RECORD was there and could be parsed.
        problem: Why the metadata or its RECORD could not be read, or None.
    """

    name: str
    version: str
    site: str
    info: str
    installer: str | None = None
    tags: tuple[str, ...] = ()
    direct_url: str | None = None
    has_record: bool = True
    files: tuple[SeenFile, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """The Python of an environment, read from files where that is possible.

    Attributes:
        version: X.Y.Z or X.Y; None when nothing tells it.
        implementation: `cpython` and the like.
    """

    version: str | None = None
    implementation: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """Everything a collector saw in one environment.

    Attributes:
        target: What was looked at, as the user named it.
        root: The environment's root inside the target.
        subdir: conda subdir of the target's platform, when something tells it.
        hashed: Whether contents were asked for; without, `SeenFile.actual` is None everywhere.
        files_hashed, bytes_hashed: How much content was read.
        leftovers: Metadata folders that name no distribution, relative to the root.
    """

    kind: TargetKind
    target: str
    root: str
    interpreter: Interpreter
    distributions: tuple[Distribution, ...]
    subdir: str | None = None
    hashed: bool = True
    files_hashed: int = 0
    bytes_hashed: int = 0
    leftovers: tuple[str, ...] = ()


class Collector(Protocol):
    """Reads one kind of target without changing it."""

    def collect(self) -> Inventory:
        """Return what is there.

        Raises:
            MooringError: The target is absent or cannot be read (exit code 3).
        """
