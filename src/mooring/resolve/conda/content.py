"""The `content_hash` of conda-lock.yml: a digest of what was solved for, one a platform.

It is there because the format demands it, and because conda-lock locks again when it is missing.
Whether a lock is fresh is decided by Mooring's own document of the inputs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

SCHEMA = "mooring.conda-content/1"


def content_hashes(
    channels: Sequence[str], asked: Mapping[str, tuple[Sequence[str], Sequence[str]]]
) -> dict[str, str]:
    """Return the digest of each platform, in lower-case hex.

    Args:
        channels: Without credentials, in their order.
        asked: Conda subdir to (match specifications, virtual packages).
    """
    return {
        subdir: _digest(
            {
                "schema": SCHEMA,
                "channels": list(channels),
                "specs": sorted(specs),
                "virtual-packages": sorted(virtual),
            }
        )
        for subdir, (specs, virtual) in sorted(asked.items())
    }


def _digest(document: Mapping[str, object]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
