"""Entries become one layer: a tar and its gzip whose bytes are the same on every machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass

from mooring.build.embedded.interface import EmbeddedBuildError, Entry
from mooring.build.embedded.layers.gzip_stream import GzipStream
from mooring.build.embedded.layers.paths import placed
from mooring.build.embedded.layers.tar_header import END, header_of, padding
from mooring.oci.blob_store import BlobStore
from mooring.oci.content import OCI_LAYER_GZIP
from mooring.oci.model import Descriptor

_PIECE = 1 << 18


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenLayer:
    """A layer whose blob is in the store.

    Attributes:
        descriptor: Of the compressed blob.
        diff_id: Digest of the plain tar, `sha256:<hex>`.
    """

    descriptor: Descriptor
    diff_id: str


def write_layer(
    entries: Sequence[Entry],
    scan_resolve: Callable[[str], str],
    base_directories: Collection[str],
    store: BlobStore,
) -> WrittenLayer:
    """Write entries as one layer, sorted by path; memory does not grow with their sizes.

    Folders that entries need and the base lacks are added with mode 0755. A directory that is
    listed is written as it is listed, also when the base has it.

    Args:
        entries: In any order.
        scan_resolve: Follows the base's links, `base_links.resolve` of its scan.
        base_directories: Folders of the base, absolute.
        store: Keeps the blob.

    Raises:
        EmbeddedBuildError: Two entries have one path, a path cannot be in a layer, or a file is
            not as long as its entry says.
        BlobError: The disk is full.
    """
    final = placed(entries, scan_resolve, base_directories)
    with store.writing() as blob, GzipStream(blob) as tar:
        for entry in final:
            tar.write(header_of(entry))
            if entry.kind == "file":
                _copy(entry, tar)
        tar.write(END)
    descriptor = Descriptor(media_type=OCI_LAYER_GZIP, digest=blob.digest, size=blob.size)
    return WrittenLayer(descriptor=descriptor, diff_id=tar.digest)


def _copy(entry: Entry, tar: GzipStream) -> None:
    with contextlib.closing(_content(entry)) as pieces:
        for piece in pieces:
            tar.write(piece)
    tar.write(padding(entry.size))


def _content(entry: Entry) -> Generator[bytes]:
    """Yield the bytes of a file, exactly as many as its entry says."""
    if entry.open is None:
        if entry.size:
            raise _other_size(entry)
        return
    try:
        with entry.open() as source:
            left = entry.size
            while left:
                data = source.read(min(left, _PIECE))
                if not 0 < len(data) <= left:
                    raise _other_size(entry)
                yield data
                left -= len(data)
            # Reading the end also lets the source compare what it gave with what it promised.
            if source.read(1):
                raise _other_size(entry)
    except OSError as error:
        # Here, as the store would take it for an error of its own disk.
        raise EmbeddedBuildError(
            f"the content of {entry.path} cannot be read: {error.strerror or error}"
        ) from error


def _other_size(entry: Entry) -> EmbeddedBuildError:
    return EmbeddedBuildError(
        f"{entry.path} was to have {entry.size} bytes, and has another size",
        hint="it was changed while it was read; run this again",
    )
