"""Layers that were written once, found again by what decided their bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mooring.build.embedded.interface import LAYER_FORMAT, Entry, LayerPlan
from mooring.build.embedded.layers.gzip_stream import compressor
from mooring.build.embedded.layers.writer import WrittenLayer
from mooring.digests import DIGEST_PATTERN, canonical_json, digest_document
from mooring.files import cache_root, write_file
from mooring.oci.blob_store import BlobStore
from mooring.oci.content import OCI_LAYER_GZIP
from mooring.oci.model import Descriptor

_SCHEMA = 1
_MOST_BYTES = 1024


class LayerCache:
    """Records of layers, each in a file named by the digest of its key.

    A record is a few lines of JSON; the layer itself is a blob of the store. A record that is
    damaged, or whose blob is gone or shorter than it was, is no record.

    Args:
        root: Folder of the records; `layers` in Mooring's cache by default.
        store: Has the blobs.
    """

    def __init__(self, root: Path | None = None, *, store: BlobStore) -> None:
        self.root = root or cache_root() / "layers"
        self.store = store

    def get(self, key: Mapping[str, object]) -> WrittenLayer | None:
        """Return the layer of this key when its blob is in the store, else None."""
        digest = _digest(key)
        try:
            with self._place(digest).open("rb") as stream:
                data = stream.read(_MOST_BYTES + 1)
            layer = _read(data, digest)
            blob = self.store.path(layer.descriptor.digest)
            whole = blob is not None and blob.stat().st_size == layer.descriptor.size
        except (OSError, ValueError, RecursionError):
            return None
        return layer if whole else None

    def put(self, key: Mapping[str, object], layer: WrittenLayer) -> None:
        """Remember the layer of a key.

        Raises:
            MooringError: The record cannot be written.
        """
        digest = _digest(key)
        record: dict[str, object] = {
            "schema": _SCHEMA,
            "key": digest,
            "blob": layer.descriptor.digest,
            "size": layer.descriptor.size,
            "diff_id": layer.diff_id,
        }
        record["check"] = digest_document(record)
        write_file(self._place(digest), canonical_json(record) + b"\n")

    def layer(
        self, plan: LayerPlan, write: Callable[[Sequence[Entry]], WrittenLayer]
    ) -> tuple[WrittenLayer, bool]:
        """Return a planned layer, and whether it had to be written now.

        Args:
            plan: Its key is looked up; its entries are made only when nothing is found.
            write: Writes entries, such as `write_layer` with what it needs for a base.
        """
        known = self.get(plan.key)
        if known is not None:
            return known, False
        with plan.entries() as entries:
            layer = write(entries)
        self.put(plan.key, layer)
        return layer, True

    def _place(self, digest: str) -> Path:
        return self.root / f"{digest.removeprefix('sha256:')}.json"


def _digest(key: Mapping[str, object]) -> str:
    """Return the digest of a key together with what turns entries into bytes."""
    return digest_document(
        {"schema": _SCHEMA, "key": key, "format": LAYER_FORMAT, "compressor": compressor()}
    )


def _read(data: bytes, key: str) -> WrittenLayer:
    """Return the layer of a record; a `ValueError` when it is damaged or of another key."""
    record: Any = json.loads(data) if len(data) <= _MOST_BYTES else None
    if not isinstance(record, dict):
        raise ValueError("no record")
    # Nobody compares a diff_id with the layer again before an engine refuses the image.
    if record.pop("check", None) != digest_document(record):
        raise ValueError("a damaged record")
    size = record.get("size")
    if record.get("schema") != _SCHEMA or record.get("key") != key or type(size) is not int:
        raise ValueError("another record")
    descriptor = Descriptor(
        media_type=OCI_LAYER_GZIP, digest=_checked(record.get("blob")), size=size
    )
    return WrittenLayer(descriptor=descriptor, diff_id=_checked(record.get("diff_id")))


def _checked(digest: object) -> str:
    if not isinstance(digest, str) or not DIGEST_PATTERN.fullmatch(digest):
        raise ValueError("no digest")
    return digest
