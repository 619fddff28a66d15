"""The recipe of an image that the embedded builder makes, as one explicit document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mooring.build.embedded.interface import ENVIRONMENT_ROOT, LAYER_FORMAT
from mooring.build.embedded.plan.groups import DEFAULT_BUDGET, groupings
from mooring.build.recipe import HashedFile, artifact_rows, content_tag
from mooring.digests import digest_document
from mooring.lock.model import Selection
from mooring.manifest.model import ImageSpec

EMBEDDED_SCHEMA = 1
INDEX_SCHEMA = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddedRecipe:
    """Everything that decides one image for one platform.

    It is known before anything is downloaded. The compressor is not in it: an image's identity is
    its configuration with the digests of its plain layers.

    Attributes:
        selection: The artifacts, platform and Python.
        base: Manifest digest of the base for this platform, or what else identifies it.
        spec: Environment variables, user, entry point and the like.
        labels: (name, value) pairs as they will be in the image, the recipe's own left out.
        files: The project's files, by path, executable bit and digest.
        epoch: `SOURCE_DATE_EPOCH`, seconds.
        bytecode: Whether the image holds compiled byte code; which Python compiled it is decided
            by the base.
    """

    selection: Selection
    base: str
    spec: ImageSpec
    labels: tuple[tuple[str, str], ...] = ()
    files: tuple[HashedFile, ...] = ()
    epoch: int = 0
    bytecode: bool = False

    def document(self) -> dict[str, object]:
        """Return the document that is hashed; see docs/reference/content-tag.md."""
        spec = self.spec
        return {
            "schema": EMBEDDED_SCHEMA,
            "builder": "oci",
            "layers": _layers(self.selection),
            "platform": self.selection.platform.oci or str(self.selection.platform),
            "python": str(self.selection.python),
            "artifacts": artifact_rows(self.selection),
            "base": self.base,
            "root": ENVIRONMENT_ROOT,
            "bytecode": self.bytecode,
            "files": sorted([file.path, file.executable, file.digest] for file in self.files),
            "env": [[name, value] for name, value in spec.env],
            "labels": sorted([name, value] for name, value in self.labels),
            "workdir": spec.workdir,
            "user": spec.user,
            "ports": sorted(spec.ports),
            "entrypoint": list(spec.entrypoint),
            "cmd": list(spec.cmd),
            "healthcheck": list(spec.healthcheck),
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


def _layers(selection: Selection) -> dict[str, object]:
    """Return how artifacts are laid out: locks of the same artifacts may lack their sizes."""
    grouping = next(groupings(selection.packages, DEFAULT_BUDGET))
    return {
        "format": LAYER_FORMAT,
        "alone": [each.package.name for each in grouping.alone],
        "shared": len(grouping.shared),
    }


def index_digest(recipes: Sequence[EmbeddedRecipe]) -> str:
    """Return what identifies images for several platforms together.

    For one platform it is the recipe digest itself, so that a single image has one tag whether or
    not others are built beside it.
    """
    if len(recipes) == 1:
        return recipes[0].digest
    members: Mapping[str, str] = {
        str(recipe.document()["platform"]): recipe.content_tag for recipe in recipes
    }
    return digest_document({"schema": INDEX_SCHEMA, "images": sorted(members.items())})
