"""conda-lock.yml (version 1): reading anybody's, writing ours."""

from __future__ import annotations

from dataclasses import replace

from mooring.errors import InputError, Problem, raise_problems
from mooring.lock.conda import CondaFacts, CondaLock
from mooring.lock.formats import conda_lock_text
from mooring.lock.formats import conda_rules as rules
from mooring.lock.formats.conda_lock_facts import KEY, Recorded, extend_row, parse_facts
from mooring.lock.formats.conda_lock_layout import read_regular
from mooring.lock.formats.conda_lock_rows import RowReader, parse_platform, texts
from mooring.lock.formats.conda_lock_rows import text as text_of
from mooring.lock.formats.pylock_rules import Refused, plain_text, shown
from mooring.lock.formats.yaml_data import Table, parse
from mooring.platforms import Platform

FILE_NAME = "conda-lock.yml"

_DAMAGED = "take the file whole from version control, or run `mooring lock` to write it again"


def read(text: str, where: str) -> CondaLock:
    """Read a conda-lock.yml of any writer.

    Credentials and tokens in URLs are left out. What Mooring recorded is there when the file still
    holds it; `facts.edited` tells whether packages or inputs were changed since.

    Args:
        text: The content of the file.
        where: How messages name the file.

    Raises:
        InputError: It is no such lock, or it is unsafe to use; line and key path are named.
    """
    top = read_regular(text, where)
    if top is None:
        top = parse(text, where)
    if not isinstance(top, Table):
        raise InputError("this is not a conda-lock.yml", where=where, hint=_DAMAGED)
    try:
        return _lock(top, where)
    except Refused as refused:
        place = f"{where}: {refused.key}"
        raise InputError(refused.message, where=place, hint=refused.hint or _DAMAGED) from refused


def read_facts(text: str, where: str = FILE_NAME) -> CondaFacts | None:
    """Read what Mooring says about a lock, and whether the lock is as it was written.

    Returns:
        None when another tool wrote the lock or dropped Mooring's entry.

    Raises:
        InputError: The file is no valid lock.
    """
    return read(text, where).facts


def write(lock: CondaLock) -> str:
    """Return the text of the lock; the same lock gives the same bytes.

    Rows are sorted; a package of several categories has several rows, as conda-lock has them.

    Raises:
        InputError: The format cannot hold it, or a URL carries a secret.
    """
    return conda_lock_text.lock_text(lock)


def packages_digest(lock: CondaLock) -> str:
    """Return the digest of what the lock would install, independent of how the file is laid out."""
    return conda_lock_text.packages_digest(lock)


def _lock(top: Table, where: str) -> CondaLock:
    _require_version(top, where)
    metadata = top.get("metadata")
    rows = top.get("package")
    if not isinstance(metadata, Table):
        raise Refused("metadata", "missing" if metadata is None else "a table is expected")
    if not isinstance(rows, list):
        raise Refused("package", "missing" if rows is None else "a list is expected")
    recorded = _recorded(metadata)
    platforms = _platforms(metadata, recorded)
    problems: list[Problem] = []
    channels = _channels(metadata, where, problems)
    reader = RowReader(where, platforms)
    if recorded.packages:
        _extend(rows, recorded)
    read_rows = reader.read(rows)
    raise_problems([*problems, *reader.problems])
    lock = CondaLock(
        channels=channels,
        platforms=tuple(sorted(platforms.values())),
        conda=read_rows.conda,
        pypi=read_rows.pypi,
        virtual_packages=recorded.virtual_packages,
        content_hashes=_content_hashes(metadata),
        sources=texts(metadata, "sources"),
    )
    if recorded.facts is None:
        return lock
    intact = recorded.inputs_intact and recorded.facts.packages_digest == packages_digest(lock)
    return replace(lock, facts=replace(recorded.facts, edited=not intact))


def _require_version(top: Table, where: str) -> None:
    version = top.get("version")
    if type(version) is int and version == conda_lock_text.FORMAT_VERSION:
        return
    if "environments" in top or "packages" in top:
        raise InputError(
            "this is a pixi.lock", where=where, hint="name it pixi.lock, it is read as such"
        )
    if version is None:
        raise Refused("version", "missing", "this is no conda-lock.yml, or it was cut off")
    written = str(version) if isinstance(version, (int, str)) else "something else"
    raise Refused(
        "version",
        f"version {shown(written)} of the format is not read, only version 1",
        "lock again with the tool that wrote it, for version 1",
    )


def _recorded(metadata: Table) -> Recorded:
    custom = metadata.get("custom_metadata")
    if not isinstance(custom, Table) or KEY not in custom:
        return Recorded()
    value = custom[KEY]
    if not isinstance(value, str):
        raise Refused(f"metadata.custom_metadata.{KEY}", "a text is expected")
    return parse_facts(value)


def _extend(rows: list[object], recorded: Recorded) -> None:
    for row in rows:
        hashes = row.get("hash") if isinstance(row, Table) else None
        sha256 = hashes.get("sha256") if isinstance(hashes, dict) else None
        details = recorded.packages.get(sha256) if isinstance(sha256, str) else None
        if details is not None and isinstance(row, Table):
            extend_row(row, details)


def _platforms(metadata: Table, recorded: Recorded) -> dict[str, Platform]:
    found = {}
    for number, name in enumerate(texts(metadata, "platforms")):
        platform = parse_platform(f"metadata.platforms[{number}]", name)
        found[platform.subdir] = recorded.platforms.get(platform.subdir, platform)
    if not found:
        raise Refused("metadata.platforms", "missing")
    return found


def _channels(metadata: Table, where: str, problems: list[Problem]) -> tuple[str, ...]:
    value = metadata.get("channels")
    if not isinstance(value, list):
        raise Refused("metadata.channels", "missing" if value is None else "a list is expected")
    found: list[str] = []
    for number, entry in enumerate(value):
        key = f"metadata.channels[{number}]"
        try:
            name = text_of(entry, "url") if isinstance(entry, Table) else entry
            if not isinstance(name, str):
                raise Refused("", "a channel's name or URL is expected")
            found.append(rules.channel("", name))
        except Refused as refused:
            problems.append(
                Problem(where=f"{where}: {key}", message=refused.message, hint=refused.hint)
            )
    return tuple(found)


def _content_hashes(metadata: Table) -> dict[str, str]:
    value = metadata.get("content_hash")
    if not isinstance(value, Table):
        return {}
    return {
        name: plain_text("metadata.content_hash", digest)
        for name, digest in value.items()
        if isinstance(digest, str)
    }
