"""The dependencies of a conda record as conda-lock.yml has them: one specification a name."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPEC = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*)\s*([=<>!~\[;].*|(?<=\s)\S.*)?")


def dependency_table(depends: Iterable[str]) -> dict[str, str]:
    """Return name to version (and build) of a record's match specifications, sorted by name.

    Several specifications of one name are joined by commas, as far as versions can be; a build
    stands once behind them.

    Args:
        depends: As records have them: `python >=3.12,<3.13.0a0`, `python_abi 3.12.* *_cp312`.
    """
    found: dict[str, list[str]] = {}
    for text in depends:
        match = _SPEC.fullmatch(text.strip())
        name, spec = (match[1], match[2] or "") if match else (text.strip(), "")
        specs = found.setdefault(name, [])
        if spec not in specs:
            specs.append(" ".join(spec.split()))
    return {name: _joined(found[name]) for name in sorted(found)}


def dependency_texts(table: dict[str, str]) -> tuple[str, ...]:
    """Return match specifications for a table of dependencies, sorted."""
    return tuple(sorted(f"{name} {spec}" if spec else name for name, spec in table.items()))


def _joined(specs: list[str]) -> str:
    if len(specs) == 1:
        return specs[0]
    versions: list[str] = []
    builds: list[str] = []
    for spec in specs:
        version, _, build = spec.partition(" ")
        if version and version != "*" and version not in versions:
            versions.append(version)
        if build and build not in builds:
            builds.append(build)
    # Two builds can both be asked for only by the record itself: the first one stands here.
    return " ".join([",".join(versions) or "*", *builds[:1]])
