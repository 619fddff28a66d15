"""Lists of requirements and of names in TOML tables."""

from __future__ import annotations

from mooring.manifest.model import Requirement
from mooring.manifest.requirement import canonical_name, normal_form
from mooring.manifest.tables import Table
from mooring.manifest.toml_lines import Key


def requirement_at(table: Table, keys: tuple[Key, ...], value: object) -> Requirement | None:
    """Return the requirement at a place below a table; None when it is wrong."""
    text = table.text(keys, value)
    if text is not None:
        with table.catch(*keys):
            return Requirement(text=normal_form(text), where=table.place(*keys))
    return None


def requirements(table: Table, key: str) -> tuple[Requirement, ...]:
    """Return a list of requirements, without those that are wrong; empty when absent."""
    found = (requirement_at(table, (key, n), item) for n, item in enumerate(table.items(key)))
    return tuple(requirement for requirement in found if requirement is not None)


def names(table: Table, key: str) -> tuple[str, ...]:
    """Return a list of project, extra or group names, normalised, each once, in order."""
    found: dict[str, None] = {}
    for number, text in table.numbered(key):
        with table.catch(key, number):
            found[canonical_name(text)] = None
    return tuple(found)
