"""Which categories need which package: what can be reached from what each of them declares."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from mooring.lock.conda import CondaPackage
from mooring.manifest.conda import MAIN

_NAME = re.compile(r"(?:[^\s\[]+::)?([A-Za-z0-9_][A-Za-z0-9_.-]*)")


def dependency_name(text: str) -> str | None:
    """Return the name in a record's dependency; None for one without a name."""
    found = _NAME.match(text)
    return found[1].lower() if found else None


def categories(
    packages: Mapping[str, CondaPackage], roots: Mapping[str, Collection[str]]
) -> dict[str, tuple[str, ...]]:
    """Return the categories of each package, sorted; `main` alone where `main` needs it.

    Args:
        packages: Of one platform, by name.
        roots: Names that each category declares.
    """
    needed = {
        name: {dependency_name(text) for text in package.depends}
        for name, package in packages.items()
    }
    reached = {category: _reach(needed, names) for category, names in roots.items()}
    main = reached.get(MAIN, frozenset())
    found = {}
    for name in packages:
        others = sorted(c for c, names in reached.items() if c != MAIN and name in names)
        # What nothing reaches came with a solution all the same: it is always installed.
        found[name] = (MAIN,) if name in main or not others else tuple(others)
    return found


def _reach(needed: Mapping[str, Iterable[str | None]], roots: Iterable[str]) -> frozenset[str]:
    seen: set[str] = set()
    pending = [name for name in roots if name in needed]
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending += [each for each in needed[name] if each in needed and each is not None]
    return frozenset(seen)
