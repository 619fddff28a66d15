"""The recipe: everything that decides an image, as one explicit document with a schema number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mooring.digests import digest_document
from mooring.lock.model import Selection

RECIPE_SCHEMA = 1
TAG_PREFIX = "moor-"
TAG_HEX_DIGITS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class HashedFile:
    """One file of the build context as the recipe sees it: path, executable bit and digest."""

    path: str
    executable: bool
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Everything that decides an image for one platform.

    Owners, times, tags, the repository, secrets and the raw bytes of the lock are left out on
    purpose: they may change without changing what the image contains.

    Attributes:
        builder: `docker` or `oci`.
        selection: The artifacts, platform and Python.
        base: Manifest digest or, for an image only the local engine has, its image id.
        dockerfile: Digest of the rendered Dockerfile.
        build_args: (name, value) pairs.
        context: The files of the build context.
        epoch: `SOURCE_DATE_EPOCH`, seconds.
    """

    builder: str
    selection: Selection
    base: str
    dockerfile: str
    build_args: tuple[tuple[str, str], ...] = ()
    context: tuple[HashedFile, ...] = ()
    epoch: int = 0

    def document(self) -> dict[str, object]:
        """Return the document that is hashed; see docs/reference/content-tag.md."""
        return {
            "schema": RECIPE_SCHEMA,
            "builder": self.builder,
            # Not the libc floor: it decides nothing but the artifacts, and they are in here.
            "platform": self.selection.platform.oci or str(self.selection.platform),
            "python": str(self.selection.python),
            "artifacts": artifact_rows(self.selection),
            "base": self.base,
            "dockerfile": self.dockerfile,
            "build-args": sorted([name, value] for name, value in self.build_args),
            "context": sorted([file.path, file.executable, file.digest] for file in self.context),
            "epoch": self.epoch,
        }

    @property
    def digest(self) -> str:
        """The recipe digest, `sha256:<hex>` of the canonical JSON of `document`."""
        return digest_document(self.document())

    @property
    def content_tag(self) -> str:
        """The tag of the image: `moor-` and the first 16 hex digits of the recipe digest."""
        return content_tag(self.digest)


def content_tag(digest: str) -> str:
    """Return the tag that stands for a recipe digest: `moor-` and its first 16 hex digits."""
    return TAG_PREFIX + digest.removeprefix("sha256:")[:TAG_HEX_DIGITS]


def artifact_rows(selection: Selection) -> list[list[str]]:
    """Return sorted [name, version, file name, sha256] of what a selection installs."""
    return sorted(_artifacts(selection))


def _artifacts(selection: Selection) -> Iterable[list[str]]:
    for selected in selection.packages:
        artifact = selected.artifact
        yield [
            selected.package.name,
            selected.package.version or "",
            artifact.name or artifact.url or artifact.path or "",
            artifact.sha256 or artifact.commit or "",
        ]
