"""What documents want to know of packages; whoever read them need not know of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class WheelFacts(Protocol):
    """What the documents want to know of a wheel's METADATA."""

    @property
    def license_expression(self) -> str | None:
        """`License-Expression` (PEP 639)."""

    @property
    def license(self) -> str | None:
        """The old `License` field."""

    @property
    def classifiers(self) -> Sequence[str]:
        """All classifiers."""

    @property
    def requires_dist(self) -> Sequence[str]:
        """All requirements, with their markers."""

    @property
    def summary(self) -> str | None:
        """One line about it."""


class DebFacts(Protocol):
    """What the documents want to know of a locked Debian package."""

    @property
    def name(self) -> str:
        """Name of the package."""

    @property
    def version(self) -> str:
        """Whole version, with epoch and revision."""

    @property
    def architecture(self) -> str:
        """`amd64`, `all` and the like."""

    @property
    def path(self) -> str:
        """Where the archive has it: `pool/...`."""

    @property
    def sha256(self) -> str:
        """Of the file, lower-case hex."""


class CondaFacts(Protocol):
    """What the documents want to know of a locked conda package."""

    @property
    def name(self) -> str:
        """Name of the package."""

    @property
    def version(self) -> str:
        """Version without the build."""

    @property
    def build(self) -> str:
        """Build string."""

    @property
    def subdir(self) -> str:
        """`linux-64`, `noarch`."""

    @property
    def channel(self) -> str:
        """Name of the channel, no address."""

    @property
    def file_name(self) -> str:
        """Of the archive."""

    @property
    def sha256(self) -> str | None:
        """Of the archive, lower-case hex."""

    @property
    def license(self) -> str | None:
        """As the channel says it."""

    @property
    def depends(self) -> Sequence[str]:
        """Match specifications of what it needs."""
