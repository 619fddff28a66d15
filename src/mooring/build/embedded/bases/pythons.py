"""Which Pythons and which libc an image has, out of what its files say."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from mooring.build.embedded.bases.facts import FactKind, Found, Packages
from mooring.build.embedded.interface import Interpreter
from mooring.platforms import PythonVersion

Facts = Mapping[str, object]
"""What was read of a file, by its path in the image."""

_NAMED = re.compile(r"python3(?:\.(\d{1,2}))?")
_VERSION = re.compile(r"3\.(\d{1,2})\.(\d{1,2})")
_NUMBERS = re.compile(r"(\d{1,2})\.(\d{1,2})")
_OLDEST_MUSL = (1, 1)
"""Assumed where a musl does not tell its version: the oldest that wheels are made for."""


def interpreters(facts: Facts) -> tuple[Interpreter, ...]:
    """Return the Pythons of an image, sorted by path; those of virtual environments are none."""
    found: dict[tuple[str, PythonVersion], Interpreter] = {}
    # Longest names first: `python3` beside `python3.12` is the same program once more.
    for path in sorted(_paths(facts, "python"), key=lambda path: (-len(path), path)):
        prefix = posixpath.dirname(posixpath.dirname(path))
        version = _version(path, prefix, facts)
        if version is not None and f"{prefix}/pyvenv.cfg" not in facts:
            found.setdefault((prefix, version), Interpreter(path=path, version=version))
    return tuple(sorted(found.values(), key=lambda each: each.path))


def libc(facts: Facts) -> tuple[str, tuple[int, int]] | None:
    """Return the libc that starts the image's Pythons, else the one that is there."""
    known = {"glibc": _glibc(facts), "musl": _musl(facts)}
    loaders = {loader for path in _paths(facts, "python") for loader in _found(facts, path).loaders}
    if len(loaders) == 1:
        # Alpine images may have a glibc beside musl, for programs of others.
        (kind,) = loaders
        if (version := known[kind]) is not None:
            return kind, version
    for kind, version in known.items():
        if version is not None:
            return kind, version
    return None


def _version(path: str, prefix: str, facts: Facts) -> PythonVersion | None:
    """Return a Python's version; the patch release is None where nothing says it for sure."""
    named = _NAMED.fullmatch(posixpath.basename(path))
    own = _found(facts, path).versions
    if named is None or named[1] is None:
        return _single(own, None)
    minor = int(named[1])
    for said in (own, _library(prefix, minor, facts), _header(prefix, minor, facts)):
        if (version := _single(said, minor)) is not None:
            return version
    return _packaged(prefix, minor, facts) or PythonVersion(minor=minor)


def _library(prefix: str, minor: int, facts: Facts) -> Iterable[str]:
    name = f"libpython3.{minor}.so.1.0"
    for path in _paths(facts, "libpython"):
        if path.startswith(f"{prefix}/lib") and posixpath.basename(path) == name:
            yield from _found(facts, path).versions


def _header(prefix: str, minor: int, facts: Facts) -> Iterable[str]:
    return _found(facts, f"{prefix}/include/python3.{minor}/patchlevel.h").versions


def _packaged(prefix: str, minor: int, facts: Facts) -> PythonVersion | None:
    if prefix not in ("", "/usr"):
        return None  # packages of a distribution install nothing elsewhere
    names = (f"python3.{minor}-minimal", f"python3.{minor}", "python3")
    for name in names:
        if (version := _single(_package_versions(facts, name), minor)) is not None:
            return version
    return None


def _single(texts: Iterable[str], minor: int | None) -> PythonVersion | None:
    """Return the one version among texts, of that minor release if given; None if several."""
    numbers = {
        (int(match[1]), int(match[2])) for text in texts if (match := _VERSION.fullmatch(text))
    }
    fitting = {each for each in numbers if minor is None or each[0] == minor}
    if len(fitting) != 1:
        return None
    ((found, patch),) = fitting
    return PythonVersion(minor=found, patch=patch)


def _glibc(facts: Facts) -> tuple[int, int] | None:
    paths = list(_paths(facts, "glibc"))
    texts = [text for path in paths for text in _found(facts, path).versions]
    # Until 2.33 the library was named after its version, and `libc.so.6` a link to it.
    texts += [posixpath.basename(path) for path in paths]
    return _lowest(texts) or _lowest(_package_versions(facts, "libc6"))


def _musl(facts: Facts) -> tuple[int, int] | None:
    paths = list(_paths(facts, "musl"))
    texts = [text for path in paths for text in _found(facts, path).versions]
    packaged = _lowest(_package_versions(facts, "musl"))
    return packaged or _lowest(texts) or (_OLDEST_MUSL if paths else None)


def _lowest(texts: Iterable[str]) -> tuple[int, int] | None:
    numbers = [(int(m[1]), int(m[2])) for text in texts if (m := _NUMBERS.search(text))]
    return min(numbers, default=None)


def _package_versions(facts: Facts, name: str) -> Iterator[str]:
    for fact in facts.values():
        if isinstance(fact, Packages):
            yield from (version for known, version in fact.versions if known == name)


def _paths(facts: Facts, kind: FactKind) -> Iterator[str]:
    for path, fact in facts.items():
        if isinstance(fact, Found) and fact.kind == kind:
            yield path


def _found(facts: Facts, path: str) -> Found:
    fact = facts.get(path)
    return fact if isinstance(fact, Found) else Found(kind="python")
