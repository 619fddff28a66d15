"""What is really there, as a collector saw it: `inventory/1`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from mooring.lock.carried import CarriedText

TargetKind = Literal["path", "container", "image", "tar", "process", "host"]
FileKind = Literal["file", "link", "other", "missing", "unexamined"]
StrayKind = Literal["module", "pth", "startup", "plugin", "program", "data", "known", "unexamined"]
ByteCodeState = Literal["other", "stale", "orphan", "unread", "unverified", "unsure"]


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
        links: How many names its content has (hard links); only of a changed file with several.
        shared: Such another name, in an installer's cache, when one was found.
    """

    path: str
    kind: FileKind
    recorded: str | None = None
    recorded_size: int | None = None
    actual: str | None = None
    size: int | None = None
    problem: str | None = None
    links: int | None = None
    shared: str | None = None


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
        owner: The system's package (dpkg) that brought it; then its files are those of that.
    """

    name: str
    version: str
    site: str
    info: str
    installer: str | None = None
    tags: tuple[str, ...] = ()
    direct_url: str | None = None
    has_record: bool = True
    files: Sequence[SeenFile] = ()
    problem: str | None = None
    owner: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemPackage:
    """A package of the operating system (dpkg) with files in a package folder.

    Attributes:
        files: Those files, with paths relative to the root and the digests that dpkg keeps.
    """

    name: str
    files: tuple[SeenFile, ...] = ()


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
class Stray:
    """A file that no distribution lists, or a whole folder of them.

    Attributes:
        path: Relative to the root; of a folder that holds nothing but strays, the folder.
        kind: `module` can be imported; `pth` is read at every start, `startup` is a
            sitecustomize or usercustomize; `plugin` adds entry points to a distribution; `program`
            is in the folder of scripts; `known` is what tools make in new environments, in a
            version that is not known; `unexamined` where looking was not possible.
        count: How many files the folder has.
        digest: `sha256:<hex>` of what starts by itself, when it could be read.
        executes: Whether it runs code at every start.
        problem: Why it was not examined.
    """

    path: str
    kind: StrayKind
    count: int = 1
    digest: str | None = None
    executes: bool = False
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteCode:
    """A `.pyc` that is not what its source compiles to, or that could not be compared.

    Attributes:
        path: Relative to the root; empty for all files of an environment together.
        state: `other` than its source and loaded; `stale` ones are compiled anew; `orphan` has no
            source; `unread` cannot be decoded; `unverified` is for want of the right Python;
            `unsure` differs, but was perhaps compiled by another patch release.
        count: How many files are meant.
        problem: What was found, in words.
    """

    path: str
    state: ByteCodeState
    count: int = 1
    problem: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchFolder:
    """A folder outside of the environment in which its Python looks for modules.

    Attributes:
        source: What makes Python look there.
        shadows: Names of modules in it that the environment has as well; None when the folder
            could not be looked at.
    """

    path: str
    source: Literal["PYTHONPATH", "user site"]
    shadows: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What surrounds the packages of an environment (T0).

    Attributes:
        venv: Whether it has a pyvenv.cfg.
        home: The folder of the Python it was made from, as pyvenv.cfg says.
        home_found: Whether that folder exists; None when it cannot be told.
        system_packages: Whether it also imports the packages of that Python.
        libc: `glibc 2.36`; None when it is not known.
        foreign_scripts: Programs of the environment that start a Python elsewhere.
        foreign_python: The Python that the first of them starts.
        variables: Environment variables that matter; None when they are not known.
        search_folders: Where its Python looks for modules besides; needs the variables.
    """

    venv: bool = False
    home: str | None = None
    home_found: bool | None = None
    system_packages: bool = False
    libc: str | None = None
    foreign_scripts: tuple[str, ...] = ()
    foreign_python: str | None = None
    variables: tuple[tuple[str, str], ...] | None = None
    search_folders: tuple[SearchFolder, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """Everything a collector saw in one environment.

    Attributes:
        target: What was looked at, as the user named it.
        root: The environment's root inside the target.
        subdir: conda subdir of the target's platform, when something tells it.
        hashed: Whether contents were asked for; without, `SeenFile.actual` is None everywhere.
        looked: Whether files were looked at; without, every `SeenFile` is `unexamined`.
        files_hashed, bytes_hashed: How much content was read.
        leftovers: Metadata folders that name no distribution, relative to the root.
        facts: What surrounds the packages; None when the collector cannot tell.
        strays: Files that no distribution lists.
        deep: Whether byte code was asked for.
        bytecode: What is wrong with `.pyc` files; None when they were not looked at.
        carried: The lock that the target carries; no part of the saved inventory.
        system: Packages of the operating system with files in Debian's package folder.
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
    facts: Facts | None = None
    strays: tuple[Stray, ...] = ()
    deep: bool = False
    bytecode: tuple[ByteCode, ...] | None = None
    carried: CarriedText | None = field(default=None, compare=False, repr=False)
    system: tuple[SystemPackage, ...] = ()
    looked: bool = True


class Collector(Protocol):
    """Reads one kind of target without changing it."""

    def collect(self) -> Inventory:
        """Return what is there.

        Raises:
            MooringError: The target is absent or cannot be read (exit code 3).
        """
