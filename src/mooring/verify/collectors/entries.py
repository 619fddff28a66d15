"""From any reader of entries to an inventory."""

from __future__ import annotations

from contextlib import nullcontext

from mooring.verify.collectors.surroundings import Surroundings
from mooring.verify.collectors.tar import OpenStream, TarCollector
from mooring.verify.collectors.tar_stream import EntryReader
from mooring.verify.inventory import Inventory, TargetKind
from mooring.verify.tiers import Tiers


def collect_entries(
    source: OpenStream | EntryReader,
    kind: TargetKind,
    target: str,
    root: str,
    *,
    tiers: Tiers,
    surroundings: Surroundings | None = None,
) -> Inventory:
    """Return what the entries of a target make up.

    Args:
        source: The reader, or what opens one or a tar stream.
        kind: What it reads.
        target: How the user named it.
        root: The environment's root in the target.
        tiers: How deep to look.
        surroundings: What is known of the target besides its files.

    Raises:
        MooringError: The target cannot be read, or has no environment there (exit code 3).
    """
    reader = source if isinstance(source, EntryReader) else None
    open_stream = (lambda: nullcontext(reader)) if reader is not None else source
    assert not isinstance(open_stream, EntryReader)
    return TarCollector(
        open_stream, kind, target, root, tiers=tiers, surroundings=surroundings or Surroundings()
    ).collect()
