"""Platforms, Pythons and named environments of a manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mooring.errors import InputError
from mooring.manifest.model import DEFAULT_ENVIRONMENT, Environment
from mooring.manifest.nearest import advice, nearest
from mooring.manifest.problems import quoted
from mooring.manifest.requirement_lists import names
from mooring.manifest.sources.declared import Declared
from mooring.manifest.tables import Table
from mooring.platforms import SUBDIRS, Platform, PythonVersion

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")


def read_platforms(table: Table) -> tuple[Platform, ...] | None:
    """Return the platforms that a table declares; None when it declares none."""
    if "platforms" not in table:
        return None
    found: dict[Platform, None] = {}
    for number, text in table.numbered("platforms"):
        with table.catch("platforms", number):
            platform = _platform(text)
            if platform in found:
                raise InputError(f"the platform {quoted(text)} is listed twice")
            found[platform] = None
    if table.data["platforms"] == []:
        table.problem("platforms", "no platform is declared", 'write platforms = ["linux-64"]')
    return tuple(found) or None


def _platform(text: str) -> Platform:
    try:
        platform = Platform.parse(text)
    except InputError as error:
        if error.hint:
            raise InputError(error.message, hint=advice(text, SUBDIRS, what="platforms")) from error
        raise InputError(error.message) from error
    return platform


def read_python(table: Table) -> PythonVersion | None:
    """Return the interpreter that a table declares; None when it declares none."""
    if "python" in table and isinstance(table.data["python"], float):
        # 3.10 as a number is 3.1: the number cannot be taken for what was meant.
        table.problem("python", "expected a string, found a number", 'write python = "3.12"')
        return None
    text = table.string("python")
    if text is not None:
        with table.catch("python"):
            return _python(text)
    return None


def _python(text: str) -> PythonVersion:
    try:
        return PythonVersion.parse(text, "")
    except InputError as error:
        raise InputError(error.message, hint=error.hint) from error


def read_environments(table: Table, platforms: Sequence[Platform]) -> tuple[Environment, ...]:
    """Return the declared environments, `default` first whether it is declared or not.

    Args:
        table: The table of the manifest.
        platforms: Those of the manifest, which an environment may narrow.
    """
    found = {DEFAULT_ENVIRONMENT: Environment(name=DEFAULT_ENVIRONMENT)}
    for name, below in table.subtables("environments"):
        if not _NAME.fullmatch(name) or len(name) > 64:
            below.problem(
                (),
                f"{quoted(name)} is not a name for an environment",
                "names hold lower-case letters, digits, `.`, `_` and `-`",
            )
        found[name] = _environment(name, below, platforms)
    return tuple(found.values())


def _environment(name: str, table: Table, platforms: Sequence[Platform]) -> Environment:
    environment = Environment(
        name=name,
        extras=names(table, "extras"),
        groups=names(table, "groups"),
        platforms=read_platforms(table),
        python=read_python(table),
    )
    for number, platform in enumerate(environment.platforms or ()):
        if platform not in platforms:
            table.problem(
                ("platforms", number),
                f"the platform {quoted(str(platform))} is not among those of the manifest",
                "add it to `platforms` of the manifest: " + ", ".join(map(str, platforms)),
            )
    table.refuse_unknown()
    return environment


def check_selections(
    manifest: Table, environments: Iterable[Environment], declared: Declared
) -> None:
    """Record a problem for each extra or group of an environment that nothing declares."""
    known = {
        "extras": [name for name, _ in declared.extras],
        "groups": [name for name, _ in declared.groups],
    }
    for environment in environments:
        for key, wanted in (("extras", environment.extras), ("groups", environment.groups)):
            for name in wanted:
                if name in known[key]:
                    continue
                listed = ", ".join(sorted(known[key])) or "none"
                close = nearest(name, known[key])
                manifest.problem(
                    ("environments", environment.name, key),
                    f"the {key.removesuffix('s')} {quoted(name)} does not exist "
                    f"(declared {key}: {listed})",
                    f"did you mean {quoted(close)}?" if close else None,
                )


def check_pythons(
    manifest: Table,
    python: PythonVersion | None,
    environments: Iterable[Environment],
    declared: Iterable[Declared],
) -> None:
    """Record a problem for each declared Python that a source's requires-python excludes."""
    from packaging.specifiers import SpecifierSet  # kept off the start-up path

    chosen: list[tuple[tuple[str, ...], PythonVersion]] = [(("python",), python)] if python else []
    chosen += [
        (("environments", environment.name, "python"), environment.python)
        for environment in environments
        if environment.python
    ]
    for source in declared:
        if source.requires_python is None:
            continue
        specifiers = SpecifierSet(source.requires_python)
        for path, version in chosen:
            if not specifiers.contains(version.full):
                manifest.problem(
                    path,
                    f"Python {version} does not satisfy requires-python "
                    f"{quoted(source.requires_python)} ({source.requires_python_where()})",
                )
