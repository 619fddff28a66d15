"""Where images are wanted: a registry, this machine's engine, an OCI layout, a tar."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mooring.build.embedded.request import Output, Variant
from mooring.build.interface import RECIPE_LABEL, SmokeResult
from mooring.errors import InputError, MooringError
from mooring.files import write_file
from mooring.oci.content import Content, ImageContent, images_of, manifest_of
from mooring.oci.model import LocalImage, same_platform
from mooring.oci.reference import ImageReference
from mooring.platforms import Platform
from mooring.reporting import Reporter


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An image by the names that it gets.

    Attributes:
        reference: Repository and content tag.
        tags: The other tags.
    """

    variant: Variant
    reference: ImageReference
    tags: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every whole name, the content tag's first."""
        return (str(self.reference), *(str(self.reference.with_tag(tag)) for tag in self.tags))


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """What is known of an image where it arrived, or was found.

    Attributes:
        digest: Of the manifest or index, in a registry or a layout.
        image_id: In an engine.
        place: Such as `oci:DIR:TAG`, for other commands; empty where the name says it all.
        registry: Whether a registry has it.
        new: Whether it was brought there now.
    """

    digest: str | None = None
    image_id: str | None = None
    place: str = ""
    smoke: SmokeResult | None = None
    registry: bool = False
    new: bool = False

    def joined(self, other: Arrival) -> Arrival:
        """Return what both say."""
        return dataclasses.replace(
            self,
            digest=self.digest or other.digest,
            image_id=self.image_id or other.image_id,
            smoke=self.smoke or other.smoke,
        )


class Destination(Protocol):
    """One place that an image is wanted at."""

    def find(self, wanted: Wanted) -> Arrival | None:
        """Return the image when it is there; give it the other tags then."""

    def deliver(self, wanted: Wanted, content: Content) -> Arrival:
        """Bring it there; its content tag appears last."""


class Engine(Protocol):
    """What is asked of an engine; see `mooring.build.daemon.Daemon`."""

    def inspect(self, reference: str) -> LocalImage | None:
        """Return an image by name or id, or None."""

    def load(self, stream: Iterable[bytes]) -> object:
        """Take an image from the pieces of a tar."""

    def tag(self, image: str, reference: ImageReference) -> None:
        """Give an image another name."""

    def untag(self, reference: ImageReference) -> None:
        """Take a name away."""


class EngineDestination:
    """The engine of this machine; several platforms give it the one that it runs.

    Args:
        engine: The engine.
        try_out: Runs a fresh image once.
    """

    def __init__(
        self,
        engine: Engine,
        reporter: Reporter,
        try_out: Callable[[Wanted, LocalImage], SmokeResult | None] | None = None,
    ) -> None:
        self._engine = engine
        self._reporter = reporter
        self._try_out = try_out

    def find(self, wanted: Wanted) -> Arrival | None:
        """Look up the name, and compare the recipe digest in the image's label."""
        found = self._engine.inspect(str(wanted.reference))
        recipes = {recipe.digest for recipe in wanted.variant.recipes}
        if found is None or dict(found.labels).get(RECIPE_LABEL) not in recipes:
            return None
        self._tag(found, wanted)
        self._tell_platform(found.platform, len(recipes))
        return Arrival(image_id=found.image_id)

    def deliver(self, wanted: Wanted, content: Content) -> Arrival:
        """Load it under a name of its own, run it once, and only then give it its tags."""
        from mooring.digests import digest_bytes
        from mooring.oci.archive_writer import archive_pieces

        image = _runnable(content)
        # The engine's own id is that of the configuration, or with newer stores the manifest's.
        fresh = wanted.reference.with_tag(f"{wanted.reference.tag}-new")
        self._reporter.step("Loading the image into the engine")
        self._engine.load(archive_pieces(image, (str(fresh),)))
        found = self._engine.inspect(str(fresh)) or self._engine.inspect(digest_bytes(image.config))
        if found is None:
            raise MooringError("the engine took the image and does not have it", where=str(fresh))
        try:
            smoke = self._try_out(wanted, found) if self._try_out else None
            self._engine.tag(found.image_id, wanted.reference)
            self._tag(found, wanted)
        finally:
            with contextlib.suppress(Exception):
                self._engine.untag(fresh)
        self._tell_platform(image.platform, len(images_of(content)))
        return Arrival(image_id=found.image_id, smoke=smoke, new=True)

    def _tell_platform(self, platform: str, of: int) -> None:
        if of > 1:
            self._reporter.note(f"the engine has {platform} only, one of {of} platforms")

    def _tag(self, image: LocalImage, wanted: Wanted) -> None:
        for tag in wanted.tags:
            self._engine.tag(image.image_id, wanted.reference.with_tag(tag))


class OutputDestination:
    """A file or a folder that is asked for by name.

    Args:
        output: The file or folder.
        own_folder: A folder of Mooring's own around it, which git must not see.
    """

    def __init__(
        self, output: Output, reporter: Reporter, *, own_folder: Path | None = None
    ) -> None:
        self._output = output
        self._reporter = reporter
        self._own_folder = own_folder

    def find(self, wanted: Wanted) -> Arrival | None:
        """Look for all names in a layout; a tar is written anew, from layers that are there."""
        if self._output.kind == "docker":
            from mooring.oci.archive_writer import check_place

            check_place(self._output.path)
            return None
        from mooring.oci.layout_writer import named_digest

        found = named_digest(self._output.path, wanted.names)
        return None if found is None else Arrival(digest=found, place=self._place(wanted))

    def deliver(self, wanted: Wanted, content: Content) -> Arrival:
        """Write it."""
        self._reporter.step(f"Writing {self._output.kind}:{self._output.path}")
        if self._own_folder is not None:
            write_file(self._own_folder / ".gitignore", "*\n")
        if self._output.kind == "oci":
            from mooring.oci.layout_writer import write_layout

            write_layout(self._output.path, content, wanted.names)
            digest = manifest_of(content).digest
            return Arrival(digest=digest, place=self._place(wanted), new=True)
        from mooring.oci.archive_writer import write_archive

        write_archive(self._output.path, _only(content), wanted.names)
        return Arrival(place=self._place(wanted), new=True)

    def _place(self, wanted: Wanted) -> str:
        if self._output.kind == "docker":
            return f"docker-archive:{self._output.path}"
        return f"oci:{self._output.path}:{wanted.reference.tag}"


def _only(content: Content) -> ImageContent:
    images = images_of(content)
    if len(images) > 1:
        raise InputError(
            "a tar for `docker load` holds one platform",
            where="--output",
            hint="name one platform, or write oci:DIR",
        )
    return images[0]


def _runnable(content: Content) -> ImageContent:
    """Return the image that an engine of this machine runs."""
    images = images_of(content)
    here = Platform.current().oci or "linux/amd64"
    for image in images:
        if len(images) == 1 or same_platform(image.platform, here):
            return image
    raise InputError(f"none of the platforms is that of this machine's engine, {here}")


def joined(arrivals: Sequence[Arrival]) -> Arrival:
    """Return what all places say together."""
    whole = Arrival()
    for arrival in arrivals:
        whole = whole.joined(arrival)
    return whole
