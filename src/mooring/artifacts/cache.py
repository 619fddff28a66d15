"""Small facts that never change for one artifact, kept between runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mooring.digests import digest_bytes
from mooring.errors import MooringError
from mooring.files import cache_root, write_file

RECORD_IDS = "record-id-1"
"""Name of the cache of record ids, by the SHA-256 of wheels that were compared with it."""

_KEPT_FACTS = 8000
_MAX_BYTES = 4 << 20


class FactCache:
    """Short texts by SHA-256 of an artifact; None is a fact too ("there is none").

    They are in a file of JSON below its digest.

    A cache that is damaged or cannot be written is no error: its facts are found again.
    """

    def __init__(self, name: str, *, root: Path | None = None) -> None:
        """Name the cache.

        Args:
            name: What is kept, with the number of its form: `requires-python-1`.
            root: Folder of the cache; Mooring's own by default.
        """
        self.path = (root or cache_root()) / "facts" / f"{name}.json"

    def read(self) -> dict[str, str | None]:
        """Return every fact that is kept."""
        try:
            if self.path.stat().st_size > _MAX_BYTES:
                return {}
            # Some facts decide the bytes of an image: one flipped bit would make it another one.
            checked, _, body = self.path.read_bytes().partition(b"\n")
            if checked != digest_bytes(body).encode():
                return {}
            document = json.loads(body)
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(document, dict):
            return {}
        return {
            key: value for key, value in document.items() if value is None or type(value) is str
        }

    def add(self, facts: Mapping[str, str | None]) -> None:
        """Keep more facts; the oldest are forgotten when there are too many."""
        if not facts:
            return
        known = self.read()
        for key, value in sorted(facts.items()):
            known.pop(key, None)
            known[key] = value
        kept = dict(list(known.items())[-_KEPT_FACTS:])
        try:
            body = json.dumps(kept, separators=(",", ":")).encode()
            write_file(self.path, digest_bytes(body).encode() + b"\n" + body)
        except (MooringError, OSError):
            return
