"""Scans of base images, kept between builds: an image's digest says what is in it for ever."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mooring.build.embedded.interface import BaseScan, Interpreter
from mooring.digests import DIGEST_PATTERN, digest_bytes
from mooring.errors import MooringError
from mooring.files import cache_root, write_file
from mooring.platforms import PythonVersion

SCAN_FORMAT = 1
"""Version of what a scan finds and of how it is kept; part of every file's name."""

_MOST_BYTES = 128 << 20


class ScanCache:
    """A folder of scans, each in a file named by the digest of its image.

    A file that is damaged, of another form or not readable is a scan that is not there.

    Args:
        root: The folder; `bases` in Mooring's cache by default.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_root() / "bases"

    def get(self, digest: str) -> BaseScan | None:
        """Return the scan of an image, or None.

        Args:
            digest: Of its manifest, or its image id.
        """
        try:
            with self._place(digest).open("rb") as stream:
                data = stream.read(_MOST_BYTES + 1)
            checked, _, body = data.partition(b"\n")
            if len(data) > _MOST_BYTES or checked != _checksum(digest, body):
                return None
            return _read(json.loads(body))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def put(self, digest: str, scan: BaseScan) -> None:
        """Keep a scan; a cache that cannot be written is no error, it is only slow."""
        # Names that are no UTF-8 are escaped: JSON in ASCII holds them, UTF-8 does not.
        body = json.dumps(_document(scan), separators=(",", ":")).encode("ascii")
        with contextlib.suppress(MooringError, OSError):
            write_file(self._place(digest), _checksum(digest, body) + b"\n" + body)

    def _place(self, digest: str) -> Path:
        if not DIGEST_PATTERN.fullmatch(digest):
            raise ValueError("no digest")
        return self.root / f"{digest.removeprefix('sha256:')}.scan{SCAN_FORMAT}"


def _checksum(digest: str, body: bytes) -> bytes:
    """Return what stands above a scan, so that one that was cut off or moved is not read."""
    return digest_bytes(digest.encode("ascii") + b"\n" + body).encode("ascii")


def _document(scan: BaseScan) -> dict[str, object]:
    return {
        "links": dict(scan.links),
        "directories": dict(scan.directories),
        "interpreters": [
            [each.path, each.version.minor, each.version.patch] for each in scan.interpreters
        ],
        "libc": None if scan.libc is None else [scan.libc[0], *scan.libc[1]],
        "passwd": scan.passwd,
        "group": scan.group,
    }


def _read(document: Mapping[str, Any]) -> BaseScan:
    """Return a scan as `_document` wrote it; its checksum was compared before."""
    libc = document["libc"]
    return BaseScan(
        links=document["links"],
        directories=document["directories"],
        interpreters=tuple(
            Interpreter(path=path, version=PythonVersion(minor=minor, patch=patch))
            for path, minor, patch in document["interpreters"]
        ),
        libc=None if libc is None else (libc[0], (libc[1], libc[2])),
        passwd=document["passwd"],
        group=document["group"],
    )
