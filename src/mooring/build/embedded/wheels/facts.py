"""What wheels say of themselves, read from wheels that were compared with the lock before."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from mooring.build.embedded.wheels.metadata import WheelMetadata, read_metadata
from mooring.build.embedded.wheels.refused import WheelRefused

_LIMIT = 8 << 20


def facts_of(wheels: Mapping[str, Path]) -> dict[str, WheelMetadata]:
    """Return the METADATA of wheels by package name.

    Raises:
        WheelRefused: A wheel has none, or it says nothing.
    """
    return {name: _metadata(path) for name, path in wheels.items()}


def _metadata(path: Path) -> WheelMetadata:
    try:
        with zipfile.ZipFile(path) as archive:
            inner = next(
                info
                for info in archive.infolist()
                if info.filename.endswith(".dist-info/METADATA") and info.filename.count("/") == 1
            )
            with archive.open(inner) as stream:
                return read_metadata(stream.read(_LIMIT), path.name)
    except StopIteration:
        raise WheelRefused("it has no METADATA", where=path.name) from None
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise WheelRefused(f"its METADATA cannot be read: {error}", where=path.name) from error
