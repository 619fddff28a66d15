"""From the tables of a pylock.toml to a `Lock`; the structure was validated before."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from mooring.errors import Problem, raise_problems
from mooring.lock.formats import pylock_rules as rules
from mooring.lock.formats.pylock_provenance import parse_provenance
from mooring.lock.formats.pylock_rules import Refused
from mooring.lock.formats.toml_text import date_time
from mooring.lock.model import Artifact, ArtifactKind, Dependency, Lock, Package

# TOML tables of unknown shape below; this module is the adapter that ends them.
Table = Mapping[str, Any]

_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
_GROUP = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_MAX_SIZE = 1 << 53


def parse_lock(raw: Table, where: str) -> Lock:
    """Return the lock that validated tables describe.

    Raises:
        InputProblems: Values break a rule of `pylock_rules`; all of them are named.
    """
    problems: list[Problem] = []

    def note(refused: Refused) -> None:
        problems.append(
            Problem(
                where=f"{where}: {refused.key}",
                message=refused.message,
                hint=refused.hint,
            )
        )

    packages = []
    for number, table in enumerate(raw["packages"]):
        found: list[Refused] = []
        package = _package(table, found.append)
        for refused in found:
            note(
                Refused(
                    f"packages[{number}].{refused.key}",
                    f"{refused.message} (package {table['name']})",
                    refused.hint,
                )
            )
        if package is not None:
            packages.append(package)
    lock = None
    try:
        lock = _lock(raw, tuple(packages))
    except Refused as refused:
        note(refused)
    raise_problems(problems)
    assert lock is not None
    return lock


def _lock(raw: Table, packages: tuple[Package, ...]) -> Lock:
    requires_python = raw.get("requires-python")
    for number, marker in enumerate(raw.get("environments", ())):
        rules.plain_text(f"environments[{number}]", marker)
    for key in ("dependency-groups", "default-groups"):
        for number, name in enumerate(raw.get(key, ())):
            if _GROUP.fullmatch(name) is None:
                raise Refused(f"{key}[{number}]", f"{rules.shown(name)} is not the name of a group")
    return Lock(
        created_by=rules.plain_text("created-by", raw["created-by"]),
        requires_python=_optional(rules.plain_text, "requires-python", requires_python),
        environments=tuple(raw.get("environments", ())),
        extras=tuple(sorted(set(raw.get("extras", ())))),
        groups=tuple(sorted(set(raw.get("dependency-groups", ())))),
        default_groups=tuple(sorted(set(raw.get("default-groups", ())))),
        packages=packages,
        provenance=parse_provenance(raw.get("tool", {}).get("mooring")),
    )


def _package(raw: Table, note: Callable[[Refused], None]) -> Package | None:
    """Return one package; what is wrong goes to `note`, all artifacts are looked at."""
    wheels = _wheels(raw, note)
    try:
        sdist = _nested(raw, "sdist", "sdist")
        direct = next(
            (
                artifact
                for kind in ("vcs", "directory", "archive")
                if (artifact := _nested(raw, kind, kind))
            ),
            None,
        )
        return Package(
            name=raw["name"],
            version=_version(raw, wheels),
            marker=_optional(rules.plain_text, "marker", raw.get("marker")),
            requires_python=_optional(
                rules.plain_text, "requires-python", raw.get("requires-python")
            ),
            index=_optional(rules.web_url, "index", raw.get("index")),
            dependencies=_dependencies(raw.get("dependencies", ())),
            wheels=wheels,
            sdist=sdist,
            direct=direct,
            record_ids=_record_ids(raw),
        )
    except Refused as refused:
        note(refused)
        return None


def _wheels(raw: Table, note: Callable[[Refused], None]) -> tuple[Artifact, ...]:
    found: dict[str, Artifact] = {}
    for number, table in enumerate(raw.get("wheels", ())):
        try:
            wheel = _artifact("wheel", table)
            if found.setdefault(wheel.name, wheel).hashes != wheel.hashes:
                raise Refused("name", f"{wheel.name} is listed twice, with different hashes")
        except Refused as refused:
            note(Refused(f"wheels[{number}].{refused.key}", refused.message, refused.hint))
    return tuple(found.values())


def _nested(raw: Table, key: str, kind: ArtifactKind) -> Artifact | None:
    table = raw.get(key)
    if table is None:
        return None
    try:
        return _artifact(kind, table)
    except Refused as refused:
        raise Refused(f"{key}.{refused.key}", refused.message, refused.hint) from None


def _artifact(kind: ArtifactKind, raw: Table) -> Artifact:
    url, path, subdirectory = raw.get("url"), raw.get("path"), raw.get("subdirectory")
    # Empty strings count as absent, as they do for packaging.
    path = rules.relative_path("path", path) if path else None
    subdirectory = rules.relative_path("subdirectory", subdirectory) if subdirectory else None
    if kind == "directory":
        editable = raw.get("editable", False)
        return Artifact(kind=kind, path=path, subdirectory=subdirectory, editable=editable)
    if kind == "vcs":
        return _vcs(raw, path, subdirectory)
    size, uploaded = raw.get("size"), raw.get("upload-time")
    if size is not None and not 0 <= size < _MAX_SIZE:
        raise Refused("size", f"{size} is not a size in bytes")
    return Artifact(
        kind=kind,
        name=_file_name(kind, raw),
        url=rules.web_url("url", url) if url else None,
        path=path,
        hashes=rules.digests(raw["hashes"]),
        size=size,
        upload_time=_upload_time(uploaded) if uploaded else None,
        subdirectory=subdirectory,
    )


def _vcs(raw: Table, path: str | None, subdirectory: str | None) -> Artifact:
    vcs = raw["type"]
    if vcs not in rules.VCS_TYPES:
        raise Refused("type", f"{rules.shown(vcs)} is not one of {', '.join(rules.VCS_TYPES)}")
    revision = raw.get("requested-revision")
    return Artifact(
        kind="vcs",
        url=rules.vcs_url("url", raw["url"]) if raw.get("url") else None,
        path=path,
        vcs=vcs,
        commit=rules.commit_id("commit-id", vcs, raw["commit-id"]),
        requested_revision=_optional(rules.plain_text, "requested-revision", revision),
        subdirectory=subdirectory,
    )


def _file_name(kind: ArtifactKind, raw: Table) -> str:
    if kind != "archive":
        return rules.safe_file_name("name", rules.file_name(raw))
    # An archive has no name of its own in PEP 751; the end of its URL may be anything.
    name = rules.file_name({"path": raw.get("path"), "url": raw.get("url")})
    return name if rules.is_safe_file_name(name) else ""


def _upload_time(value: datetime) -> str:
    try:
        return date_time(value)
    except OverflowError as error:
        raise Refused("upload-time", f"{value} is out of range") from error


def _version(raw: Table, wheels: tuple[Artifact, ...]) -> str | None:
    """Return the version; where a package of files has none, the one its file names agree on."""
    version: str | None = raw.get("version")
    if version is not None:
        return rules.trimmed("version", version)
    if not wheels and not raw.get("sdist"):
        return None
    # Rare enough to parse a name again: nearly every writer gives the version.
    from packaging.utils import parse_sdist_filename, parse_wheel_filename

    if wheels:
        return str(parse_wheel_filename(wheels[0].name)[1])
    return str(parse_sdist_filename(rules.file_name(raw["sdist"]))[1])


def _dependencies(raw: Any) -> tuple[Dependency, ...]:
    found = set()
    for number, table in enumerate(raw):
        name, version = table.get("name"), table.get("version")
        key = f"dependencies[{number}]"
        if name is None:
            continue  # PEP 751 lets a writer tell packages apart by other keys.
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise Refused(f"{key}.name", f"{rules.shown(name)} is not a normalised project name")
        if version is not None and not isinstance(version, str):
            raise Refused(f"{key}.version", f"{rules.shown(version)} is not a text")
        found.add(
            Dependency(name=name, version=_optional(rules.trimmed, f"{key}.version", version))
        )
    return tuple(sorted(found, key=lambda d: (d.name, d.version or "")))


def _record_ids(raw: Table) -> tuple[tuple[str, str], ...]:
    tool = raw.get("tool", {}).get("mooring", {})
    table = tool.get("record-ids", {}) if isinstance(tool, Mapping) else None
    if not isinstance(table, Mapping):
        raise Refused("tool.mooring", "a table is expected")
    for name, value in table.items():
        if not rules.is_safe_file_name(name) or not isinstance(value, str):
            raise Refused(
                "tool.mooring.record-ids", f"{rules.shown(name)} is not a wheel with a record id"
            )
        rules.plain_text("tool.mooring.record-ids", value)
    return tuple(sorted(table.items()))


def _optional(check: Callable[[str, str], str], key: str, value: str | None) -> str | None:
    return None if value is None else check(key, value)
