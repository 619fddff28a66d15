"""A declared base image becomes a digest for each platform: from its registry, or local."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from mooring.errors import MooringError
from mooring.lock.formats.mooring_lock import BaseImageLock, MooringLock
from mooring.oci.model import (
    EngineImages,
    ImageNotFound,
    LocalImage,
    RegistryError,
    same_platform,
)
from mooring.oci.reference import ImageReference
from mooring.oci.saved_names import is_saved_image
from mooring.platforms import Platform
from mooring.reporting import SILENT, Reporter
from mooring.resolve.saved_base import resolve_saved


class BaseImageError(MooringError):
    """No digest could be found for a base image (exit code 3)."""


class RegistryImages(Protocol):
    """The one question that a base image look-up asks a registry."""

    def platform_digests(
        self, reference: ImageReference, platforms: Sequence[str]
    ) -> Mapping[str, str]:
        """Return the manifest digest of each OCI platform that the image has.

        Raises:
            RegistryError: There is no such image, or the registry cannot be asked.
        """


def resolve_base(
    reference: str,
    platforms: Sequence[Platform],
    *,
    engine: EngineImages | None = None,
    reporter: Reporter = SILENT,
    previous: MooringLock | None = None,
    upgrade: bool = False,
    root: Path | None = None,
) -> tuple[BaseImageLock, ...]:
    """Pin a base image with the registry that it names; see `BaseImageResolver.resolve`.

    A saved image (`oci:DIR`, `FILE.tar`) is pinned by what lies in its files; a relative path
    starts in the folder `root`.
    """
    if is_saved_image(reference):
        kept = MooringLock() if upgrade or previous is None else previous
        folder = root or Path()
        return resolve_saved(reference, platforms, root=folder, kept=kept, reporter=reporter)
    from mooring.oci.registry import RegistryClient  # loads only when a base image is declared

    with RegistryClient() as registry:
        resolver = BaseImageResolver(registry=registry, engine=engine)
        return resolver.resolve(
            reference, platforms, previous=previous, upgrade=upgrade, reporter=reporter
        )


class BaseImageResolver:
    """Pins base images.

    Args:
        registry: Asked first; None works without the network.
        engine: The local engine, asked for what the registry cannot tell; None when absent.
    """

    def __init__(
        self, *, registry: RegistryImages | None = None, engine: EngineImages | None = None
    ) -> None:
        self._registry = registry
        self._engine = engine

    def resolve(
        self,
        reference: str,
        platforms: Sequence[Platform],
        *,
        previous: MooringLock | None = None,
        upgrade: bool = False,
        reporter: Reporter = SILENT,
    ) -> tuple[BaseImageLock, ...]:
        """Return one entry a platform, sorted; some may say that the image is absent there.

        Args:
            reference: As declared. With a digest in it, that digest is kept.
            platforms: Every platform of the manifest; those without an OCI name are skipped.
            previous: Entries in it are kept, and nobody is asked about them.
            upgrade: Ask about every platform again.
            reporter: Hears where an image was found when that may surprise.

        Raises:
            InputError: The reference cannot be parsed.
            BaseImageError: No platform has such an image; the message says what was tried.
        """
        parsed = ImageReference.parse(reference)
        wanted = _oci_platforms(platforms)
        kept: dict[str, BaseImageLock] = {}
        if previous is not None and not upgrade:
            for oci, platform in wanted.items():
                if entry := previous.base_image(reference, platform):
                    kept[oci] = entry
        missing = {oci: platform for oci, platform in wanted.items() if oci not in kept}
        if missing:
            reporter.step(f"Looking up the base image {reference}")
            kept |= self._look_up(parsed, missing, reporter, elsewhere=bool(kept))
        return tuple(sorted(kept.values(), key=lambda entry: str(entry.platform)))

    def _look_up(
        self,
        reference: ImageReference,
        platforms: Mapping[str, Platform],
        reporter: Reporter,
        *,
        elsewhere: bool,
    ) -> dict[str, BaseImageLock]:
        """Look up each platform; `elsewhere` says that others are known to have the image."""
        digests, refusal, answered = self._ask_registry(reference, tuple(platforms))
        found: dict[str, BaseImageLock] = {}
        failures: dict[str, str] = {}
        for oci, platform in platforms.items():
            digest = digests.get(oci)
            if reference.digest and (digest or not answered):
                digest = reference.digest  # what the user wrote stands, an index digest too
            if digest:
                found[oci] = _entry(reference, platform, digest=digest)
                continue
            local, absence = self._ask_engine(reference, oci)
            if local is not None:
                found[oci] = _local_entry(reference, platform, local)
                _say_local(found[oci], reporter)
                continue
            tried = refusal or f"{reference.registry} has it for other platforms only"
            failures[oci] = f"{tried}; {absence}"
        # A registry that is down says nothing about other platforms; an image that only this
        # engine has is there for no other.
        if failures and not (found or (elsewhere and answered)):
            lines = "\n".join(f"  {oci}: {why}" for oci, why in failures.items())
            raise BaseImageError(
                f"the base image {reference} was not found for:\n{lines}",
                hint="check its name and tag; build or pull it on this machine, or log in to "
                f"its registry with `docker login {reference.registry}`",
            )
        for oci in failures:
            reporter.warn(f"{reference} is not offered for {oci}: no image can be built for it")
            found[oci] = BaseImageLock(
                reference=str(reference), platform=platforms[oci], absent=True
            )
        return found

    def _ask_registry(
        self, reference: ImageReference, platforms: Sequence[str]
    ) -> tuple[Mapping[str, str], str | None, bool]:
        """Return the digests, in words why there are none, and whether the registry answered."""
        if self._registry is None:
            return {}, "the registry was not asked", False
        try:
            return self._registry.platform_digests(reference, platforms), None, True
        except RegistryError as error:
            return {}, error.message, isinstance(error, ImageNotFound)

    def _ask_engine(self, reference: ImageReference, oci: str) -> tuple[LocalImage | None, str]:
        """Return the local image of that platform, and in words why there is none."""
        if self._engine is None:
            return None, "no local engine was asked"
        try:
            image = self._engine.inspect(str(reference))
        except MooringError as error:
            return None, error.message
        if image is None:
            return None, "the local engine does not have it"
        if not same_platform(image.platform, oci):
            return None, f"the local engine has it for {image.platform}"
        return image, ""


def _oci_platforms(platforms: Sequence[Platform]) -> dict[str, Platform]:
    """Return OCI name to platform with its default floor: a floor does not choose an image."""
    return {
        platform.oci: Platform.parse(platform.subdir)
        for platform in platforms
        if platform.oci is not None
    }


def _entry(
    reference: ImageReference,
    platform: Platform,
    *,
    digest: str | None = None,
    image_id: str | None = None,
) -> BaseImageLock:
    return BaseImageLock(
        reference=str(reference), platform=platform, digest=digest, image_id=image_id
    )


def _local_entry(reference: ImageReference, platform: Platform, image: LocalImage) -> BaseImageLock:
    known = (ImageReference.parse(text) for text in image.repo_digests)
    digests = [one.digest for one in known if one.digest and one.same_repository(reference)]
    if digests:
        digest = reference.digest if reference.digest in digests else digests[0]
        return _entry(reference, platform, digest=digest)
    return _entry(reference, platform, image_id=image.image_id)


def _say_local(entry: BaseImageLock, reporter: Reporter) -> None:
    if entry.image_id:
        reporter.warn(
            f"{entry.reference} is only in this machine's engine: others cannot build on it"
        )
    else:
        reporter.note(f"{entry.reference}: digest taken from the local engine")
