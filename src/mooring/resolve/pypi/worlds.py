"""The worlds a lock must serve: every platform with every Python at which some marker changes.

A set of worlds is an int with one bit a world, so that reachability is arithmetic. It is exact:
between two neighbouring samples of Python lies no version that any marker of the lock names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.markers import InvalidMarker, Marker, UndefinedComparison
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from mooring.errors import InputError
from mooring.platforms import LATEST_PATCH, Platform, PythonVersion
from mooring.resolve.interface import ResolveError

_VERSION = re.compile(r"(?<![\d.])3\.(\d{1,3})(?:\.(\d{1,3}))?")
_PYTHON_VARIABLE = re.compile(r"python_version|python_full_version|implementation_version")
_PLATFORM_VARIABLE = re.compile(r"\b(?:sys_platform|platform_\w+|os_name|implementation_name)\b")
_NEWEST_MINOR = 40
"""No Python 3 will have a higher minor number; it bounds the search in a span."""


class Worlds:
    """Platforms times runs of Python versions; bit `run * len(platforms) + platform` is one world.

    Attributes:
        platforms: One platform for each distinct marker.
        starts: The first version of each run of Pythons that no marker tells apart.
        full: The set of all worlds.
    """

    def __init__(
        self, platforms: Iterable[Platform], requires_python: str, markers: Iterable[str]
    ) -> None:
        """Find the Pythons that matter.

        Args:
            platforms: The platforms; those with equal markers are one.
            requires_python: The span of Pythons (PEP 440).
            markers: Every marker (PEP 508) that `mask` will be asked for.

        Raises:
            InputError: The span allows no Python.
        """
        distinct = {platform.marker: platform for platform in platforms}
        self.platforms = tuple(distinct.values())
        texts = sorted(set(markers))
        samples = python_samples(requires_python, texts)
        columns = {text: self._columns(text, samples) for text in texts}
        runs = [
            i
            for i in range(len(samples))
            if i == 0 or any(column[i] != column[i - 1] for column in columns.values())
        ]
        self.starts = tuple(samples[i] for i in runs)
        self.full = (1 << (len(self.platforms) * len(runs))) - 1
        self._masks = {
            text: self._join(column[i] for i in runs) for text, column in columns.items()
        }

    def mask(self, marker: str | None) -> int:
        """Return the worlds in which a marker holds; all of them without a marker."""
        return self.full if marker is None else self._masks[marker]

    def rows(self, mask: int) -> tuple[int, ...]:
        """Return the platforms in a set of worlds, as one int for each run of Pythons."""
        width = len(self.platforms)
        one = (1 << width) - 1
        return tuple((mask >> (i * width)) & one for i in range(len(self.starts)))

    def _join(self, rows: Iterable[int]) -> int:
        width = len(self.platforms)
        return sum(row << (i * width) for i, row in enumerate(rows))

    def _columns(self, text: str, samples: Sequence[PythonVersion]) -> list[int]:
        """Return for each sample the platforms on which the marker holds."""
        marker = _parse(text)
        # Most markers speak of one of the two dimensions: the other need not be walked.
        pythons = samples if _PYTHON_VARIABLE.search(text) else samples[:1]
        platforms = self.platforms if _PLATFORM_VARIABLE.search(text) else self.platforms[:1]
        found = []
        for python in pythons:
            row = 0
            for i, platform in enumerate(platforms):
                row |= _holds(marker, platform.marker_environment(python)) << i
            if len(platforms) < len(self.platforms) and row:
                row = (1 << len(self.platforms)) - 1
            found.append(row)
        return found if len(found) == len(samples) else found * len(samples)


def python_samples(requires_python: str, markers: Iterable[str]) -> tuple[PythonVersion, ...]:
    """Return Pythons of the span, ascending: around each version that a marker names, and ends.

    Raises:
        InputError: The span is malformed or allows no Python.
    """
    span = python_span(requires_python)
    named = _named((requires_python, *markers))
    allowed = [minor for minor in range(_NEWEST_MINOR) if _allowed(span, minor, named)]
    if not allowed:
        raise InputError(f"requires-python {requires_python!r} allows no Python 3")
    last = max(allowed[0], *(minor for minor in (*named, 0) if minor < _NEWEST_MINOR)) + 1
    return tuple(
        PythonVersion(minor=minor, patch=patch)
        for minor in allowed
        if minor <= last
        for patch in _allowed(span, minor, named)
    )


def python_minors(requires_python: str) -> frozenset[int]:
    """Return every minor version of Python 3 that the span allows, those to come included.

    Raises:
        InputError: The span is malformed.
    """
    span = python_span(requires_python)
    named = _named((requires_python,))
    return frozenset(m for m in range(_NEWEST_MINOR) if _allowed(span, m, named))


def python_span(requires_python: str) -> SpecifierSet:
    """Parse the span of Pythons.

    Raises:
        InputError: It is malformed.
    """
    try:
        return SpecifierSet(requires_python)
    except InvalidSpecifier as error:
        raise InputError(f"requires-python {requires_python!r} is malformed") from error


def _named(texts: Iterable[str]) -> dict[int, set[int]]:
    """Return the versions of Python 3 that occur in texts, as patches by minor."""
    named: dict[int, set[int]] = {}
    for text in texts:
        for minor, patch in _VERSION.findall(text):
            named.setdefault(int(minor), set()).add(int(patch or 0))
    return named


def _allowed(span: SpecifierSet, minor: int, named: dict[int, set[int]]) -> list[int]:
    patches = {0, LATEST_PATCH}
    for patch in named.get(minor, ()):
        patches |= {max(patch - 1, 0), patch, patch + 1}
    return [patch for patch in sorted(patches) if span.contains(f"3.{minor}.{patch}")]


def _parse(text: str) -> Marker:
    try:
        return Marker(text)
    except InvalidMarker as error:
        raise ResolveError(f"uv wrote a marker that cannot be read: {text!r}") from error


def _holds(marker: Marker, environment: dict[str, str]) -> bool:
    try:
        return marker.evaluate(environment)
    except UndefinedComparison:
        return True  # a release of an operating system: unknown here, so the package stays
