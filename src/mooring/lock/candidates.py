"""The packages of a lock as `packaging.pylock` objects, with only the wheels that may fit.

A universal lock holds over a dozen wheels a package, of which one or two can ever be chosen for a
platform. Leaving the others out before `Pylock.select` parses their names is what makes selecting
for another platform a matter of milliseconds; the outcome is the same.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.markers import Marker
from packaging.pylock import Package as PylockPackage
from packaging.pylock import PackageDirectory, PackageSdist, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import NormalizedName
from packaging.version import Version

from mooring.lock.model import Artifact, Lock, Package

_LOCK_VERSION = Version("1.0")
# `select` only asks whether there is one: what is installed is our own artifact.
_ANY_SDIST = PackageSdist(name="any-0.tar.gz", path="any-0.tar.gz", hashes={"sha256": ""})
_ANY_DIRECT = PackageDirectory(path=".")


@functools.lru_cache(maxsize=2048)
def parsed_marker(text: str) -> Marker:
    """Return the marker that a text writes; locks repeat few markers many times."""
    return Marker(text)


@functools.lru_cache(maxsize=2048)
def parsed_specifiers(text: str) -> SpecifierSet:
    """Return the version specifiers that a text writes."""
    return SpecifierSet(text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """The parts of the wheel tags that an interpreter accepts."""

    interpreters: frozenset[str]
    platforms: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """A lock ready for `Pylock.select`, and the way back to our own packages."""

    pylock: Pylock
    packages: dict[int, Package]


@functools.lru_cache(maxsize=64)
def accepted(tags: tuple[Tag, ...]) -> Accepted:
    """Return the parts that occur in wheel tags."""
    return Accepted(
        interpreters=frozenset(tag.interpreter for tag in tags),
        platforms=frozenset(tag.platform for tag in tags),
    )


@functools.lru_cache(maxsize=16384)
def tag_parts(file_name: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the interpreter, ABI and platform parts of a wheel's file name (PEP 425)."""
    _, *parts = file_name.removesuffix(".whl").lower().rsplit("-", 3)
    interpreters, abis, platforms = (frozenset(part.split(".")) for part in parts)
    return interpreters, abis, platforms


def fits(wheel: Artifact, parts: Accepted) -> bool:
    """Say whether a wheel can be chosen at all; the ABI is left to `packaging`."""
    interpreters, _, platforms = tag_parts(wheel.name)
    return not (
        parts.platforms.isdisjoint(platforms) or parts.interpreters.isdisjoint(interpreters)
    )


def candidates(lock: Lock, tags: tuple[Tag, ...]) -> Candidates:
    """Return the packages of a lock with those wheels that may fit the tags."""
    parts = accepted(tags)
    packages = [_convert(package, parts) for package in lock.packages]
    return Candidates(
        pylock=Pylock(
            lock_version=_LOCK_VERSION,
            environments=[parsed_marker(text) for text in lock.environments],
            requires_python=_optional_specifiers(lock.requires_python),
            created_by=lock.created_by,
            packages=packages,
        ),
        packages={id(converted): package for converted, package in zip(packages, lock.packages)},
    )


def artifact_named(package: Package, chosen: object) -> Artifact:
    """Return our own artifact for the one that `Pylock.select` chose."""
    match chosen:
        case PackageWheel():
            return next(wheel for wheel in package.wheels if wheel.name == chosen.name)
        case PackageSdist() if package.sdist is not None:
            return package.sdist
        case _:
            assert package.direct is not None
            return package.direct


def _convert(package: Package, parts: Accepted) -> PylockPackage:
    return PylockPackage(
        name=NormalizedName(package.name),
        marker=None if package.marker is None else parsed_marker(package.marker),
        requires_python=_optional_specifiers(package.requires_python),
        directory=None if package.direct is None else _ANY_DIRECT,
        sdist=None if package.sdist is None else _ANY_SDIST,
        wheels=[
            PackageWheel(name=wheel.name, url=wheel.url, path=wheel.path, hashes={})
            for wheel in _kept(package, parts)
        ],
    )


def _kept(package: Package, parts: Accepted) -> Sequence[Artifact]:
    wheels = [wheel for wheel in package.wheels if fits(wheel, parts)]
    if not wheels and package.sdist is None:
        # `select` takes for granted that a package has a source: leave it one that cannot fit.
        return package.wheels[:1]
    return wheels


def _optional_specifiers(text: str | None) -> SpecifierSet | None:
    return None if text is None else parsed_specifiers(text)
