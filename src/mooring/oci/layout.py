"""OCI image layouts (OCI image specification, image layout): a folder, or the same in a tar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mooring.oci.layers import Layer
from mooring.oci.model import INDEX_TYPES, platform_of
from mooring.oci.saved import (
    CONFIG_LIMIT,
    MOST_LAYERS,
    SavedImage,
    blob_name,
    blob_of,
    choose_platform,
    read_config,
    read_object,
)
from mooring.oci.store import SavedImageError, Store, read_small

INDEX_NAME = "index.json"

_MANIFEST_LIMIT = 4 << 20
_MOST_IMAGES = 1000
_DEEPEST = 4
_NAME_ANNOTATIONS = ("org.opencontainers.image.ref.name", "io.containerd.image.name")
_ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    digest: str
    platform: str


def read_layout(store: Store, name: str | None, wanted: Sequence[str]) -> SavedImage:
    """Return one image of a layout.

    Args:
        store: The layout.
        name: Tag, full name or digest of the image; None when it holds one.
        wanted: OCI platforms to choose from an image for several, the best first.

    Raises:
        SavedImageError: There is no such image, or a document is not what its digest says.
    """
    index = read_object(read_small(store, INDEX_NAME, _MANIFEST_LIMIT), _at(store, INDEX_NAME))
    entries = _named(_entries(index, store), name, store)
    found: list[_Found] = []
    for entry in entries:
        _expand(store, entry, found, _DEEPEST)
    digest = choose_platform(
        sorted({(each.platform, each.digest) for each in found}), wanted, store.where
    )
    platforms = sorted({each.platform for each in found})
    image = _image(store, digest)
    return replace(image, platforms=tuple(platforms)) if len(platforms) > 1 else image


def _named(
    entries: list[Mapping[str, object]], name: str | None, store: Store
) -> list[Mapping[str, object]]:
    if name is None:
        # Entries that share their names are one image, for several platforms.
        names = {each for entry in entries for each in _names(entry)}
        if len({str(entry.get("digest")) for entry in entries}) > 1 and len(names) > 1:
            raise SavedImageError(
                "it holds several images",
                where=store.where,
                hint="name one: oci:DIR:TAG; there are " + ", ".join(_shown(entries)[:20]),
            )
        return entries
    chosen = [entry for entry in entries if name in _names(entry) or name == entry.get("digest")]
    if not chosen:
        shown = ", ".join(_shown(entries)[:20])
        raise SavedImageError(
            f"it holds no image {name!r}",
            where=store.where,
            hint="there are " + (shown or "only images without a name"),
        )
    return chosen


def _shown(entries: list[Mapping[str, object]]) -> list[str]:
    """Return the images for people: each once, by its shortest names that no other one has."""
    images: dict[str, set[str]] = {}
    for entry in entries:
        images.setdefault(str(entry.get("digest")), set()).update(_names(entry)[:1])
    taken = [name for names in images.values() for name in names]
    for entry in entries:
        short, *longer = [*_names(entry), ""]
        if taken.count(short) > 1 and longer[0]:
            names = images[str(entry.get("digest"))]
            names.discard(short)
            names.add(longer[0])
    return sorted(" = ".join(sorted(names)) for names in images.values() if names)


def _names(entry: Mapping[str, object]) -> list[str]:
    annotations = entry.get("annotations")
    if not isinstance(annotations, dict):
        return []
    return [value for key in _NAME_ANNOTATIONS if isinstance(value := annotations.get(key), str)]


def _expand(store: Store, entry: Mapping[str, object], found: list[_Found], depth: int) -> None:
    """Follow indexes inside of indexes down to images."""
    digest, platform = entry.get("digest"), entry.get("platform")
    blob_name(digest, store.where)
    if entry.get("mediaType") in INDEX_TYPES:
        if depth == 0:
            raise SavedImageError("indexes are nested too deeply", where=store.where)
        document = read_object(blob_of(store, digest, _MANIFEST_LIMIT), _at(store, digest))
        for inner in _entries(document, store):
            _expand(store, inner, found, depth - 1)
        return
    if len(found) >= _MOST_IMAGES:
        raise SavedImageError(f"it lists more than {_MOST_IMAGES} images", where=store.where)
    found.append(
        _Found(
            digest=str(digest),
            platform=platform_of(platform) if isinstance(platform, dict) else "",
        )
    )


def _entries(document: Mapping[str, object], store: Store) -> list[Mapping[str, object]]:
    entries = document.get("manifests")
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise SavedImageError("an index lists no manifests", where=store.where)
    return [entry for entry in entries if not _is_attestation(entry)]


def _is_attestation(entry: Mapping[str, object]) -> bool:
    annotations, platform = entry.get("annotations"), entry.get("platform")
    if isinstance(annotations, dict) and _ATTESTATION in annotations:
        return True
    return isinstance(platform, dict) and platform.get("os") == "unknown"


def _image(store: Store, digest: str) -> SavedImage:
    where = _at(store, digest)
    manifest = read_object(blob_of(store, digest, _MANIFEST_LIMIT), where)
    described, layers = manifest.get("config"), manifest.get("layers")
    if not isinstance(described, dict) or not isinstance(layers, list):
        raise SavedImageError("the manifest is not that of an image", where=where)
    if len(layers) > MOST_LAYERS:
        raise SavedImageError(f"it has more than {MOST_LAYERS} layers", where=where)
    data = blob_of(store, described.get("digest"), CONFIG_LIMIT)
    config = read_config(data, where)
    return SavedImage(
        store=store,
        id=str(described["digest"]),
        platform=config.platform,
        labels=config.labels,
        variables=config.variables,
        layers=tuple(_layer(store, each) for each in layers),
        config=data,
        manifest_digest=digest,
    )


def _layer(store: Store, described: object) -> Layer:
    described = described if isinstance(described, dict) else {}
    digest, kind, size = (described.get(key) for key in ("digest", "mediaType", "size"))
    return Layer(
        name=blob_name(digest, store.where),
        digest=str(digest),
        media_type=kind if isinstance(kind, str) else None,
        size=size if type(size) is int and size >= 0 else None,
    )


def _at(store: Store, name: object) -> str:
    return f"{store.where}: {name}"
