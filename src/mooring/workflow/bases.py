"""Base images: what `mooring.lock` says of them, and resolving what it does not say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mooring.errors import InputError, MooringError
from mooring.files import read_text
from mooring.lock.formats import mooring_lock
from mooring.lock.formats.mooring_lock import BaseImageLock, MooringLock
from mooring.manifest.model import Manifest
from mooring.platforms import Platform
from mooring.reporting import Reporter


def read_bases(path: Path) -> MooringLock:
    """Read `mooring.lock`; an absent file is an empty one."""
    if not path.exists():
        return MooringLock(base_images=())
    return mooring_lock.read(read_text(path), str(path))


def image_platforms(manifest: Manifest) -> tuple[Platform, ...]:
    """Return the declared platforms that images can be built for."""
    return tuple(p for p in manifest.platforms if p.oci is not None)


def declared_base(manifest: Manifest, base: str | None) -> str | None:
    """Return the base image that is asked for: the option, else the manifest's, else None."""
    return base or (manifest.image.base if manifest.image else None)


def base_changes(manifest: Manifest, path: Path, base: str | None = None) -> list[str]:
    """Say which declared base images `mooring.lock` does not hold."""
    reference = declared_base(manifest, base)
    if reference is None:
        return []
    held = {(entry.reference, entry.platform.oci) for entry in read_bases(path).base_images}
    missing = [str(p) for p in image_platforms(manifest) if (reference, p.oci) not in held]
    if not missing:
        return []
    return [f"{path.name}: the base image {reference} is not locked for {', '.join(missing)}"]


def lock_bases(
    manifest: Manifest,
    previous: MooringLock,
    *,
    base: str | None,
    upgrade: bool,
    offline: bool,
    reporter: Reporter,
) -> MooringLock:
    """Return the lock of the declared base image for every platform an image can be built for.

    Entries that are there already are kept unless `upgrade` is set.

    Raises:
        MooringError: A base image is found neither in its registry nor in the local engine.
    """
    reference = declared_base(manifest, base)
    if reference is None:
        return MooringLock(base_images=())
    kept = [] if upgrade else [e for e in previous.base_images if e.reference == reference]
    known = {entry.platform.oci for entry in kept}
    wanted = [p for p in image_platforms(manifest) if p.oci not in known]
    if not wanted:
        return MooringLock(base_images=tuple(kept))
    if offline:
        raise MooringError(
            f"the base image {reference} is not locked for "
            + ", ".join(map(str, wanted))
            + ", and --offline forbids asking for it",
            hint="run `mooring lock` once with the network, or pass --no-base",
        )
    reporter.step(f"Resolving the base image {reference}")
    return MooringLock(base_images=(*kept, *_resolve(reference, wanted, reporter)))


def find_base(path: Path, reference: str, platform: Platform) -> BaseImageLock:
    """Return the locked base image for a platform.

    Raises:
        InputError: `mooring.lock` does not hold it.
    """
    for entry in read_bases(path).base_images:
        if entry.reference == reference and entry.platform.oci == platform.oci:
            return entry
    raise InputError(
        f"the base image {reference} is not locked for {platform}",
        where=str(path),
        hint="run `mooring lock`",
    )


def _resolve(
    reference: str, platforms: Sequence[Platform], reporter: Reporter
) -> tuple[BaseImageLock, ...]:
    from mooring.build.engine import local_images  # the engine is asked only when needed
    from mooring.resolve.base_image import resolve_base

    return resolve_base(reference, platforms, engine=local_images(), reporter=reporter)
