"""Digests of bytes and of explicit documents, written as `sha256:<hex>`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

DIGEST_PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


def canonical_json(document: Mapping[str, object]) -> bytes:
    """Write a document the one way that is hashed: sorted keys, no spaces, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` in lower-case hex, without a prefix."""
    return hashlib.sha256(data).hexdigest()


def digest_bytes(data: bytes) -> str:
    """Return the digest of `data` as `sha256:<hex>`."""
    return f"sha256:{sha256_hex(data)}"


def digest_document(document: Mapping[str, object]) -> str:
    """Return the digest of an explicit document, which must hold its own `schema` number."""
    if "schema" not in document:
        raise ValueError("a hashed document carries its schema number")
    return digest_bytes(canonical_json(document))


def digest_file(path: Path) -> str:
    """Return the digest of a file's content, read in pieces of 1 MiB."""
    with path.open("rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()
