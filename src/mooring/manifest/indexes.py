"""`[[tool.mooring.index]]`: the package indexes that are declared, and those of the sources."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from mooring.manifest.index_url import refuse_index_url, variable_prefix
from mooring.manifest.model import Index
from mooring.manifest.problems import Problems, quoted
from mooring.manifest.requirement_lists import names
from mooring.manifest.sources.declared import FoundIndex
from mooring.manifest.tables import Table
from mooring.urls import strip_credentials

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")


def read_indexes(manifest: Table) -> tuple[FoundIndex, ...]:
    """Return the indexes that a manifest declares, without those that are wrong."""
    found = (_index(table) for table in manifest.tables("index"))
    return tuple(index for index in found if index is not None)


def _index(table: Table) -> FoundIndex | None:
    name, url = table.string("name"), table.string("url")
    explicit, default = table.boolean("explicit"), table.boolean("default")
    packages = names(table, "packages")
    table.refuse_unknown()
    for key in ("name", "url"):
        if key not in table:
            table.problem((), f"the index has no {key}")
    if name is not None and not _NAME.fullmatch(name):
        table.problem(
            "name",
            f"{quoted(name)} is not a name for an index",
            "names hold letters, digits, `-` and `_`",
        )
    if url is not None:
        with table.catch("url"):
            refuse_index_url(url, name)
    if explicit and not packages:
        table.problem(
            "explicit",
            "an explicit index serves only the packages named for it, and none is named",
            'add packages = ["..."], or remove `explicit`',
        )
    if explicit and default:
        table.problem("default", "an index cannot be both explicit and the default")
    if name is None or url is None:
        return None
    index = Index(name=name, url=url, explicit=explicit, default=default, packages=packages)
    return FoundIndex(index=index, where=table.where)


def merge_indexes(
    declared: Iterable[FoundIndex], found: Iterable[FoundIndex], problems: Problems
) -> tuple[Index, ...]:
    """Join the indexes of the manifest with those that its sources name.

    An index that the manifest declares under the same URL stands for the source's one and takes
    over the packages pinned to it.

    Args:
        declared: Of the manifest, whose names must be unique.
        found: Of the sources; a derived name that is taken gets a number.
        problems: Receives clashes.
    """
    kept = list(declared)
    _refuse_clashes(kept, problems)
    for other in found:
        url = strip_credentials(other.index.url)
        same = (n for n, known in enumerate(kept) if strip_credentials(known.index.url) == url)
        number = next(same, None)
        if number is None:
            kept.append(replace(other, index=_named_apart(other.index, kept)))
        else:
            known = kept[number].index
            packages = tuple(dict.fromkeys((*known.packages, *other.index.packages)))
            kept[number] = replace(kept[number], index=replace(known, packages=packages))
    defaults = [entry for entry in kept if entry.index.default]
    for entry in defaults[1:]:
        problems.add(
            entry.where(),
            f"a second default index; the first is {quoted(defaults[0].index.name)} "
            f"({defaults[0].where()})",
            "keep one default; the others are searched before it",
        )
    return tuple(entry.index for entry in kept)


def _named_apart(index: Index, kept: Iterable[FoundIndex]) -> Index:
    taken = {variable_prefix(known.index.name) for known in kept}
    name, number = index.name, 2
    while variable_prefix(name) in taken:
        name, number = f"{index.name}-{number}", number + 1
    return replace(index, name=name)


def _refuse_clashes(declared: list[FoundIndex], problems: Problems) -> None:
    by_variable: dict[str, FoundIndex] = {}
    by_package: dict[str, FoundIndex] = {}
    for entry in declared:
        other = by_variable.setdefault(variable_prefix(entry.index.name), entry)
        if other is not entry:
            problems.add(
                entry.where(),
                f"the names {quoted(entry.index.name)} and {quoted(other.index.name)} "
                f"({other.where()}) are the same for the variables with their credentials",
            )
        for package in entry.index.packages:
            other = by_package.setdefault(package, entry)
            if other is not entry:
                problems.add(
                    entry.where(),
                    f"{package} is named for two indexes, also for "
                    f"{quoted(other.index.name)} ({other.where()})",
                )
