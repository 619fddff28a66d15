"""Which versions moved from one lock to the next."""

from __future__ import annotations

from collections.abc import Mapping


def moves(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return one line for each package that came, went or moved."""
    lines = [f"+ {name} {new[name]}" for name in sorted(new.keys() - old.keys())]
    lines += [f"- {name} {old[name]}" for name in sorted(old.keys() - new.keys())]
    lines += [
        f"~ {name} {old[name]} -> {new[name]}"
        for name in sorted(old.keys() & new.keys())
        if old[name] != new[name]
    ]
    return lines
