"""Which artifacts a sync installed, noted in the environment itself.

Installers record name and version only, so that a lock whose artifact changed under the same
version would look satisfied. The note is no proof of anything: verification does not read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mooring.errors import InputError
from mooring.files import read_text, write_file
from mooring.lock.model import Selection

NOTE_NAME = ".mooring-sync.json"
_SCHEMA = "synced/1"
_LIMIT = 8 << 20


def write_note(environment: Path, selection: Selection) -> None:
    """Note the digests of what is installed now.

    Raises:
        MooringError: The file cannot be written.
    """
    document = {"schema": _SCHEMA, "artifacts": _digests(selection)}
    write_file(environment / NOTE_NAME, json.dumps(document, indent=1, sort_keys=True) + "\n")


def replaced_artifacts(environment: Path, selection: Selection) -> tuple[str, ...]:
    """Return the packages whose locked artifact is another one than a sync installed, sorted."""
    noted = _read(environment / NOTE_NAME)
    return tuple(
        name
        for name, digest in sorted(_digests(selection).items())
        if name in noted and noted[name] != digest
    )


def _digests(selection: Selection) -> dict[str, str]:
    return {
        selected.package.name: digest
        for selected in selection.packages
        if (digest := selected.artifact.sha256 or selected.artifact.commit)
    }


def _read(path: Path) -> Mapping[str, str]:
    """Return what was noted; a note that is absent or damaged says nothing."""
    try:
        document = json.loads(read_text(path, limit=_LIMIT))
        artifacts = document["artifacts"] if document["schema"] == _SCHEMA else {}
        return {str(name): str(digest) for name, digest in artifacts.items()}
    except (InputError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
