"""How deep a verification looks: the tiers T0 to T4."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Tiers:
    """What a collector is asked for; facts and metadata (T0, T1) always are.

    Attributes:
        hash_files: T3: every recorded file is read and hashed.
        deep: T4: byte code is compared with its source as well.
        files: T2: every recorded file is looked at, and files that nobody lists are sought.
        records: Whether RECORDs are read; T1 needs them where the lock holds record ids.
    """

    hash_files: bool = True
    deep: bool = False
    files: bool = True
    records: bool = True


METADATA = Tiers(hash_files=False, files=False)
"""T0 and T1: no file of a package is looked at."""

QUICK = Tiers(hash_files=False)
"""T0 to T2: nothing but metadata is read."""

CONTENT = Tiers()
"""T0 to T3: the default."""

DEEP = Tiers(deep=True)
"""T0 to T4."""
