"""The image that a document is about."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from mooring.build.documents.purls import oci_purl
from mooring.oci.reference import ImageReference

CREATOR = "mooring"
_NAMESPACE = uuid.UUID("5f0a6ea4-6d0c-5a33-9d1c-6f6f6f72696e")
"""Of the names that documents are identified by; any fixed value does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentSubject:
    """One image for one platform.

    Attributes:
        repository: Without tag, such as `registry.example.com/team/churn`, or a bare name.
        tag: The content tag.
        digest: Of its manifest, `sha256:<hex>`.
        platform: OCI `os/arch[/variant]`.
        created: Seconds since 1970: the epoch of the build, never the clock.
        base: Reference and manifest digest of the image from a registry that it was built upon;
            None for other bases, whose packages are components.
    """

    repository: str
    tag: str
    digest: str
    platform: str
    created: int
    base: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        """The last part of the repository."""
        return self.repository.rpartition("/")[2]

    @property
    def purl(self) -> str:
        """The package URL of the image."""
        return oci_purl(self.repository, self.digest, self.platform, self.tag)

    @property
    def base_purl(self) -> str | None:
        """The package URL of the base image."""
        if self.base is None:
            return None
        reference, digest = self.base
        found = ImageReference.parse(reference)
        # Not as it was declared: scanners know no short names.
        return oci_purl(f"{found.registry}/{found.repository}", digest, self.platform)

    @property
    def sha256(self) -> str:
        """The manifest digest without its prefix."""
        return self.digest.removeprefix("sha256:")

    @property
    def time(self) -> datetime:
        """When the image was made, as far as it says so itself."""
        return datetime.fromtimestamp(self.created, UTC)

    def document_id(self, kind: str) -> uuid.UUID:
        """Return what identifies the document of a kind about this image, always the same."""
        return uuid.uuid5(_NAMESPACE, f"{kind} {self.purl}")
