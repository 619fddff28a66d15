"""The system bases of `mooring.lock`: every package by version and SHA-256, and no host."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mooring.digests import digest_document
from mooring.errors import InputError, Problem
from mooring.lock.formats.toml_text import array, inline, string
from mooring.manifest.system import SystemBase, is_package_name
from mooring.platforms import Platform

DOCUMENT_SCHEMA = 1
ASSEMBLY_FORMAT = 1
"""Version of how packages become a base: another one makes other bytes of the same packages."""

_KEYS = frozenset({"reference", "platform", "requested", "packages"})
_PACKAGE_KEYS = frozenset({"name", "version", "architecture", "path", "sha256", "size"})
_MOST_PACKAGES = 10_000
_LARGEST = 16 << 30
_ARCHITECTURES = {
    "linux/amd64": "amd64",
    "linux/arm64": "arm64",
    "linux/ppc64le": "ppc64el",
    "linux/s390x": "s390x",
}
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+:~-]{0,255}")
_PATH = re.compile(r"(?:[0-9A-Za-z_+~][0-9A-Za-z_.+:~%=-]*/)*[0-9A-Za-z_+~][0-9A-Za-z_.+:~%=-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def debian_architecture(platform: Platform) -> str:
    """Return the name that Debian and Ubuntu have for a platform's machine.

    Raises:
        InputError: They have none, as for macOS and Windows.
    """
    name = _ARCHITECTURES.get(platform.oci or "")
    if name is None:
        raise InputError(f"there are no system packages for {platform}")
    return name


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemPackage:
    """One package file of the distribution's archive.

    Attributes:
        path: In the archive, below whatever mirror a machine uses: `pool/main/z/zlib/...deb`.
        sha256: Lower-case hex.
        size: Bytes.
    """

    name: str
    version: str
    architecture: str
    path: str
    sha256: str
    size: int

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> SystemPackage | None:
        """Return the package that these values describe, or None where one breaks its grammar."""
        size = values.get("size")
        texts = {key: str(values.get(key)) for key in _PACKAGE_KEYS - {"size"}}
        fits = (
            type(size) is int and 0 < size <= _LARGEST,
            values.keys() == _PACKAGE_KEYS,
            all(texts[key] == values[key] for key in texts.keys() & values.keys()),
            is_package_name(texts["name"]),
            is_package_name(texts["architecture"]),
            _VERSION.fullmatch(texts["version"]),
            is_pool_path(texts["path"]),
            _SHA256.fullmatch(texts["sha256"]),
        )
        if not all(fits):
            return None
        assert isinstance(size, int)
        return cls(**texts, size=size)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemLock:
    """A system base for one platform.

    Attributes:
        base: The release.
        requested: The packages that were declared besides those that every base has, sorted.
        packages: Everything that is unpacked, sorted by name.
    """

    base: SystemBase
    platform: Platform
    requested: tuple[str, ...]
    packages: tuple[SystemPackage, ...]

    @property
    def architecture(self) -> str:
        """The machine, as the distribution names it."""
        return debian_architecture(self.platform)

    def package(self, name: str) -> SystemPackage | None:
        """Return the package of that name, or None."""
        return next((package for package in self.packages if package.name == name), None)

    def document(self) -> dict[str, object]:
        """Return what the digest covers: what is unpacked, and nothing about where it is from."""
        return {
            "schema": DOCUMENT_SCHEMA,
            "assembly": ASSEMBLY_FORMAT,
            "base": str(self.base),
            "architecture": self.architecture,
            "packages": [[p.name, p.version, p.architecture, p.sha256] for p in self.packages],
        }

    @property
    def digest(self) -> str:
        """The digest of the document, `sha256:<hex>`."""
        return digest_document(self.document())


def is_pool_path(path: str) -> bool:
    """Return whether this is a path in an archive: relative, without empty or dotted parts."""
    return len(path) <= 1024 and _PATH.fullmatch(path) is not None


def write_system(lock: SystemLock) -> str:
    """Return the `[[system-base]]` table of a system base, the same text for the same content."""
    packages = (
        inline(
            {
                "name": package.name,
                "version": package.version,
                "architecture": package.architecture,
                "path": package.path,
                "sha256": package.sha256,
                "size": package.size,
            }
        )
        for package in lock.packages
    )
    return (
        "\n[[system-base]]\n"
        f"reference = {string(str(lock.base))}\n"
        f"platform = {string(str(lock.platform))}\n"
        f"requested = {inline(list(lock.requested))}\n"
        f"packages = {array(packages)}\n"
    )


def read_systems(value: object, where: str, problems: list[Problem]) -> tuple[SystemLock, ...]:
    """Read every `[[system-base]]` table; what is wrong is added to `problems`."""
    if not isinstance(value, list):
        problems.append(Problem(where=where, message="not an array of tables"))
        return ()
    found: list[SystemLock] = []
    for number, entry in enumerate(value):
        reader = _Reader(f"{where}[{number}]", problems)
        system = reader.system(entry)
        if system is None:
            continue
        if any((s.base, s.platform) == (system.base, system.platform) for s in found):
            reader.refuse("", f"a second entry for {system.base} on {system.platform}")
        found.append(system)
    return tuple(sorted(found, key=lambda system: (system.base, str(system.platform))))


class _Reader:
    """Reads one table; problems are collected, not raised."""

    def __init__(self, where: str, problems: list[Problem]) -> None:
        self._where = where
        self._problems = problems

    def refuse(self, key: str, message: str) -> None:
        """Note what is wrong."""
        where = f"{self._where}.{key}" if key else self._where
        self._problems.append(
            Problem(where=where, message=message, hint="run `mooring lock` to write it again")
        )

    def system(self, entry: object) -> SystemLock | None:
        before = len(self._problems)
        if not isinstance(entry, dict):
            self.refuse("", "not a table")
            return None
        for key in sorted(entry.keys() - _KEYS):
            self.refuse(key, "unknown key")
        base, platform = self._base(entry), self._platform(entry)
        requested, packages = self._requested(entry), self._packages(entry)
        if base is None or platform is None or len(self._problems) > before:
            return None
        return SystemLock(base=base, platform=platform, requested=requested, packages=packages)

    def _base(self, entry: Mapping[str, object]) -> SystemBase | None:
        text = entry.get("reference")
        base = SystemBase.parse(text) if isinstance(text, str) else None
        if base is None:
            self.refuse("reference", "not a release such as `debian:bookworm`")
        return base

    def _platform(self, entry: Mapping[str, object]) -> Platform | None:
        text = entry.get("platform")
        try:
            platform = Platform.parse(text if isinstance(text, str) else "")
            debian_architecture(platform)
        except InputError as error:
            self.refuse("platform", error.message)
            return None
        return platform

    def _requested(self, entry: Mapping[str, object]) -> tuple[str, ...]:
        names = _list(entry.get("requested"))
        wrong = names is None or not all(isinstance(n, str) and is_package_name(n) for n in names)
        if names is None or wrong:
            self.refuse("requested", "not a list of packages' names")
            return ()
        return tuple(sorted({str(name) for name in names}))

    def _packages(self, entry: Mapping[str, object]) -> tuple[SystemPackage, ...]:
        rows = _list(entry.get("packages"))
        if not rows or len(rows) > _MOST_PACKAGES:
            self.refuse("packages", "not a list of packages")
            return ()
        found: dict[str, SystemPackage] = {}
        for number, row in enumerate(rows):
            package = _package(row)
            if package is None:
                self.refuse(f"packages[{number}]", "not a package with name, version and SHA-256")
            elif package.name in found:
                self.refuse(f"packages[{number}]", f"a second {package.name}")
            else:
                found[package.name] = package
        return tuple(found[name] for name in sorted(found))


def _list(value: object) -> Sequence[object] | None:
    return value if isinstance(value, list) else None


def _package(row: object) -> SystemPackage | None:
    return SystemPackage.checked(row) if isinstance(row, dict) else None
