"""Writing OCI layouts: a folder of blobs and an index, beside the images that are there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from mooring.digests import DIGEST_PATTERN, canonical_json, digest_bytes, digest_file
from mooring.errors import InputError, MooringError
from mooring.files import one_writer, read_text, remove_leftovers, write_file, writing
from mooring.oci.content import Blob, Content, images_of
from mooring.oci.layout import INDEX_NAME
from mooring.oci.model import OCI_INDEX, parse_object
from mooring.oci.names import CONTAINERD_NAME, REF_NAME, entries, name_annotations, small_blobs
from mooring.oci.transfer import pieces_of

LAYOUT_NAME = "oci-layout"
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_INDEX_LIMIT = 4 << 20
_OURS = frozenset({LAYOUT_NAME, INDEX_NAME, "blobs"})


def write_layout(folder: Path, content: Content, names: Sequence[str]) -> None:
    """Write an image or an index into an OCI layout, which is made where there is none.

    Other images of the layout stay; a name that another image has goes over to this one. The
    blobs are there before `index.json` names them, and it is replaced whole.

    Args:
        folder: The layout.
        content: What is written.
        names: Tags, or whole references; none leaves the image without a name.

    Raises:
        InputError: A name is none, or the folder holds something else.
        MooringError: Something cannot be read or written.
    """
    named = entries(content, names)
    with one_writer(folder):
        index = _index_of(folder)
        blobs = folder / "blobs" / "sha256"
        for each in (folder, blobs):
            remove_leftovers(each)
        for layer in {
            layer.descriptor.digest: layer for image in images_of(content) for layer in image.layers
        }.values():
            _keep_layer(blobs, layer)
        for digest, data in small_blobs(content).items():
            if not _has(blobs / digest[7:], len(data), digest):
                write_file(blobs / digest[7:], data)
        write_file(folder / LAYOUT_NAME, LAYOUT)
        there = index["manifests"]
        assert isinstance(there, list)
        kept = [entry for entry in there if not any(_replaces(new, entry) for new in named)]
        write_file(folder / INDEX_NAME, canonical_json({**index, "manifests": [*kept, *named]}))


def named_digest(folder: Path, names: Sequence[str]) -> str | None:
    """Return the digest that all of the names have in a layout; None when one has another.

    An image whose blobs are not all there, or not as long as they were, is none.

    Raises:
        InputError: The folder holds something else.
    """
    found: set[str | None] = set()
    entries = _index_of(folder)["manifests"]
    assert isinstance(entries, list)
    for name in names:
        wanted = name_annotations(name)
        digests = [e.get("digest") for e in entries if wanted.items() <= _annotations(e).items()]
        found.add(digests[0] if digests else None)
    digest = found.pop() if len(found) == 1 else None
    return digest if _is_whole(folder / "blobs" / "sha256", digest) else None


def _is_whole(blobs: Path, digest: object, depth: int = 1) -> bool:
    """Return whether the blobs of an image are there; manifests are read, layers looked at."""
    if not isinstance(digest, str) or not DIGEST_PATTERN.fullmatch(digest):
        return False
    try:
        data = read_text(blobs / digest[7:], limit=_INDEX_LIMIT)
        document = parse_object(data.encode(), "manifest")
    except MooringError:
        return False
    if digest_bytes(data.encode()) != digest:
        return False
    if isinstance(images := document.get("manifests"), list):
        inner = [each.get("digest") if isinstance(each, dict) else None for each in images]
        return depth > 0 and all(_is_whole(blobs, each, depth - 1) for each in inner)
    layers = document.get("layers")
    return isinstance(layers, list) and all(
        _is_there(blobs, each) for each in (document.get("config"), *layers)
    )


def _is_there(blobs: Path, described: object) -> bool:
    described = described if isinstance(described, dict) else {}
    digest, size = described.get("digest"), described.get("size")
    if not isinstance(digest, str) or not DIGEST_PATTERN.fullmatch(digest):
        return False
    try:
        return (blobs / digest[7:]).stat().st_size == size
    except OSError:
        return False


def _keep_layer(blobs: Path, layer: Blob) -> None:
    path = blobs / layer.descriptor.digest[7:]
    if _has(path, layer.descriptor.size, layer.descriptor.digest):
        return
    with writing(path) as stream:
        for piece in pieces_of(layer):
            stream.write(piece)


def _has(path: Path, size: int, digest: str) -> bool:
    """Return whether a blob is there; a damaged one is as good as none."""
    try:
        return path.stat().st_size == size and digest_file(path) == digest
    except OSError:
        return False


def _index_of(folder: Path) -> dict[str, object]:
    """Return the index of a layout, or that of an empty one.

    Raises:
        InputError: The folder holds something else, or a layout of another version.
    """
    where = str(folder)
    try:
        found = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    except FileNotFoundError:
        found = set()
    except OSError as error:
        raise InputError(f"this is no folder for images: {error.strerror}", where=where) from error
    if strange := sorted(found - _OURS):
        raise InputError(
            f"the folder holds something else than an OCI layout: {strange[0]}",
            where=where,
            hint="name an empty folder, or one that does not exist",
        )
    if INDEX_NAME not in found:
        return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    version = _object(folder / LAYOUT_NAME).get("imageLayoutVersion")
    if version != "1.0.0":
        raise InputError(f"the layout has the unknown version {version!r}", where=where)
    index = _object(folder / INDEX_NAME)
    manifests = index.get("manifests")
    if not isinstance(manifests, list) or not all(isinstance(each, dict) for each in manifests):
        raise InputError("its index lists no manifests", where=str(folder / INDEX_NAME))
    return index


def _object(path: Path) -> dict[str, object]:
    try:
        document = json.loads(read_text(path, limit=_INDEX_LIMIT))
    except (ValueError, RecursionError) as error:
        raise InputError("this is not JSON", where=str(path)) from error
    if not isinstance(document, dict):
        raise InputError("this is not a JSON object", where=str(path))
    return document


def _replaces(new: Mapping[str, object], old: Mapping[str, object]) -> bool:
    """Return whether an entry takes an older one's place: same name; or none, and same image."""
    ours, theirs = _annotations(new), _annotations(old)
    if ours.get(REF_NAME) != theirs.get(REF_NAME):
        return False
    if REF_NAME not in ours:
        return new["digest"] == old.get("digest")
    full = {ours.get(CONTAINERD_NAME), theirs.get(CONTAINERD_NAME)} - {None}
    return len(full) < 2


def _annotations(entry: Mapping[str, object]) -> Mapping[str, object]:
    found = entry.get("annotations")
    return found if isinstance(found, dict) else {}
