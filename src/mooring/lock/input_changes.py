"""The differences of two inputs documents, in lines that a person understands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from mooring.manifest.model import Requirement

Places = Mapping[tuple[str, str], str]

_SCALARS = ("requires-python", "python", "exclude-newer", "resolver")
_REQUIREMENTS = ("dependencies", "constraints", "overrides")
_TABLES_OF_REQUIREMENTS = ("extras", "groups")
_NAMED_TABLES = ("environments", "indexes")


def describe_changes(
    old: Mapping[str, object], new: Mapping[str, object], places: Places
) -> list[str]:
    """Return one line for each difference, in the order in which a manifest is written.

    Args:
        old: From a lock; wrongly typed entries count as empty.
        new: From a manifest.
        places: Where a requirement stands, by section and text.
    """
    lines: list[str] = []
    for name in _SCALARS:
        lines += scalar_line(name, old.get(name), new.get(name))
    lines += _items("platforms", _strings(old.get("platforms")), _strings(new.get("platforms")), {})
    for name in _REQUIREMENTS:
        lines += requirement_lines(name, old.get(name), new.get(name), places)
    for name in _TABLES_OF_REQUIREMENTS:
        lines += requirement_table_lines(
            name, table_of(old.get(name)), table_of(new.get(name)), places
        )
    for name in _NAMED_TABLES:
        lines += named_table_lines(name, old.get(name), new.get(name))
    return lines


def scalar_line(section: str, old: object, new: object) -> Iterator[str]:
    """Say how one value changed; nothing when it did not."""
    if old == new:
        return
    if old is None:
        yield f"{section}: added {_shown(new)}"
    elif new is None:
        yield f"{section}: removed {_shown(old)}"
    else:
        yield f"{section}: changed {_shown(old)} to {_shown(new)}"


def requirement_lines(section: str, old: object, new: object, places: Places) -> list[str]:
    """Describe two lists of requirements; one of the same name that moved is a change."""
    before, after = set(_strings(old)), set(_strings(new))
    removed, added = sorted(before - after), sorted(after - before)
    lines = []
    for text in list(added):
        same = [r for r in removed if _name(r) == _name(text)]
        # Several lines of one name differ by marker: which became which is anybody's guess.
        if len(same) == 1 and sum(_name(a) == _name(text) for a in added) == 1:
            removed.remove(same[0])
            added.remove(text)
            place = _place(places, section, text)
            lines.append(f"{section}: changed {_shown(same[0])} to {_shown(text)}{place}")
    return [*lines, *_items(section, removed, added, places)]


def _items(section: str, old: Iterable[str], new: Iterable[str], places: Places) -> Iterator[str]:
    before, after = set(old), set(new)
    for text in sorted(after - before):
        yield f"{section}: added {_shown(text)}{_place(places, section, text)}"
    for text in sorted(before - after):
        yield f"{section}: removed {_shown(text)}"


def requirement_table_lines(
    section: str, old: Mapping[str, object], new: Mapping[str, object], places: Places
) -> Iterator[str]:
    """Describe named lists of requirements."""
    yield from _items(section, old, new, {})
    for name in sorted(old.keys() & new.keys()):
        yield from requirement_lines(f"{section}.{name}", old[name], new[name], places)


def named_table_lines(section: str, old: object, new: object) -> Iterator[str]:
    """Describe lists of tables that have a `name`; their order is their rank."""
    before, after = _by_name(old), _by_name(new)
    yield from _items(section, before, after, {})
    for name in sorted(before.keys() & after.keys()):
        for key in sorted(before[name].keys() | after[name].keys()):
            yield from scalar_line(
                f"{section}.{name}.{key}", before[name].get(key), after[name].get(key)
            )
    if before.keys() == after.keys() and list(before) != list(after):
        yield f"{section}: the order changed to {', '.join(after)}"


def _by_name(value: object) -> dict[str, Mapping[str, object]]:
    tables = [table_of(item) for item in value] if isinstance(value, list) else []
    return {name: table for table in tables if isinstance(name := table.get("name"), str)}


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def table_of(value: object) -> Mapping[str, object]:
    """Return a table; of anything else, an empty one."""
    return value if isinstance(value, Mapping) else {}


def _place(places: Places, section: str, text: str) -> str:
    place = places.get((section, text))
    return f" ({place})" if place else ""


def _name(text: str) -> str:
    return Requirement(text=text, where="").name


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
