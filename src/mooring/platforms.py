"""One value for where an environment runs: conda subdir, markers, wheel tags, OCI name, libc."""

from __future__ import annotations

import functools
import platform as host
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mooring.errors import InputError

if TYPE_CHECKING:
    from packaging.tags import Tag

FloorKind = Literal["glibc", "musl", "macos"]

LATEST_PATCH = 99
"""Stands for "the latest patch release" where only X.Y of Python is declared."""

DEFAULT_FLOORS: dict[str, tuple[FloorKind, tuple[int, int]]] = {
    "linux": ("glibc", (2, 28)),
    "osx": ("macos", (13, 0)),
}

_PLATFORM = re.compile(
    r"(?P<subdir>[a-z]+-[a-z0-9_]+)(?:-(?P<kind>glibc|musl|macos)(?P<major>\d{1,2})\.(?P<minor>\d{1,2}))?"
)
_PYTHON = re.compile(r"3\.(?P<minor>\d{1,2})(?:\.(?P<patch>\d{1,2}))?")
_LEGACY_MANYLINUX = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Machine:
    """What one conda subdir means in the words of the other standards."""

    sys_platform: str
    platform_machine: str
    oci: str | None


_MACHINES = {
    "linux-64": _Machine(sys_platform="linux", platform_machine="x86_64", oci="linux/amd64"),
    "linux-aarch64": _Machine(sys_platform="linux", platform_machine="aarch64", oci="linux/arm64"),
    "linux-ppc64le": _Machine(
        sys_platform="linux", platform_machine="ppc64le", oci="linux/ppc64le"
    ),
    "linux-s390x": _Machine(sys_platform="linux", platform_machine="s390x", oci="linux/s390x"),
    "osx-64": _Machine(sys_platform="darwin", platform_machine="x86_64", oci=None),
    "osx-arm64": _Machine(sys_platform="darwin", platform_machine="arm64", oci=None),
    "win-64": _Machine(sys_platform="win32", platform_machine="AMD64", oci=None),
    "win-arm64": _Machine(sys_platform="win32", platform_machine="ARM64", oci=None),
}
SUBDIRS = tuple(_MACHINES)

_SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class PythonVersion:
    """A CPython version to select for; without `patch` it stands for the latest patch release."""

    minor: int
    patch: int | None = None

    @classmethod
    def parse(cls, text: str, where: str) -> PythonVersion:
        """Parse `3.12` or `3.12.4`.

        Raises:
            InputError: The text is neither.
        """
        match = _PYTHON.fullmatch(text)
        if match is None:
            raise InputError(
                f"{text!r} is not a Python version",
                where=where,
                hint='write "3.12" or "3.12.4"; a range belongs into requires-python',
            )
        return cls(minor=int(match["minor"]), patch=int(match["patch"]) if match["patch"] else None)

    def __str__(self) -> str:
        return self.short if self.patch is None else f"{self.short}.{self.patch}"

    @property
    def short(self) -> str:
        """The version as X.Y."""
        return f"3.{self.minor}"

    @property
    def full(self) -> str:
        """The version as X.Y.Z; an undeclared patch counts as the latest one."""
        return f"{self.short}.{LATEST_PATCH if self.patch is None else self.patch}"

    @property
    def tag(self) -> str:
        """The interpreter part of a wheel tag, such as `cp312`."""
        return f"cp3{self.minor}"


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Platform:
    """Where an environment runs, written `linux-64`, `linux-64-musl1.2` or `osx-arm64-macos14.0`.

    Attributes:
        subdir: The conda subdir.
        floor_kind: What the floor counts; None where there is no floor (Windows).
        floor: The oldest (major, minor) of libc or macOS that must be able to run it.
    """

    subdir: str
    floor_kind: FloorKind | None
    floor: tuple[int, int] | None

    @classmethod
    def parse(cls, text: str, where: str = "platform") -> Platform:
        """Parse a platform's name.

        Raises:
            InputError: The name is unknown, or its floor does not belong to that system.
        """
        match = _PLATFORM.fullmatch(text)
        if match is None or match["subdir"] not in _MACHINES:
            raise InputError(
                f"{text!r} is not a platform",
                where=where,
                hint="known platforms: " + ", ".join(SUBDIRS),
            )
        kind, floor = DEFAULT_FLOORS.get(match["subdir"].partition("-")[0], (None, None))
        if match["kind"]:
            allowed = {"linux": ("glibc", "musl"), "osx": ("macos",)}.get(
                match["subdir"].partition("-")[0], ()
            )
            if match["kind"] not in allowed:
                raise InputError(
                    f"{text!r} gives {match['subdir']} a {match['kind']} version", where=where
                )
            kind = match["kind"]  # type: ignore[assignment]  # the pattern allows only the three
            floor = (int(match["major"]), int(match["minor"]))
        return cls(subdir=match["subdir"], floor_kind=kind, floor=floor)

    @classmethod
    def from_oci(cls, text: str, where: str = "platform") -> Platform:
        """Parse an OCI `os/arch` name, or a platform's own name.

        Raises:
            InputError: No platform has that OCI name.
        """
        if "/" not in text:
            return cls.parse(text, where)
        base = "/".join(text.split("/")[:2])
        for subdir, machine in _MACHINES.items():
            if machine.oci == base:
                return cls.parse(subdir, where)
        raise InputError(
            f"{text!r} is not an OCI platform that Mooring builds for",
            where=where,
            hint="known: " + ", ".join(m.oci for m in _MACHINES.values() if m.oci),
        )

    @classmethod
    def current(cls) -> Platform:
        """Return the platform of the running interpreter, its libc version as the floor.

        Raises:
            InputError: This machine is none of the known platforms.
        """
        here = (sys.platform, host.machine())
        subdir = next(
            (name for name, m in _MACHINES.items() if (m.sys_platform, m.platform_machine) == here),
            None,
        )
        if subdir is None:
            raise InputError(f"this machine ({' '.join(here)}) is not supported")
        match sys.platform:
            case "linux":
                kind, floor = _host_libc()
                return cls(subdir=subdir, floor_kind=kind, floor=floor)
            case "darwin":
                major, _, rest = host.mac_ver()[0].partition(".")
                minor = int(rest.partition(".")[0] or 0)
                return cls(subdir=subdir, floor_kind="macos", floor=(int(major), minor))
            case _:
                return cls(subdir=subdir, floor_kind=None, floor=None)

    def __str__(self) -> str:
        default = DEFAULT_FLOORS.get(self.subdir.partition("-")[0], (None, None))
        if (self.floor_kind, self.floor) == default or self.floor is None:
            return self.subdir
        return f"{self.subdir}-{self.floor_kind}{self.floor[0]}.{self.floor[1]}"

    @property
    def _machine(self) -> _Machine:
        return _MACHINES[self.subdir]

    @property
    def oci(self) -> str | None:
        """The OCI `os/arch` name, or None where no image can be built (macOS, Windows)."""
        return self._machine.oci

    @property
    def marker(self) -> str:
        """The PEP 508 marker that is true exactly here (libc cannot be told by a marker)."""
        return (
            f"platform_machine == '{self._machine.platform_machine}'"
            f" and sys_platform == '{self._machine.sys_platform}'"
        )

    def marker_environment(self, python: PythonVersion) -> dict[str, str]:
        """Return every PEP 508 variable for this platform and a CPython version.

        No key is left out: `packaging` fills gaps from the running interpreter.
        """
        machine = self._machine
        return {
            "implementation_name": "cpython",
            "implementation_version": python.full,
            "os_name": "nt" if machine.sys_platform == "win32" else "posix",
            "platform_machine": machine.platform_machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": _SYSTEMS[machine.sys_platform],
            "platform_version": "",
            "python_full_version": python.full,
            "python_version": python.short,
            "sys_platform": machine.sys_platform,
        }

    def platform_tags(self) -> tuple[str, ...]:
        """Return the platform parts of the wheel tags that run here, best first."""
        return _platform_tags(self)

    def tags(self, python: PythonVersion) -> tuple[Tag, ...]:
        """Return the wheel tags (PEP 425) that a CPython of this version accepts, best first."""
        return _tags(self, PythonVersion(minor=python.minor))


def _host_libc() -> tuple[FloorKind, tuple[int, int]]:
    import os

    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):
        name, version = "", ""
    if name == "glibc":
        major, _, minor = version.partition(".")
        return "glibc", (int(major), int(minor.partition(".")[0]))
    return "musl", (1, 2)


@functools.cache
def _platform_tags(platform: Platform) -> tuple[str, ...]:
    from packaging.tags import mac_platforms

    machine = _MACHINES[platform.subdir]
    match machine.sys_platform:
        case "linux":
            assert platform.floor is not None
            return tuple(_linux_tags(machine.platform_machine, platform.floor_kind, platform.floor))
        case "darwin":
            assert platform.floor is not None
            return tuple(mac_platforms(platform.floor, machine.platform_machine))
        case _:
            return (f"win_{machine.platform_machine.lower()}",)


def _linux_tags(arch: str, kind: FloorKind | None, floor: tuple[int, int]) -> Iterator[str]:
    """Yield what `packaging.tags` gives on such a machine; it has no public list for others."""
    yield f"linux_{arch}"
    if kind == "musl":
        yield from (f"musllinux_1_{minor}_{arch}" for minor in range(floor[1], -1, -1))
    else:
        oldest = 5 if arch in ("x86_64", "i686") else 17
        for minor in range(floor[1], oldest - 1, -1):
            yield f"manylinux_2_{minor}_{arch}"
            if minor in _LEGACY_MANYLINUX:
                yield f"{_LEGACY_MANYLINUX[minor]}_{arch}"


@functools.cache
def _tags(platform: Platform, python: PythonVersion) -> tuple[Tag, ...]:
    from packaging.tags import compatible_tags, cpython_tags

    names = list(platform.platform_tags())
    version = (3, python.minor)
    return (
        *cpython_tags(version, abis=[python.tag], platforms=names),
        *compatible_tags(version, interpreter=python.tag, platforms=names),
    )
