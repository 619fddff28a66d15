"""A lock with conda packages as values, the same whatever file format it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mooring.platforms import Platform


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaPackage:
    """One conda package archive.

    Attributes:
        name, version, build: Of the package record.
        subdir: `linux-64`, `noarch`, ...
        channel: The channel's base URL or name, without credentials and subdir.
        url: Of the archive, without credentials.
        md5, sha256: Lower-case hex, None where the lock holds none.
        size: Bytes, when known.
        depends, constrains: Match specifications as the record has them.
        noarch: `python` or `generic`, None for others.
        timestamp: Milliseconds since 1970.
        purls: Package URLs of what is inside, when the record tells.
        paths_id: Digest of the file list that the archive publishes (`mooring.paths/1`).
    """

    name: str
    version: str
    build: str
    subdir: str
    channel: str
    url: str
    md5: str | None = None
    sha256: str | None = None
    size: int | None = None
    build_number: int | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    license: str | None = None
    noarch: str | None = None
    timestamp: int | None = None
    purls: tuple[str, ...] = ()
    paths_id: str | None = None

    @property
    def file_name(self) -> str:
        """The archive's file name, `numpy-2.1.0-py312h1_0.conda`."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaRow:
    """A conda package that is installed on one platform.

    Attributes:
        categories: `main` and the extras and groups that need it, sorted; never empty.
    """

    package: CondaPackage
    platform: Platform
    categories: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PypiRow:
    """A PyPI package that is installed beside conda's on one platform.

    Attributes:
        name: Normalised (PEP 503).
        url: Of the one file that is installed, without credentials.
        sha256: Lower-case hex; None for VCS sources, whose `url` names the commit.
        dependencies: (name, specifiers) pairs, sorted.
    """

    name: str
    version: str
    platform: Platform
    url: str
    categories: tuple[str, ...]
    sha256: str | None = None
    dependencies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaFacts:
    """What Mooring itself says about the lock: disposable, one compact JSON in `custom_metadata`.

    Attributes:
        inputs: The normalised declared inputs (schema-numbered document).
        environments: (name, categories) pairs of the named environments.
        packages_digest: Digest of the rows as written; another value means a later edit.
        edited: Set by a reader that compared them.
    """

    inputs: Mapping[str, object] = field(hash=False)
    environments: tuple[tuple[str, tuple[str, ...]], ...] = ()
    packages_digest: str | None = None
    edited: bool = field(default=False, compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaLock:
    """What was resolved for all platforms and categories.

    Attributes:
        channels: Names or base URLs, highest priority first, without credentials.
        platforms: Sorted.
        virtual_packages: Platform name to sorted `__name=version=build` texts.
        content_hashes: Conda subdir to hex, as the file has them; nothing relies on them.
        sources: Names of the declared files, relative.
    """

    channels: tuple[str, ...]
    platforms: tuple[Platform, ...]
    conda: tuple[CondaRow, ...] = ()
    pypi: tuple[PypiRow, ...] = ()
    virtual_packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    content_hashes: Mapping[str, str] = field(default_factory=dict, hash=False)
    sources: tuple[str, ...] = ()
    facts: CondaFacts | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaSelection:
    """The lock reduced to one platform and set of categories.

    Attributes:
        packages: In an order in which each comes after what it depends on, as far as there is one.
        pypi: Sorted by name.
    """

    platform: Platform
    categories: tuple[str, ...]
    packages: tuple[CondaPackage, ...]
    pypi: tuple[PypiRow, ...]
    channels: tuple[str, ...] = ()
    environment: str | None = field(default=None, compare=False)


def select_conda(
    lock: CondaLock,
    platform: Platform,
    categories: tuple[str, ...] = ("main",),
    *,
    environment: str | None = None,
) -> CondaSelection:
    """Reduce a lock to what is installed on one platform for a set of categories.

    `main` is always included. A package that several categories need is there once.
    """
    wanted = frozenset(categories) | {"main"}
    conda = {
        row.package.name: row.package
        for row in lock.conda
        if row.platform.subdir == platform.subdir and wanted.intersection(row.categories)
    }
    pypi = {
        row.name: row
        for row in lock.pypi
        if row.platform.subdir == platform.subdir and wanted.intersection(row.categories)
    }
    return CondaSelection(
        platform=platform,
        categories=tuple(sorted(wanted)),
        packages=_ordered(conda),
        pypi=tuple(pypi[name] for name in sorted(pypi)),
        channels=lock.channels,
        environment=environment,
    )


def _ordered(packages: Mapping[str, CondaPackage]) -> tuple[CondaPackage, ...]:
    """Return packages after what they depend on; circles are cut where they are entered."""
    done: dict[str, CondaPackage] = {}
    for start in sorted(packages):
        stack = [(start, False)]
        entered: set[str] = set()
        while stack:
            name, left = stack.pop()
            if name in done or name not in packages:
                continue
            if left:
                done[name] = packages[name]
                continue
            if name in entered:
                continue
            entered.add(name)
            stack.append((name, True))
            needed = sorted({text.split()[0].lower() for text in packages[name].depends if text})
            stack.extend((each, False) for each in reversed(needed))
    return tuple(done.values())
