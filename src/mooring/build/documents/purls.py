"""Package URLs: the one name by which documents, scanners and advisories mean a package."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from mooring.oci.reference import ImageReference


def purl(
    kind: str, name: str, version: str | None, qualifiers: Mapping[str, str] | None = None
) -> str:
    """Write a package URL in its canonical form (purl specification, "How to build").

    Args:
        kind: Type, with the namespace where there is one: `pypi`, `deb/debian`.
        name: As the type's own rules normalise it.
        version: Whole version; None where there is none.
        qualifiers: Empty values are left out.
    """
    text = f"pkg:{kind}/{quote(name, safe='.-_~')}"
    if version is not None:
        text += "@" + quote(version, safe=".-_~:")
    pairs = sorted((key, value) for key, value in (qualifiers or {}).items() if value)
    if pairs:
        text += "?" + "&".join(f"{key}={quote(value, safe='.-_~:/')}" for key, value in pairs)
    return text


def oci_purl(repository: str, digest: str, platform: str, tag: str | None = None) -> str:
    """Return the package URL of an image, as the type `oci` of the specification has it.

    Args:
        repository: A reference; its tag and digest are not used.
        digest: Of the manifest, `sha256:<hex>`.
        platform: OCI `os/arch[/variant]`.
        tag: Tag to name.

    Raises:
        InputError: The repository is no valid reference.
    """
    where = ImageReference.parse(repository).name
    qualifiers = {
        "arch": platform.partition("/")[2].partition("/")[0],
        "repository_url": where,
        "tag": tag or "",
    }
    return purl("oci", where.rpartition("/")[2], digest, qualifiers)
