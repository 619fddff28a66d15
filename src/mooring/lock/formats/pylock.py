"""pylock.toml (PEP 751): reading anybody's, writing ours.

Every reader goes through `packaging.pylock`, so that what is valid here is valid for other tools;
`pylock_rules` then refuses what would be unsafe to use.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from mooring.digests import digest_document
from mooring.errors import InputError
from mooring.files import parse_toml
from mooring.lock.formats.pylock_parse import Table, parse_lock
from mooring.lock.formats.pylock_provenance import provenance_lines
from mooring.lock.formats.pylock_rules import MAX_FILE_NAME, file_name
from mooring.lock.formats.pylock_text import (
    LOCK_VERSION,
    bare_url,
    lock_lines,
    package_order,
    to_the_second,
)
from mooring.lock.inputs import inputs_digest
from mooring.lock.model import Artifact, Lock, Package, Provenance
from mooring.urls import redact

FILE_NAME = "pylock.toml"
PACKAGES_SCHEMA = 1

_DAMAGED = "take the file whole from version control, or run `mooring lock` to write it again"


def read(text: str, where: str) -> Lock:
    """Read a pylock.toml of any writer.

    Args:
        text: The content of the file.
        where: How messages name the file.

    Raises:
        InputError: It is not valid by PEP 751, or it is unsafe to use; line or key path is named.
    """
    raw = _parse(text, where)
    _validate(raw, where)
    return parse_lock(raw, where)


def read_provenance(text: str, where: str) -> Provenance | None:
    """Read only what Mooring says about a lock, and tell whether the lock is as it was written.

    Returns:
        None when another tool wrote the lock or dropped Mooring's table.

    Raises:
        InputError: The file is no valid lock.
    """
    return read_recorded(text, where).provenance


def read_recorded(text: str, where: str) -> Lock:
    """Read a lock, and tell in its provenance whether it is as it was written.

    Packages that still have the recorded digest were valid when they were written: `packaging`
    is not loaded to validate them again, and the time left is that of parsing TOML.

    Raises:
        InputError: The file is no valid lock.
    """
    raw = _parse(text, where)
    # Nothing was validated yet: what goes wrong here has its proper name below.
    with contextlib.suppress(AttributeError, InputError, KeyError, TypeError, ValueError):
        lock = parse_lock(raw, where)
        if lock.provenance is not None and _as_recorded(raw, lock):
            return lock
    _validate(raw, where)
    lock = parse_lock(raw, where)
    if lock.provenance is None:
        return lock
    return replace(lock, provenance=replace(lock.provenance, edited=not _as_recorded(raw, lock)))


def write(lock: Lock) -> str:
    """Return the text of the lock; the same lock gives the same bytes.

    Packages are sorted, credentials are left out, `[tool.mooring]` comes last and only when the
    lock has provenance.
    """
    lines = list(lock_lines(lock))
    if lock.provenance is not None:
        lines += provenance_lines(lock.provenance, packages_digest(lock))
    lines.append("")
    return "\n".join(lines)


def packages_digest(lock: Lock) -> str:
    """Return the digest of what the lock would install, independent of how the file is laid out.

    `created-by`, record ids and `[tool.mooring]` itself are left out.
    """
    return digest_document(
        {
            "schema": PACKAGES_SCHEMA,
            "requires-python": lock.requires_python,
            "environments": lock.environments,
            "extras": sorted(lock.extras),
            "groups": sorted(lock.groups),
            "default-groups": sorted(lock.default_groups),
            "packages": [_package_row(p) for p in sorted(lock.packages, key=package_order)],
        }
    )


def _as_recorded(raw: Table, lock: Lock) -> bool:
    provenance = lock.provenance
    return (
        provenance is not None
        and raw["lock-version"] == LOCK_VERSION
        and provenance.packages_digest == packages_digest(lock)
        and raw["tool"]["mooring"].get("inputs-digest") == inputs_digest(provenance.inputs)
    )


def _package_row(package: Package) -> list[object]:
    return [
        package.name,
        package.version,
        package.marker,
        package.requires_python,
        bare_url(package.index),
        sorted([d.name, d.version or ""] for d in package.dependencies),
        [_artifact_row(wheel) for wheel in package.wheels],
        _artifact_row(package.sdist) if package.sdist else None,
        _artifact_row(package.direct) if package.direct else None,
        # Schema 1 has a place for record ids here. They decide nothing that is installed, and they
        # may come and go between two locks of the same packages.
        [],
    ]


def _artifact_row(artifact: Artifact) -> list[object]:
    return [
        artifact.kind,
        # Elsewhere the name is only read off the URL.
        artifact.name if artifact.kind in ("wheel", "sdist") else None,
        bare_url(artifact.url),
        artifact.path,
        artifact.size,
        to_the_second(artifact.upload_time) if artifact.upload_time else None,
        sorted(artifact.hashes),
        [artifact.vcs, artifact.commit, artifact.requested_revision],
        [artifact.subdirectory, artifact.editable],
    ]


def _parse(text: str, where: str) -> Table:
    try:
        return parse_toml(text, where)
    except InputError as error:
        raise InputError(error.message, where=error.where, hint=error.hint or _DAMAGED) from error


def _validate(raw: Table, where: str) -> None:
    # packaging.pylock costs 40 ms to import: verbs that need no validation do not pay for it.
    from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError

    _refuse_long_names(raw, where)
    try:
        Pylock.from_dict(raw)
    except PylockUnsupportedVersionError as error:
        raise InputError(
            f"{error.message}: Mooring reads version 1",
            where=f"{where}: lock-version",
            hint="write the lock again with a tool that follows PEP 751 version 1",
        ) from error
    except PylockValidationError as error:
        place = f"{where}: {error.context}" if error.context else where
        message = redact(" ".join(error.message.split())) + _package_name(raw, error.context)
        raise InputError(message, where=place, hint=_DAMAGED) from error


def _refuse_long_names(raw: Table, where: str) -> None:
    """Refuse the wheels that `packaging` would take minutes to read; nothing else is checked."""
    packages = raw.get("packages")
    for number, package in enumerate(packages if isinstance(packages, list) else ()):
        wheels = package.get("wheels") if isinstance(package, dict) else None
        for count, wheel in enumerate(wheels if isinstance(wheels, list) else ()):
            if isinstance(wheel, dict) and len(file_name(wheel)) > MAX_FILE_NAME:
                raise InputError(
                    f"the file name is longer than {MAX_FILE_NAME} characters",
                    where=f"{where}: packages[{number}].wheels[{count}]",
                    hint=_DAMAGED,
                )


def _package_name(raw: Table, context: str | None) -> str:
    """Return ` (package numpy)` for a key path such as `packages[3].wheels[0]`."""
    number = (context or "").removeprefix("packages[").partition("]")[0]
    try:
        name = raw["packages"][int(number)]["name"]
    except (KeyError, TypeError, ValueError, IndexError):
        return ""
    return f" (package {name})" if isinstance(name, str) and name.isprintable() else ""
