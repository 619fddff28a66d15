"""Bases of images: what `mooring.lock` says of them, and resolving what it does not say."""

from __future__ import annotations

from pathlib import Path

from mooring.errors import InputError, MooringError
from mooring.files import read_text
from mooring.lock.formats import mooring_lock
from mooring.lock.formats.mooring_lock import BaseImageLock, MooringLock
from mooring.lock.formats.system_lock import SystemLock
from mooring.manifest.model import Manifest
from mooring.manifest.system import SystemBase
from mooring.oci.reference import ImageReference
from mooring.oci.saved_names import is_saved_image
from mooring.platforms import Platform
from mooring.reporting import Reporter
from mooring.workflow.system_bases import lock_systems, system_changes


def read_bases(path: Path) -> MooringLock:
    """Read `mooring.lock`; an absent file is an empty one."""
    if not path.exists():
        return MooringLock(base_images=())
    return mooring_lock.read(read_text(path), str(path))


def image_platforms(manifest: Manifest) -> tuple[Platform, ...]:
    """Return the declared platforms that images can be built for."""
    return tuple(p for p in manifest.platforms if p.oci is not None)


def declared_base(manifest: Manifest, base: str | None) -> str | None:
    """Return the base image that is asked for: the option, else the manifest's, else None.

    Raises:
        InputError: The option is no name of an image.
    """
    if base and not (is_saved_image(base) or SystemBase.parse(base)):
        ImageReference.parse(base, "--base")
    return base or (manifest.image.base if manifest.image else None)


def describe_base(manifest: Manifest, path: Path, base: str | None = None) -> str | None:
    """Say for which platforms `mooring.lock` holds the base that is asked for; None for none."""
    reference = declared_base(manifest, base)
    if reference is None:
        return None
    held = read_bases(path)
    system = SystemBase.parse(reference)
    names = [
        str(platform)
        for platform in image_platforms(manifest)
        if (held.system(system, platform) if system else _offered(held, reference, platform))
    ]
    return f"the base {reference} for {', '.join(names)}" if names else None


def _offered(held: MooringLock, reference: str, platform: Platform) -> bool:
    entry = held.base_image(reference, platform)
    return entry is not None and not entry.absent


def base_changes(manifest: Manifest, path: Path, base: str | None = None) -> list[str]:
    """Say which declared base images `mooring.lock` does not hold."""
    reference = declared_base(manifest, base)
    if reference is None:
        return []
    held = read_bases(path)
    if system := SystemBase.parse(reference):
        return system_changes(manifest, system, held, path.name, image_platforms(manifest))
    missing = [str(p) for p in image_platforms(manifest) if held.base_image(reference, p) is None]
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
    platforms = image_platforms(manifest)
    if system := SystemBase.parse(reference):
        return lock_systems(
            manifest,
            system,
            platforms,
            previous=previous,
            upgrade=upgrade,
            offline=offline,
            reporter=reporter,
        )
    missing = [p for p in platforms if previous.base_image(reference, p) is None]
    # Saved images lie on this machine.
    if offline and (missing or upgrade) and not is_saved_image(reference):
        raise MooringError(
            f"the base image {reference} is not locked for "
            + ", ".join(map(str, missing or platforms))
            + ", and --offline forbids asking for it",
            hint="run `mooring lock` once with the network, or pass --no-base",
        )
    from mooring.build.engine import local_images  # the engine is asked only when needed
    from mooring.resolve.base_image import resolve_base

    entries = resolve_base(
        reference,
        platforms,
        engine=local_images(),
        reporter=reporter,
        previous=previous,
        upgrade=upgrade,
        root=manifest.root,
    )
    return MooringLock(base_images=entries)


def find_system(path: Path, base: SystemBase, platform: Platform) -> SystemLock:
    """Return the locked packages of a system base for a platform.

    Raises:
        InputError: `mooring.lock` does not hold them.
    """
    system = read_bases(path).system(base, platform)
    if system is None:
        raise InputError(
            f"the packages of the base {base} are not locked for {platform}",
            where=str(path),
            hint=f"run `mooring lock`; for another base than the manifest's, "
            f"`mooring lock --base {base}`",
        )
    return system


def find_base(path: Path, reference: str, platform: Platform) -> BaseImageLock:
    """Return the locked base image for a platform.

    Raises:
        InputError: `mooring.lock` does not hold it, or it is assembled from packages.
    """
    if SystemBase.parse(reference):
        raise InputError(
            f"{reference} is a base that is assembled from packages: no Docker engine can",
            hint="build with `--engine oci`, or take the image of that name as the base: "
            f'base = "docker.io/library/{reference}"',
        )
    entry = read_bases(path).base_image(reference, platform)
    if entry is None:
        raise InputError(
            f"the base image {reference} is not locked for {platform}",
            where=str(path),
            hint=f"run `mooring lock`; for another base than the manifest's, "
            f"`mooring lock --base {reference}`",
        )
    if entry.absent:
        raise InputError(
            f"the base image {reference} is not offered for {platform}",
            where=str(path),
            hint="choose another base or platform; `mooring lock --upgrade-base` asks again",
        )
    return entry
