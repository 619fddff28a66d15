"""Markers from sets of worlds: the shortest text that is true exactly there, always the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from mooring.resolve.pypi.reachability import Reached
from mooring.resolve.pypi.worlds import Worlds

_VARIABLES = ("sys_platform", "platform_machine")
_OR, _AND = " or ", " and "

_Alternatives = tuple[str, ...]
"""Conjunctions, of which one must hold; none at all means that nothing is asked."""


class MarkerText:
    """Writes markers for the worlds of one lock."""

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._every = (1 << len(worlds.platforms)) - 1
        self._atoms = self._platform_atoms()
        self._written: dict[int, _Alternatives] = {}

    def of_package(self, reached: Reached) -> str | None:
        """Return the marker of a package; None when it is always installed.

        Where the base needs it, no extra or group is asked for, so that a selection of none of
        them has it too.
        """
        base = reached.base
        if base == self._worlds.full:
            return None
        selected: dict[_Alternatives, list[str]] = {}
        for variable, named in (("extras", reached.extras), ("dependency_groups", reached.groups)):
            for name, mask in named:
                if mask & ~base:
                    either = (self._of_worlds(mask | base), self._of_worlds(mask))
                    selected.setdefault(min(either, key=_length), []).append(
                        f"'{name}' in {variable}"
                    )
        terms = list(self._of_worlds(base)) if base else []
        for alternatives, names in selected.items():
            terms += _all_of(tuple(names), alternatives)
        return _any_of(terms)

    def of_worlds(self, mask: int) -> str | None:
        """Return the marker that holds in exactly these worlds, at least one; None for all."""
        alternatives = self._of_worlds(mask)
        return _any_of(alternatives) if alternatives else None

    def _of_worlds(self, mask: int) -> _Alternatives:
        if mask not in self._written:
            rows = self._worlds.rows(mask)
            texts = (self._by_platforms(rows), self._by_pythons(rows))
            self._written[mask] = min(texts, key=_length)
        return self._written[mask]

    def _by_platforms(self, rows: Sequence[int]) -> _Alternatives:
        """Write one term for each set of platforms that occurs, with every Python that has it."""
        terms: list[str] = []
        for platforms in dict.fromkeys(row for row in rows if row):
            runs = [i for i, row in enumerate(rows) if row & platforms == platforms]
            terms += _all_of(self._pythons(runs), self._platforms(platforms))
        return tuple(terms)

    def _by_pythons(self, rows: Sequence[int]) -> _Alternatives:
        """Write one term for each set of Pythons that occurs, with every platform that has it."""
        columns = [
            tuple(run for run, row in enumerate(rows) if row >> i & 1)
            for i in range(len(self._worlds.platforms))
        ]
        terms: list[str] = []
        for runs in dict.fromkeys(column for column in columns if column):
            platforms = sum(1 << i for i, c in enumerate(columns) if set(runs) <= set(c))
            terms += _all_of(self._pythons(runs), self._platforms(platforms))
        return tuple(terms)

    def _pythons(self, runs: Sequence[int]) -> _Alternatives:
        """Write ascending runs as intervals of `python_full_version`."""
        starts = self._worlds.starts
        terms: list[str] = []
        for first, last in _intervals(runs):
            bounds = []
            if first > 0:
                bounds.append(f"python_full_version >= '{_bound(starts[first])}'")
            if last + 1 < len(starts):
                bounds.append(f"python_full_version < '{_bound(starts[last + 1])}'")
            if bounds:
                terms.append(_AND.join(bounds))
        return tuple(terms)

    def _platforms(self, wanted: int) -> _Alternatives:
        if wanted == self._every:
            return ()
        fitting = [(text,) for text, mask in self._atoms if mask == wanted]
        if fitting:
            return min(fitting, key=_length)
        pairs: list[_Alternatives] = []
        for (one, a), (two, b) in combinations(self._atoms, 2):
            if a & b == wanted:
                pairs.append((_AND.join((one, two)),))
            if a | b == wanted:
                pairs.append((one, two))
        listed = enumerate(self._worlds.platforms)
        each = tuple(platform.marker for i, platform in listed if wanted >> i & 1)
        return min([*pairs, each], key=_length)

    def _platform_atoms(self) -> list[tuple[str, int]]:
        """Return the comparisons that tell the platforms apart, with where they hold."""
        python = self._worlds.starts[0]
        values = [platform.marker_environment(python) for platform in self._worlds.platforms]
        atoms: list[tuple[str, int]] = []
        for name in _VARIABLES:
            for value in sorted({each[name] for each in values}):
                mask = sum(1 << i for i, each in enumerate(values) if each[name] == value)
                atoms.append((f"{name} == '{value}'", mask))
                atoms.append((f"{name} != '{value}'", self._every & ~mask))
        return atoms


def _intervals(runs: Sequence[int]) -> list[tuple[int, int]]:
    """Return (first, last) of each stretch of neighbouring numbers."""
    found: list[tuple[int, int]] = []
    for run in runs:
        if found and found[-1][1] == run - 1:
            found[-1] = (found[-1][0], run)
        else:
            found.append((run, run))
    return found


def _bound(version: object) -> str:
    return str(version).removesuffix(".0")


def _all_of(*conditions: _Alternatives) -> _Alternatives:
    """Return the alternatives of a conjunction; a condition without any asks nothing."""
    asked = [condition for condition in conditions if condition]
    if len(asked) == 1:
        return asked[0]
    texts = [each[0] if len(each) == 1 else f"({_any_of(each)})" for each in asked]
    return (_AND.join(texts),) if texts else ()


def _any_of(terms: Iterable[str]) -> str:
    """Join alternatives, with parentheses around those that are conjunctions."""
    listed = list(terms)
    if len(listed) == 1:
        return listed[0]
    return _OR.join(f"({term})" if _AND in term else term for term in listed)


def _length(alternatives: _Alternatives) -> tuple[int, int, int, str]:
    """Order texts: fewer comparisons, then fewer negations, then shorter."""
    text = _any_of(alternatives) if alternatives else ""
    return text.count("'"), text.count("!="), len(text), text
