"""Dependency groups (PEP 735): parsed, checked and expanded.

`packaging.dependency_groups` does the same for friendly files, but repeats a group as often as it
is included: thirty short groups can fill the memory. Here an included requirement counts once, and
every problem has its line.
"""

from __future__ import annotations

import graphlib
from dataclasses import dataclass, field

from mooring.manifest.model import Requirement
from mooring.manifest.nearest import advice
from mooring.manifest.problems import quoted
from mooring.manifest.requirement import canonical_name
from mooring.manifest.requirement_lists import requirement_at
from mooring.manifest.sources.declared import Groups
from mooring.manifest.tables import Table

MAX_GROUPS = 1000
MAX_EXPANDED = 200_000
"""Requirements of all groups together, after expansion."""


@dataclass(kw_only=True, slots=True)
class _Group:
    """A group as written: requirements and names of other groups, in order."""

    key: str
    items: list[Requirement | str] = field(default_factory=list)

    @property
    def includes(self) -> list[str]:
        return [item for item in self.items if isinstance(item, str)]


def read_groups(table: Table) -> Groups:
    """Return the groups of a `[dependency-groups]` table by normalised name, expanded."""
    if len(table.data) > MAX_GROUPS:
        table.problem((), f"more than {MAX_GROUPS} dependency groups")
        return ()
    groups: dict[str, _Group] = {}
    for key in table.data:
        with table.catch(key):
            name = canonical_name(key)
            if name in groups:
                table.problem(key, f"the group {quoted(name)} is declared twice")
            else:
                groups[name] = _group(table, key)
    if not _includes_exist(table, groups):
        return ()
    return _expanded(table, groups)


def _group(table: Table, key: str) -> _Group:
    group = _Group(key=key)
    for number, item in enumerate(table.items(key)):
        if isinstance(item, dict):
            found: Requirement | str | None = _include(table.below((key, number), item))
        else:
            found = requirement_at(table, (key, number), item)
        if found is not None:
            group.items.append(found)
    return group


def _include(entry: Table) -> str | None:
    if "include-group" not in entry:
        entry.problem((), "expected a requirement or { include-group = NAME }")
        return None
    entry.refuse_unknown()
    name = entry.string("include-group")
    if name is not None:
        with entry.catch("include-group"):
            return canonical_name(name)
    return None


def _includes_exist(table: Table, groups: dict[str, _Group]) -> bool:
    before = len(table.problems)
    for group in groups.values():
        for include in group.includes:
            if include not in groups:
                table.problem(
                    group.key,
                    f"the group {quoted(group.key)} includes {quoted(include)}, "
                    "which does not exist",
                    advice(include, groups, what="groups"),
                )
    return len(table.problems) == before


def _expanded(table: Table, groups: dict[str, _Group]) -> Groups:
    sorter = graphlib.TopologicalSorter({name: g.includes for name, g in groups.items()})
    try:
        order = tuple(sorter.static_order())
    except graphlib.CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        table.problem(groups[error.args[1][-1]].key, f"the groups include each other: {cycle}")
        return ()
    done: dict[str, dict[str, Requirement]] = {}
    total = 0
    for name in order:
        requirements: dict[str, Requirement] = {}
        for item in groups[name].items:
            included = done[item].values() if isinstance(item, str) else (item,)
            for requirement in included:
                requirements.setdefault(requirement.text, requirement)
        done[name] = requirements
        total += len(requirements)
        if total > MAX_EXPANDED:
            table.problem((), f"the groups hold more than {MAX_EXPANDED} requirements")
            return ()
    return tuple((name, tuple(done[name].values())) for name in groups)
