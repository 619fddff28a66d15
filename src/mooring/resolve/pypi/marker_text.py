"""Markers from sets of worlds: the shortest text that is true exactly there, always the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from mooring.resolve.pypi.reachability import Reached
from mooring.resolve.pypi.worlds import Worlds

_VARIABLES = ("sys_platform", "platform_machine")
_OR, _AND = " or ", " and "


class MarkerText:
    """Writes markers for the worlds of one lock."""

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._every = (1 << len(worlds.platforms)) - 1
        self._platform_texts = {platform.marker for platform in worlds.platforms}
        self._atoms = self._platform_atoms()
        self._written: dict[int, str] = {}

    def of_package(self, reach: Reached) -> str | None:
        """Return the marker of a package; None when it is always installed.

        What the base covers needs no condition on extras, so that a selection without any has it.
        """
        base = reach.base
        terms = [self.of_worlds(base)] if base else []
        if terms == [None]:
            return None
        selected: dict[str | None, list[str]] = {}
        for variable, named in (("extras", reach.extras), ("dependency_groups", reach.groups)):
            for name, mask in named:
                if mask & ~base:
                    text = self._shorter(mask, mask | base)
                    selected.setdefault(text, []).append(f"'{name}' in {variable}")
        for text, conditions in selected.items():
            either = _OR.join(conditions)
            if text is None:
                terms.append(either)
            else:
                terms.append(_AND.join((_grouped(either), _grouped(text))))
        return _OR.join(term for term in terms if term is not None)

    def of_worlds(self, mask: int) -> str | None:
        """Return the marker that holds exactly in these worlds (at least one); None for all."""
        if mask == self._worlds.full:
            return None
        if mask not in self._written:
            rows = self._worlds.rows(mask)
            texts = (self._by_platforms(rows), self._by_pythons(rows))
            self._written[mask] = min(texts, key=_length)
        return self._written[mask]

    def _shorter(self, least: int, most: int) -> str | None:
        """Return a marker that holds in `least`, and may hold in `most`."""
        texts = [self.of_worlds(most), self.of_worlds(least)]
        return None if None in texts else min((t for t in texts if t is not None), key=_length)

    def _by_platforms(self, rows: Sequence[int]) -> str:
        """Write one term for each set of platforms that occurs, with the Pythons it occurs in."""
        terms = []
        for platforms in sorted({row for row in rows if row}, key=rows.index):
            runs = [i for i, row in enumerate(rows) if row == platforms]
            terms.append((self._pythons(runs), self._platforms(platforms)))
        return _disjunction(terms)

    def _by_pythons(self, rows: Sequence[int]) -> str:
        """Write one term for each set of Pythons that occurs, with the platforms it occurs on."""
        merged: dict[tuple[int, ...], int] = {}
        for i in range(len(self._worlds.platforms)):
            runs = tuple(run for run, row in enumerate(rows) if row >> i & 1)
            if runs:
                merged[runs] = merged.get(runs, 0) | 1 << i
        return _disjunction(
            [
                (self._pythons(runs), self._platforms(platforms))
                for runs, platforms in merged.items()
            ]
        )

    def _pythons(self, runs: Sequence[int]) -> str | None:
        """Write ascending runs as intervals of `python_full_version`."""
        starts = self._worlds.starts
        terms: list[str] = []
        position = 0
        while position < len(runs):
            first = last = runs[position]
            while position + 1 < len(runs) and runs[position + 1] == last + 1:
                position += 1
                last += 1
            position += 1
            bounds = []
            if first > 0:
                bounds.append(f"python_full_version >= '{_bound(starts[first])}'")
            if last + 1 < len(starts):
                bounds.append(f"python_full_version < '{_bound(starts[last + 1])}'")
            if not bounds:
                return None
            terms.append(_AND.join(bounds))
        return _OR.join(terms)

    def _platforms(self, wanted: int) -> str | None:
        if wanted == self._every:
            return None
        fitting = [text for text, mask in self._atoms if mask == wanted]
        if not fitting:
            for (one, a), (two, b) in combinations(self._atoms, 2):
                if a & b == wanted:
                    fitting.append(_AND.join((one, two)))
                if a | b == wanted:
                    fitting.append(_OR.join((one, two)))
        if fitting:
            return min(fitting, key=_length)
        return _OR.join(
            platform.marker for i, platform in enumerate(self._worlds.platforms) if wanted >> i & 1
        )

    def _platform_atoms(self) -> list[tuple[str, int]]:
        """Return the comparisons that tell the platforms apart, with where they hold."""
        values = [
            {name: environment[name] for name in _VARIABLES}
            for platform in self._worlds.platforms
            for environment in (platform.marker_environment(self._worlds.starts[0]),)
        ]
        atoms: list[tuple[str, int]] = []
        for name in _VARIABLES:
            for value in sorted({each[name] for each in values}):
                mask = sum(1 << i for i, each in enumerate(values) if each[name] == value)
                atoms.append((f"{name} == '{value}'", mask))
                atoms.append((f"{name} != '{value}'", self._every & ~mask))
        return atoms


def _bound(version: object) -> str:
    return str(version).removesuffix(".0")


def _disjunction(terms: Iterable[tuple[str | None, str | None]]) -> str:
    written = []
    for pair in terms:
        parts = [part for part in pair if part is not None]
        written.append(_AND.join(_grouped(part) for part in parts) if len(parts) > 1 else parts[0])
    return _OR.join(written)


def _grouped(text: str) -> str:
    """Put an alternative into parentheses, so that it can stand in a conjunction."""
    return f"({text})" if _OR in text else text


def _length(text: str) -> tuple[int, int, int, str]:
    """Order texts: fewer comparisons, then fewer negations, then shorter."""
    return text.count("'"), text.count("!="), len(text), text
