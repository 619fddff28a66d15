"""Byte code that was compiled before: one file a wheel, found by what decided its bytes."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mooring.build.embedded.interface import EmbeddedBuildError, Entry
from mooring.digests import canonical_json, digest_document, sha256_hex
from mooring.errors import MooringError
from mooring.files import cache_root, write_file
from mooring.oci.blob_store import BlobStore
from mooring.oci.store import Source

_MOST_RECORD_BYTES = 32 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """One `.pyc` with its path in the image."""

    path: str
    data: bytes


class BytecodeCache:
    """Sets of `.pyc` files by key, shared by every project of this machine.

    The files of a set are in one blob, and a record beside it says where each is. A record that is
    damaged, or whose blob is gone, counts as absent.

    Args:
        root: The folder; `bytecode` in Mooring's cache by default.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_root() / "bytecode"
        self._blobs = BlobStore(self.root)

    def get(self, key: Mapping[str, object]) -> tuple[Entry, ...] | None:
        """Return the files of a key, sorted by path, or None.

        Reading one whose bytes were changed raises `EmbeddedBuildError`, and forgets the set.
        """
        try:
            path = self._record(key)
            if path.stat().st_size > _MOST_RECORD_BYTES:
                return None
            record = json.loads(path.read_bytes())
            # One that was moved or changed could put byte code where none of it belongs.
            if record.pop("check") != _check(record, key):
                return None
            digest = record["blob"]
            rows = [(str(p), int(at), int(size), str(sha)) for p, at, size, sha in record["files"]]
            blob = self._blobs.path(digest)
            end = max((start + size for _, start, size, _ in rows), default=0)
            before = any(start < 0 or size < 0 for _, start, size, _ in rows)
            if blob is None or before or blob.stat().st_size != end:
                return None
        except (
            AttributeError,
            OSError,
            ValueError,
            KeyError,
            TypeError,
            RecursionError,
            MooringError,
        ):
            return None
        return tuple(
            Entry(
                path=path,
                size=size,
                open=partial(self._open, digest, start, size, expected),
            )
            for path, start, size, expected in rows
        )

    def put(self, key: Mapping[str, object], files: Iterable[Compiled]) -> None:
        """Keep the files of a key; they are written as they come.

        Raises:
            MooringError: They cannot be written.
        """
        rows: list[list[str | int]] = []
        start = 0
        with self._blobs.writing() as blob:
            for file in files:
                blob.write(file.data)
                rows.append([file.path, start, len(file.data), sha256_hex(file.data)])
                start += len(file.data)
        record: dict[str, object] = {
            "schema": 1,
            "blob": blob.digest,
            "files": sorted(rows, key=lambda row: str(row[0])),
        }
        write_file(self._record(key), canonical_json({**record, "check": _check(record, key)}))

    def _record(self, key: Mapping[str, object]) -> Path:
        return self.root / "sets" / f"{digest_document(key).removeprefix('sha256:')}.json"

    @contextlib.contextmanager
    def _open(self, digest: str, start: int, size: int, expected: str) -> Iterator[Source]:
        path = self._blobs.path(digest)
        data = b""
        if path is not None:
            with path.open("rb") as stream:
                stream.seek(start)
                data = stream.read(size)
        if sha256_hex(data) != expected:
            self._blobs.discard(digest)
            raise EmbeddedBuildError(
                "byte code in the cache was changed; it is forgotten now",
                where=str(self.root),
                hint="run this again",
            )
        yield io.BytesIO(data)


def _check(record: Mapping[str, object], key: Mapping[str, object]) -> str:
    """Return what a record holds besides its values, so that another one is not taken for it."""
    return digest_document({"schema": 1, "record": record, "key": key})
