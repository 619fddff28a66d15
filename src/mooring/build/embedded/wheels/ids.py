"""Record ids of the wheels in an image: what `mooring verify` tells another artifact by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mooring.artifacts.cache import RECORD_IDS, FactCache
from mooring.artifacts.record import RECORD_HEADER, NoIdentity, document_id
from mooring.artifacts.wheel_record import Damaged, read_local
from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.lock.model import Selected, Selection

Fetch = Callable[[Sequence[Selected]], Mapping[str, Path]]
"""Gives the files of packages by package name, each compared with its locked SHA-256."""


def record_ids_of(selection: Selection, fetch: Fetch) -> dict[str, str]:
    """Return the record id of every wheel of a selection that has one, by file name.

    They follow from the wheels alone and never change: files are only asked for where no cache
    knows the id.

    Args:
        selection: What is in the image.
        fetch: Called once at most.

    Raises:
        MooringError: A wheel cannot be had (exit code 3).
    """
    cache = FactCache(RECORD_IDS)
    known = cache.read()
    wheels = [
        each
        for each in selection.packages
        if each.artifact.name.endswith(".whl") and each.artifact.sha256
    ]
    missing = [each for each in wheels if each.artifact.sha256 not in known]
    if missing:
        files = fetch(missing)
        found = {
            each.artifact.sha256 or "": _id_of(files[each.package.name], each) for each in missing
        }
        cache.add(found)
        known |= found
    return {
        each.artifact.name: value
        for each in wheels
        if (value := known.get(each.artifact.sha256 or "")) is not None
    }


def _id_of(path: Path, selected: Selected) -> str | None:
    try:
        return document_id(RECORD_HEADER, read_local(path).lines)
    except Damaged as error:
        raise EmbeddedBuildError(
            f"the wheel cannot be read: {error}", where=selected.artifact.name
        ) from error
    except NoIdentity:
        return None
