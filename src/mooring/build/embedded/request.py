"""What the embedded builder is asked for: images of one content, and where they are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mooring.build.embedded.recipe import EmbeddedRecipe, index_digest
from mooring.build.interface import ContextFile
from mooring.build.names import image_names
from mooring.build.recipe import HashedFile, content_tag
from mooring.errors import InputError
from mooring.lock.formats.system_lock import SystemLock
from mooring.lock.model import Selection
from mooring.manifest.model import ImageSpec, Index
from mooring.render.interface import BaseImage

OutputKind = Literal["oci", "docker"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A place on this machine that an image is written to.

    Attributes:
        kind: `oci` is a folder with an OCI image layout, `docker` a tar for `docker load`.
        path: Folder or file.
    """

    kind: OutputKind
    path: Path

    @classmethod
    def parse(cls, text: str, where: str = "--output") -> Output:
        """Parse `oci:DIR` or `docker:FILE.tar`.

        Raises:
            InputError: It is neither.
        """
        kind, colon, path = text.partition(":")
        if colon and path and kind == "oci":
            return cls(kind="oci", path=Path(path))
        if colon and path and kind == "docker":
            return cls(kind="docker", path=Path(path))
        raise InputError(
            f"{text!r} is not an output",
            where=where,
            hint="write oci:DIR for an OCI layout, docker:FILE.tar for `docker load`",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformImage:
    """One of the images: for one platform.

    Attributes:
        labels: Of the image, the recipe's own left out.
        epoch: `SOURCE_DATE_EPOCH`, seconds; the `created` times of the image.
    """

    selection: Selection
    base: BaseImage | SystemLock
    labels: tuple[tuple[str, str], ...] = ()
    epoch: int = 0

    @property
    def platform(self) -> str:
        """The OCI platform, `os/arch`."""
        return self.selection.platform.oci or str(self.selection.platform)

    @property
    def base_digest(self) -> str:
        """What identifies the base: manifest digest, image id, or digest of its packages."""
        if isinstance(self.base, SystemLock):
            return self.base.digest
        return self.base.digest or self.base.image_id or self.base.reference


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedRequest:
    """Images for one or several platforms, of the same declaration.

    Attributes:
        images: One a platform, in the order of the manifest.
        files: The project's files, by path relative to the working folder of the image.
        hashed: The same as the recipe sees them.
        root: The project folder; relative paths of locks start there.
        tags: Tags besides the content tag.
        push: Have it in the registry that `repository` names.
        load: Have it in this machine's engine.
        offline: Download nothing that is not pushed to.
        attest: Put SBOM and provenance beside the image where it is pushed to.
        sign_key: PEM file of the key that signs them.
        smoke: Command that must end with 0 in a loaded image; None does not run it at all.
        overridden: Normalised names of packages whose requirements the manifest overrides.
    """

    images: tuple[PlatformImage, ...]
    spec: ImageSpec
    repository: str
    root: Path
    files: tuple[ContextFile, ...] = ()
    hashed: tuple[HashedFile, ...] = ()
    tags: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = ()
    push: bool = False
    load: bool = False
    indexes: tuple[Index, ...] = ()
    offline: bool = False
    attest: bool = True
    sign_key: Path | None = None
    smoke: tuple[str, ...] | None = None
    overridden: frozenset[str] = frozenset()

    def check(self) -> None:
        """Refuse names and outputs that do not fit, before anything is asked or done.

        Raises:
            InputError: A repository, a tag or an output does not fit.
        """
        for variant in self.variants:
            image_names(self.repository, variant.content_tag, self.tags)
        if len(self.images) > 1 and any(output.kind == "docker" for output in self.outputs):
            raise InputError(
                "a tar for `docker load` holds one platform",
                where="--output",
                hint="name one platform, or write oci:DIR",
            )

    def variant(self, bytecode: bool) -> Variant:
        """Return the recipes with or without byte code."""
        recipes = tuple(
            EmbeddedRecipe(
                selection=image.selection,
                base=image.base_digest,
                spec=self.spec,
                labels=image.labels,
                files=self.hashed,
                epoch=image.epoch,
                bytecode=bytecode,
            )
            for image in self.images
        )
        return Variant(bytecode=bytecode, recipes=recipes)

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What may be made, the better first; one when the manifest decides it."""
        wanted = (True, False) if self.spec.bytecode is None else (self.spec.bytecode,)
        return tuple(self.variant(each) for each in wanted)


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """The recipes of all platforms, with or without byte code."""

    bytecode: bool
    recipes: tuple[EmbeddedRecipe, ...]

    @property
    def digest(self) -> str:
        """The recipe digest; of several platforms, the digest of their content tags."""
        return index_digest(self.recipes)

    @property
    def content_tag(self) -> str:
        """The tag of the image, or of the index of several."""
        return content_tag(self.digest)
