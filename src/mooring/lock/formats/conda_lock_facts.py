"""What Mooring itself says in a conda-lock.yml: one JSON text in `custom_metadata`.

The schema of the file takes only texts there. All of it is disposable: a tool that drops it leaves
a lock that installs. It holds what a relock would lose, such as sizes and licences, by the sha256
of the archive, one package a line, so that a change of one package is a change of one line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field

from mooring.digests import DIGEST_PATTERN
from mooring.lock.conda import CondaFacts, CondaLock, CondaPackage
from mooring.lock.formats import conda_rules as rules
from mooring.lock.formats.conda_depends import dependency_table, dependency_texts
from mooring.lock.formats.conda_lock_rows import parse_platform
from mooring.lock.formats.pylock_rules import Refused, plain_text
from mooring.lock.inputs import inputs_digest
from mooring.platforms import Platform

KEY = "mooring"
SCHEMA = 1
_PATH = f"metadata.custom_metadata.{KEY}"
_HINT = "remove the entry, or run `mooring lock`"
_MAX_DEPTH = 8
_RECORD_KEYS = frozenset(
    ("size", "build_number", "constrains", "license", "noarch", "timestamp", "purls")
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What the JSON text says.

    Attributes:
        facts: None when it does not say what the lock was made from.
        inputs_intact: Whether the inputs still have the digest that was written beside them.
        platforms: By conda subdir; those whose floor is not the default one.
        packages: More about archives, by their sha256; the values are not checked yet.
    """

    facts: CondaFacts | None = None
    inputs_intact: bool = True
    platforms: Mapping[str, Platform] = field(default_factory=dict, hash=False)
    virtual_packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    packages: Mapping[str, Mapping[str, object]] = field(default_factory=dict, hash=False)


def facts_lines(lock: CondaLock, packages_digest: str) -> list[str]:
    """Return the lines of the JSON text; none when there is nothing to say."""
    entries: dict[str, object] = {}
    if lock.facts is not None:
        entries["inputs"] = lock.facts.inputs
        entries["inputs-digest"] = inputs_digest(lock.facts.inputs)
        entries["environments"] = [[name, list(kinds)] for name, kinds in lock.facts.environments]
        entries["packages-digest"] = packages_digest
    special = sorted(str(p) for p in lock.platforms if str(p) != p.subdir)
    if special:
        entries["platforms"] = special
    if lock.virtual_packages:
        entries["virtual-packages"] = {
            name: sorted(found) for name, found in lock.virtual_packages.items()
        }
    packages = _package_lines(lock)
    if not entries and not packages:
        return []
    lines = ["{", f'"schema": {SCHEMA},']
    lines += [f"{_json(key)}: {_json(value)}," for key, value in entries.items()]
    if packages:
        return [*lines, '"packages": {', *packages, "}}"]
    lines[-1] = lines[-1].removesuffix(",")
    return [*lines, "}"]


def _package_lines(lock: CondaLock) -> list[str]:
    by_hash = {row.package.sha256: row.package for row in lock.conda if row.package.sha256}
    found = sorted(
        (package.name, f"{_json(sha256)}: {_json(details)}")
        for sha256, package in by_hash.items()
        if (details := _details(package))
    )
    return [f"{line}," for _, line in found[:-1]] + [line for _, line in found[-1:]]


def _details(package: CondaPackage) -> dict[str, object]:
    """Return what a row of the lock cannot hold, under the names of a record."""
    table = dependency_table(package.depends)
    details: dict[str, object] = {
        "depends": list(package.depends)
        if sorted(package.depends) != [*dependency_texts(table)]
        else None,
        "constrains": list(package.constrains) or None,
        "build_number": package.build_number
        if package.build_number != rules.build_number(package.build)
        else None,
        "noarch": package.noarch,
        "size": package.size,
        "timestamp": package.timestamp,
        "license": package.license,
        "purls": list(package.purls) or None,
        "paths_id": package.paths_id,
    }
    return {key: value for key, value in details.items() if value is not None}


def _json(value: object) -> str:
    # ASCII without controls: the text can stand in a YAML block as it is.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def parse_facts(text: str) -> Recorded:
    """Return what the JSON text says; nothing when it is of a later schema.

    Raises:
        Refused: It is no JSON, or a value has the wrong type or form.
    """
    try:
        top = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(_PATH, "this is not JSON", _HINT) from error
    top = _table(_PATH, top)
    if top.get("schema") != SCHEMA:
        return Recorded()
    packages = _table(f"{_PATH}.packages", top.get("packages", {}))
    machines = _table(f"{_PATH}.virtual-packages", top.get("virtual-packages", {}))
    facts, intact = _facts(top)
    return Recorded(
        facts=facts,
        inputs_intact=intact,
        platforms=_platforms(top.get("platforms", [])),
        virtual_packages={
            plain_text(_PATH, name): _texts(f"{_PATH}.virtual-packages.{name}", found)
            for name, found in machines.items()
        },
        packages={key: _table(f"{_PATH}.packages", value) for key, value in packages.items()},
    )


def _facts(top: Mapping[str, object]) -> tuple[CondaFacts | None, bool]:
    if "inputs" not in top:
        return None, True
    inputs = _table(f"{_PATH}.inputs", top["inputs"])
    _json_like(f"{_PATH}.inputs", inputs, 0)
    if "schema" not in inputs:
        raise Refused(f"{_PATH}.inputs.schema", "missing", _HINT)
    digest = top.get("packages-digest")
    if digest is not None and not (isinstance(digest, str) and DIGEST_PATTERN.fullmatch(digest)):
        raise Refused(f"{_PATH}.packages-digest", "a digest is written sha256:<64 hex digits>")
    environments = top.get("environments", [])
    if not isinstance(environments, list):
        raise Refused(f"{_PATH}.environments", "a list is expected")
    facts = CondaFacts(
        inputs=inputs,
        environments=tuple(map(_environment, environments)),
        packages_digest=digest,
    )
    return facts, top.get("inputs-digest") == inputs_digest(inputs)


def _environment(value: object) -> tuple[str, tuple[str, ...]]:
    key = f"{_PATH}.environments"
    match value:
        case [str(name), kinds]:
            return plain_text(key, name), _texts(key, kinds)
        case _:
            raise Refused(key, "a name with a list of categories is expected")


def extend_row(row: MutableMapping[str, object], details: Mapping[str, object]) -> None:
    """Put what is recorded about an archive into its row, where the record reader looks for it."""
    for key in _RECORD_KEYS & details.keys():
        row[key] = details[key]
    if "paths_id" in details:
        row["paths_id"] = details["paths_id"]
    depends, table = details.get("depends"), row.get("dependencies")
    # What stands in the row counts; the recorded form only says the same more exactly.
    if isinstance(depends, list) and dependency_table(map(str, depends)) == table:
        row["dependencies"] = [str(text) for text in depends]


def _platforms(value: object) -> dict[str, Platform]:
    names = _texts(f"{_PATH}.platforms", value)
    found = [parse_platform(f"{_PATH}.platforms", name) for name in names]
    return {platform.subdir: platform for platform in found}


def _table(key: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Refused(key, "a table is expected")
    return value


def _texts(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refused(key, "a list of texts is expected")
    return tuple(plain_text(key, item) for item in value)


def _json_like(key: str, value: object, depth: int) -> None:
    """Refuse what a message must not repeat, and what nests without end."""
    if depth > _MAX_DEPTH:
        raise Refused(key, "the table is nested too deeply")
    match value:
        case str():
            plain_text(key, value)
        case dict():
            for name, item in value.items():
                _json_like(f"{key}.{plain_text(key, name)}", item, depth + 1)
        case list():
            for item in value:
                _json_like(key, item, depth + 1)
        case _:
            pass
