"""Reading a blob whole, and not a byte of another one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from mooring.oci.blob_store import BlobError
from mooring.oci.content import Blob

_PIECE = 1 << 20


def pieces_of(blob: Blob) -> Iterator[bytes]:
    """Yield the bytes of a blob, in pieces of up to 1 MiB.

    Raises:
        BlobError: After the last piece: size or digest are others than its descriptor says.
        MooringError: The blob cannot be read.
    """
    found, size = hashlib.sha256(), 0
    with blob.open() as source:
        while data := source.read(_PIECE):
            found.update(data)
            size += len(data)
            if size > blob.descriptor.size:
                break
            yield data
    if (size, f"sha256:{found.hexdigest()}") != (blob.descriptor.size, blob.descriptor.digest):
        raise BlobError(
            f"the blob {blob.descriptor.digest} is damaged: it has other bytes than its digest "
            "stands for"
        )
