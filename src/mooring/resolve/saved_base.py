"""A declared base image that lies in files becomes a digest for each platform."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mooring.errors import InputError
from mooring.lock.formats.mooring_lock import BaseImageLock, MooringLock
from mooring.oci.archive import open_saved_image
from mooring.oci.model import same_platform
from mooring.oci.saved import PlatformNotThere
from mooring.oci.saved_names import is_saved_name, located
from mooring.platforms import Platform
from mooring.reporting import Reporter


def resolve_saved(
    reference: str,
    platforms: Sequence[Platform],
    *,
    root: Path,
    kept: MooringLock,
    reporter: Reporter,
) -> tuple[BaseImageLock, ...]:
    """Pin a saved image: an OCI layout by manifest digest, a `docker save` tar by image id.

    Args:
        reference: As declared: `oci:DIR[:TAG]`, `docker-archive:FILE[:TAG]` or `FILE.tar`.
        platforms: Every platform of the manifest; those without an OCI name are skipped.
        root: Folder where relative paths start.
        kept: Entries in it are returned, and their files are not looked at.
        reporter: Hears for which platforms there is no image.

    Raises:
        InputError: The name holds what cannot be locked.
        SavedImageError: The files are absent or damaged, or have none of the platforms.
    """
    if not is_saved_name(reference):
        raise InputError(
            f"{reference[:200]!r} cannot be locked as a base image",
            hint="names of folders and files are letters, digits and `. _ - + @ : /`",
        )
    found: list[BaseImageLock] = []
    failures: list[PlatformNotThere] = []
    absent: list[Platform] = []
    # A floor does not choose an image.
    plain = {p.subdir: Platform.parse(p.subdir) for p in platforms if p.oci is not None}
    for platform in plain.values():
        entry = kept.base_image(reference, platform)
        try:
            found.append(entry or _pinned(reference, platform, root))
        except PlatformNotThere as error:
            failures.append(error)
            absent.append(platform)
    if failures and not found:
        raise failures[0]
    for platform in absent:
        reporter.warn(
            f"{reference} is not offered for {platform.oci}: no image can be built for it"
        )
        found.append(BaseImageLock(reference=reference, platform=platform, absent=True))
    return tuple(sorted(found, key=lambda entry: str(entry.platform)))


def _pinned(reference: str, platform: Platform, root: Path) -> BaseImageLock:
    oci = str(platform.oci)
    image = open_saved_image(located(reference, root), [oci])
    if not same_platform(image.platform, oci):
        raise PlatformNotThere(
            f"it holds no image for {oci}", where=reference, hint=f"it is for {image.platform}"
        )
    in_layout = image.manifest_digest is not None
    return BaseImageLock(
        reference=reference,
        platform=platform,
        digest=image.manifest_digest,
        image_id=None if in_layout else image.id,
    )
