"""The lock inside of an image: what it was made of, so that it can be verified by itself."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from mooring.build.embedded.interface import EmbeddedBuildError, Entry, Place
from mooring.digests import digest_bytes
from mooring.lock.alternatives import file_tags
from mooring.lock.carried import CARRIED_LOCK, LARGEST_LOCK
from mooring.lock.formats import pylock
from mooring.lock.formats.pylock_text import CREATED_BY
from mooring.lock.model import (
    Artifact,
    EnvironmentSelection,
    Lock,
    Package,
    Provenance,
    Selected,
    Selection,
    Target,
)
from mooring.manifest.model import DEFAULT_ENVIRONMENT
from mooring.oci.store import Source
from mooring.platforms import DEFAULT_FLOORS, Platform

_FLOOR_TAG = re.compile(r"(?:many|musl)linux_(\d{1,2})_(\d{1,2})_")
_LEGACY_FLOORS = {"manylinux1_": (2, 5), "manylinux2010_": (2, 12), "manylinux2014_": (2, 17)}
_OLDEST_MUSL = (1, 1)


def lock_entries(
    selection: Selection, place: Place, *, record_ids: Mapping[str, str] | None = None
) -> tuple[Entry, ...]:
    """Return the file of the lock; see `lock_text` and `lock_path`.

    Raises:
        EmbeddedBuildError: The lock is larger than `mooring verify` would read (exit code 3).
    """
    data = lock_text(selection, record_ids=record_ids).encode("utf-8")
    if len(data) > LARGEST_LOCK:
        raise EmbeddedBuildError(f"the lock has more than {LARGEST_LOCK >> 20} MiB")

    @contextlib.contextmanager
    def opened() -> Iterator[Source]:
        yield io.BytesIO(data)

    return (Entry(path=lock_path(place), size=len(data), open=opened),)


def lock_path(place: Place) -> str:
    """Return where the lock is in the image: the value of the label `dev.mooring.lock`."""
    return f"{place.root}/{CARRIED_LOCK}"


def lock_digest(selection: Selection, *, record_ids: Mapping[str, str] | None = None) -> str:
    """Return the digest of the lock's text: the value of the label `dev.mooring.lock-digest`."""
    return digest_bytes(lock_text(selection, record_ids=record_ids).encode("utf-8"))


def lock_text(selection: Selection, *, record_ids: Mapping[str, str] | None = None) -> str:
    """Return the selection as the text of a pylock.toml for one platform and Python.

    It holds what the recipe of the image covers and nothing else, so that equal recipes give equal
    bytes: no addresses, sizes and upload times, no markers, and of each package the one artifact
    that is installed.

    Args:
        selection: What the image is made of.
        record_ids: Record id by file name, for every wheel that has one: they follow from the
            wheels, whereas a lock may have them or not. Without it, those of the lock.
    """
    environment = selection.environment or DEFAULT_ENVIRONMENT
    target = Target(environment=environment, platform=_platform(selection), python=selection.python)
    return pylock.write(
        Lock(
            created_by=CREATED_BY,
            requires_python=f"=={selection.python.short}.*",
            packages=tuple(_package(selected, record_ids) for selected in selection.packages),
            provenance=Provenance(
                # Not the inputs of the project: a changed group that is not in the image would
                # change the image.
                inputs={"schema": 1, "python": str(selection.python)},
                environments=(EnvironmentSelection(name=environment),),
                targets=(target,),
            ),
        )
    )


def _package(selected: Selected, record_ids: Mapping[str, str] | None) -> Package:
    package, artifact = selected.package, _artifact(selected.artifact)
    known = dict(package.record_ids) if record_ids is None else record_ids
    name = selected.artifact.name
    return Package(
        name=package.name,
        version=package.version,
        wheels=(artifact,) if artifact.kind == "wheel" else (),
        sdist=artifact if artifact.kind == "sdist" else None,
        direct=artifact if artifact.kind not in ("wheel", "sdist") else None,
        record_ids=((name, known[name]),) if name in known else (),
    )


def _artifact(artifact: Artifact) -> Artifact:
    """Return an artifact without what does not decide its bytes."""
    if artifact.kind in ("vcs", "directory"):
        return artifact
    hashes = (("sha256", artifact.sha256),) if artifact.sha256 else artifact.hashes
    # PEP 751 wants an address or a path: the file's name is the path beside the lock.
    return replace(
        artifact, url=None, path=artifact.name, hashes=hashes, size=None, upload_time=None
    )


def _platform(selection: Selection) -> Platform:
    """Return the platform with the oldest libc that the artifacts run on.

    The declared one is not in the recipe: it decides the artifacts, which are.
    """
    kind = selection.platform.floor_kind
    if kind not in ("glibc", "musl"):
        return selection.platform
    default = DEFAULT_FLOORS["linux"][1] if kind == "glibc" else _OLDEST_MUSL
    floors = [
        min(floors)
        for selected in selection.packages
        if (floors := list(_floors(selected.artifact)))
    ]
    return replace(selection.platform, floor=max([default, *floors]))


def _floors(artifact: Artifact) -> Iterator[tuple[int, int]]:
    for tag in file_tags(artifact):
        if match := _FLOOR_TAG.match(tag.platform):
            yield int(match[1]), int(match[2])
        for prefix, floor in _LEGACY_FLOORS.items():
            if tag.platform.startswith(prefix):
                yield floor
