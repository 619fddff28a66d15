"""An image that lies in files, never started: what every form of it has in common."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mooring.digests import DIGEST_PATTERN, digest_bytes
from mooring.oci.layers import Layer
from mooring.oci.model import platform_of, same_platform
from mooring.oci.store import SavedImageError, Store, read_small

CONFIG_LIMIT = 8 << 20
MOST_LAYERS = 1000


class PlatformNotThere(SavedImageError):
    """A saved image for several platforms has not the one that is wanted (exit code 3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedImage:
    """One image for one platform.

    Attributes:
        id: Digest of its configuration, what engines call the image id.
        platform: OCI `os/arch`.
        labels, variables: Of its configuration.
        layers: Lowest first.
        config: The bytes of its configuration.
        manifest_digest: Of an image in an OCI layout, `sha256:<hex>`.
        platforms: All that it was chosen from, sorted; empty where there was no choice.
    """

    store: Store
    id: str
    platform: str
    labels: Mapping[str, str]
    variables: Mapping[str, str]
    layers: tuple[Layer, ...]
    config: bytes = b""
    manifest_digest: str | None = None
    platforms: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """What an image's configuration says."""

    platform: str
    labels: Mapping[str, str]
    variables: Mapping[str, str]
    diff_ids: tuple[str, ...]


def read_config(data: bytes, where: str) -> Config:
    """Read an image's configuration (OCI image specification, image configuration).

    Raises:
        SavedImageError: It is not what the specification says.
    """
    document = read_object(data, where)
    inner = document.get("config")
    inner = inner if isinstance(inner, dict) else {}
    labels, variables = inner.get("Labels"), inner.get("Env")
    rootfs = document.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or not all(
        isinstance(each, str) and DIGEST_PATTERN.fullmatch(each) for each in diff_ids
    ):
        raise SavedImageError("the image's configuration lists no layers by digest", where=where)
    return Config(
        platform=platform_of(document) or "linux/amd64",
        labels=_texts(labels) if isinstance(labels, dict) else {},
        variables=dict(
            text.partition("=")[::2]
            for text in (variables if isinstance(variables, list) else ())
            if isinstance(text, str)
        ),
        diff_ids=tuple(diff_ids),
    )


def read_object(data: bytes, where: str) -> dict[str, object]:
    """Parse what must be a JSON object.

    Raises:
        SavedImageError: It is not.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SavedImageError("this is not JSON", where=where) from error
    if not isinstance(document, dict):
        raise SavedImageError("this is not a JSON object", where=where)
    return document


def blob_of(store: Store, digest: object, limit: int) -> bytes:
    """Return a small blob of an OCI layout, checked against its digest.

    Raises:
        SavedImageError: It is absent, too large, or another one.
    """
    name = blob_name(digest, store.where)
    data = read_small(store, name, limit)
    if digest_bytes(data) != digest:
        raise SavedImageError(
            f"{name} is not what its digest says",
            where=store.where,
            hint="the image was changed or is damaged; save or pull it again",
        )
    return data


def blob_name(digest: object, where: str) -> str:
    """Return where an OCI layout keeps a blob.

    Raises:
        SavedImageError: The digest is none.
    """
    if not isinstance(digest, str) or not DIGEST_PATTERN.fullmatch(digest):
        raise SavedImageError("a descriptor has no SHA-256 digest", where=where)
    return f"blobs/sha256/{digest.partition(':')[2]}"


def choose_platform(known: Sequence[tuple[str, str]], wanted: Sequence[str], where: str) -> str:
    """Return the key of the image for the first wanted platform.

    Args:
        known: (platform, key) of each image.
        wanted: OCI platforms, the best first.
        where: How messages name the index.

    Raises:
        SavedImageError: There is none, and not just one to choose from.
    """
    if len(known) == 1:
        return known[0][1]
    for platform in wanted:
        for found, key in known:
            if same_platform(found, platform):
                return key
    if not known:
        raise SavedImageError("it holds no image", where=where)
    raise PlatformNotThere(
        f"it holds no image for {', '.join(wanted) or 'this platform'}",
        where=where,
        hint="it is for " + ", ".join(sorted({platform for platform, _ in known})),
    )


def _texts(values: Mapping[object, object]) -> dict[str, str]:
    return {
        key: value
        for key, value in values.items()
        if isinstance(key, str) and isinstance(value, str)
    }
