"""`base = "debian:bookworm"`: a base that is assembled from a distribution's packages."""

from __future__ import annotations

import re
from dataclasses import dataclass

DISTRIBUTIONS = ("debian", "ubuntu")

_REFERENCE = re.compile(rf"(?P<distribution>{'|'.join(DISTRIBUTIONS)}):(?P<suite>[a-z]{{2,32}})")
_MOVING = frozenset(
    {"devel", "experimental", "latest", "oldoldstable", "oldstable", "rolling", "sid", "stable"}
    | {"testing", "unstable"}
)
"""Tags of images that look like codenames; they name whatever is released, so no base of ours."""

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,127}")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class SystemBase:
    """A release of a distribution, named as its archive names it: `debian:bookworm`."""

    distribution: str
    suite: str

    @classmethod
    def parse(cls, text: str) -> SystemBase | None:
        """Return the release that a declared base means, or None when it means an image.

        The image of that name in a registry is written `docker.io/library/debian:bookworm`.
        """
        match = _REFERENCE.fullmatch(text)
        if match is None or match["suite"] in _MOVING:
            return None
        return cls(distribution=match["distribution"], suite=match["suite"])

    def __str__(self) -> str:
        return f"{self.distribution}:{self.suite}"


def is_package_name(text: str) -> bool:
    """Return whether this can be the name of a package (Debian policy, 5.6.1)."""
    return _PACKAGE.fullmatch(text) is not None
