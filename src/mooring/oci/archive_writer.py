"""Writing image archives: one tar that is an OCI layout and what `docker load` has always taken."""

from __future__ import annotations

import stat
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from mooring.digests import canonical_json
from mooring.errors import InputError
from mooring.files import writing
from mooring.oci.content import ImageContent
from mooring.oci.layout import INDEX_NAME
from mooring.oci.layout_writer import LAYOUT, LAYOUT_NAME
from mooring.oci.model import OCI_INDEX
from mooring.oci.names import docker_tag, entries, small_blobs
from mooring.oci.transfer import pieces_of

_BLOCK = 512
_RECORD = 20 * _BLOCK
_FOLDERS = ("blobs", "blobs/sha256")


def write_archive(path: Path, content: ImageContent, names: Sequence[str]) -> None:
    """Write an image as a tar for `docker load`, old engines and new, and for OCI tools.

    The same image and names give the same bytes. The file is there whole, or not at all.

    Args:
        path: The file; an older one is replaced.
        content: One image for one platform.
        names: Whole references; none leaves the image without a name.

    Raises:
        InputError: A name is none.
        MooringError: A blob cannot be read, or the file cannot be written.
    """
    pieces = archive_pieces(content, names)
    with writing(path) as stream:
        for piece in pieces:
            stream.write(piece)


def check_place(path: Path) -> None:
    """Refuse a place for an archive where something else is.

    Raises:
        InputError: It is no file, below a file, or a file that is no tar.
    """
    where = str(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("this is not a file", where=where, hint="write docker:FILE.tar")
        with path.open("rb") as stream:
            start = stream.read(_BLOCK)
    except (FileNotFoundError, PermissionError):
        return  # what may not be read may still be replaced
    except OSError as error:
        raise InputError(f"this is no place for a tar: {error.strerror}", where=where) from error
    if start and start[257:262] != b"ustar":
        raise InputError(
            "there is a file already, and it is no tar",
            where=where,
            hint="name another file, or delete it",
        )


def archive_pieces(content: ImageContent, names: Sequence[str]) -> Iterator[bytes]:
    """Return what `write_archive` writes, piece by piece.

    Raises:
        InputError: A name is none; at once, before the first piece.
        MooringError: A blob cannot be read; that ends the pieces in the middle.
    """
    return _pieces(content, _descriptions(content, names))


def _descriptions(content: ImageContent, names: Sequence[str]) -> dict[str, bytes]:
    """Return the files that say what is in the archive."""
    tags = list(dict.fromkeys(docker_tag(name) for name in names))
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries(content, tags)}
    image = {
        "Config": _blob_name(content.manifest.config().digest),
        "RepoTags": tags or None,
        "Layers": [_blob_name(layer.descriptor.digest) for layer in content.layers],
    }
    return {
        LAYOUT_NAME: LAYOUT,
        INDEX_NAME: canonical_json(index),
        # Engines before containerd's image store read only this; it names the same files.
        "manifest.json": b"[" + canonical_json(image) + b"]",
    }


def _pieces(content: ImageContent, descriptions: dict[str, bytes]) -> Iterator[bytes]:
    total = 0
    for piece in _members(content, descriptions):
        total += len(piece)
        yield piece
    # Two empty blocks end a tar, which is filled up to whole records.
    end = total + 2 * _BLOCK
    yield b"\0" * (2 * _BLOCK + -end % _RECORD)


def _members(content: ImageContent, descriptions: dict[str, bytes]) -> Iterator[bytes]:
    for name, data in descriptions.items():
        yield _header(name, len(data)) + data + _padding(len(data))
    for name in _FOLDERS:
        yield _header(name, 0, tarfile.DIRTYPE)
    small = small_blobs(content)
    layers = {layer.descriptor.digest: layer for layer in content.layers}
    for digest in sorted(small.keys() | layers.keys()):
        if digest in small:
            data = small[digest]
            yield _header(_blob_name(digest), len(data)) + data + _padding(len(data))
        else:
            size = layers[digest].descriptor.size
            yield _header(_blob_name(digest), size)
            yield from pieces_of(layers[digest])
            yield _padding(size)


def _header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return b"\0" * (-size % _BLOCK)


def _blob_name(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")
