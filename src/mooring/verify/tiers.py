"""How deep a verification looks: the tiers T0 to T4."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Tiers:
    """What a collector is asked for; facts, metadata and the kinds of files (T0-T2) always are.

    Attributes:
        hash_files: T3: every recorded file is read and hashed.
        deep: T4: byte code is compared with its source as well.
    """

    hash_files: bool = True
    deep: bool = False


QUICK = Tiers(hash_files=False)
"""T0 to T2: nothing but metadata is read."""

CONTENT = Tiers()
"""T0 to T3: the default."""

DEEP = Tiers(deep=True)
"""T0 to T4."""
