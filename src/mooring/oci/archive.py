"""Image archives: the tar of `docker save`, and OCI layouts in a tar."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mooring.digests import digest_bytes
from mooring.oci.layers import Layer
from mooring.oci.layout import INDEX_NAME, read_layout
from mooring.oci.saved import (
    CONFIG_LIMIT,
    MOST_LAYERS,
    SavedImage,
    choose_platform,
    read_config,
)
from mooring.oci.saved_names import split_prefix
from mooring.oci.store import FolderStore, SavedImageError, Store, TarStore, read_small

_MANIFEST_NAME = "manifest.json"
_MANIFEST_LIMIT = 4 << 20
_HUB = "docker.io/"
_LIBRARY = f"{_HUB}library/"


def open_saved_image(name: str, wanted: Sequence[str]) -> SavedImage:
    """Open `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:TAG]` or `FILE.tar`.

    Args:
        name: As the user wrote it.
        wanted: OCI platforms to choose from an image for several, the best first.

    Raises:
        SavedImageError: It is absent, damaged, or holds no such image.
    """
    prefix, rest = split_prefix(name)
    path, tag = _split(rest)
    if prefix == "oci:" or path.is_dir():
        return read_layout(_folder(path), tag, wanted)
    store = TarStore(path)
    # Newer engines save an OCI layout with a manifest.json beside it: the layout says more.
    if store.has(INDEX_NAME) and store.has("oci-layout") and prefix != "docker-archive:":
        return read_layout(store, tag, wanted)
    if not store.has(_MANIFEST_NAME):
        raise SavedImageError(
            "this is no saved image: it has neither manifest.json nor index.json",
            where=store.where,
            hint="the tar of a root file system (`docker export`) is given with --tar",
        )
    return _docker_image(store, tag, wanted)


def _split(text: str) -> tuple[Path, str | None]:
    """Split a tag off behind the shortest path that exists; names of images hold colons too."""
    parts = text.split(":")
    if not Path(text).exists():
        for count in range(1, len(parts)):
            path = Path(":".join(parts[:count]))
            if parts[0] and path.exists():
                return path, ":".join(parts[count:])
    return Path(text), None


def _folder(path: Path) -> Store:
    if not path.is_dir():
        raise SavedImageError(
            "there is no such folder", where=str(path), hint="write oci:DIR or oci:DIR:TAG"
        )
    return FolderStore(path)


def _docker_image(store: Store, tag: str | None, wanted: Sequence[str]) -> SavedImage:
    """Read `manifest.json`: a list of images with the names of their files."""
    images = [_image(store, entry) for entry in _entries(store, tag)]
    keys = [(image.platform, str(number)) for number, image in enumerate(images)]
    if tag is None and len({image.id for image in images}) > 1:
        raise SavedImageError(
            "it holds several images", where=store.where, hint="name one: docker-archive:FILE:TAG"
        )
    return images[int(choose_platform(keys[:1] if tag is None else keys, wanted, store.where))]


def _entries(store: Store, tag: str | None) -> list[Mapping[str, object]]:
    where = f"{store.where}: {_MANIFEST_NAME}"
    try:
        entries = json.loads(read_small(store, _MANIFEST_NAME, _MANIFEST_LIMIT))
    except (ValueError, RecursionError) as error:
        raise SavedImageError("this is not JSON", where=where) from error
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise SavedImageError("this is no list of images", where=where)
    if tag is None:
        return entries
    named = [entry for entry in entries if _is_named(entry, tag)]
    if not named:
        known = sorted({name for entry in entries for name in _tags(entry)})
        raise SavedImageError(
            f"it holds no image {tag!r}", where=store.where, hint="there are " + ", ".join(known)
        )
    return named


def _is_named(entry: Mapping[str, object], tag: str) -> bool:
    # Some tools write the registry that is meant where none is written.
    return any(
        tag in (name, name.rpartition(":")[2], name.removeprefix(_HUB), name.removeprefix(_LIBRARY))
        for name in _tags(entry)
    )


def _tags(entry: Mapping[str, object]) -> list[str]:
    tags = entry.get("RepoTags")
    return [each for each in tags if isinstance(each, str)] if isinstance(tags, list) else []


def _image(store: Store, entry: Mapping[str, object]) -> SavedImage:
    name, layers = entry.get("Config"), entry.get("Layers")
    where = f"{store.where}: {_MANIFEST_NAME}"
    if (
        not isinstance(name, str)
        or not isinstance(layers, list)
        or not all(isinstance(each, str) for each in layers)
        or len(layers) > MOST_LAYERS
    ):
        raise SavedImageError("an image does not name its configuration and layers", where=where)
    data = read_small(store, name, CONFIG_LIMIT)
    # Its file is named by its digest: `<hex>.json`, or `blobs/sha256/<hex>`.
    named = name.rpartition("/")[2].removesuffix(".json")
    if digest_bytes(data) != f"sha256:{named}":
        raise SavedImageError(
            f"{name} is not what its digest says",
            where=store.where,
            hint="the image was changed or is damaged; save it again",
        )
    config = read_config(data, f"{store.where}: {name}")
    if len(config.diff_ids) != len(layers):
        raise SavedImageError("its configuration lists other layers", where=where)
    return SavedImage(
        store=store,
        id=f"sha256:{named}",
        platform=config.platform,
        labels=config.labels,
        variables=config.variables,
        layers=tuple(
            Layer(name=layer, diff_id=diff_id) for layer, diff_id in zip(layers, config.diff_ids)
        ),
        config=data,
    )
