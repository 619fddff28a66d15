"""The last line of `mooring lock`: each file that was written with what it got."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mooring.manifest.model import Manifest
from mooring.workflow.locking import MOORING_LOCK_NAME


def base_line(manifest: Manifest, base: str | None) -> str | None:
    """Return what `mooring.lock` holds of the base that is asked for; None without one."""
    from mooring.workflow.bases import describe_base  # not needed with --no-base

    return describe_base(manifest, manifest.root / MOORING_LOCK_NAME, base)


def written_line(written: Sequence[Path], packages: str, base: str | None) -> str:
    """Say what each written file got; when nothing was written, what the files hold.

    Args:
        written: The files that changed.
        packages: What the lock of the packages holds.
        base: What `mooring.lock` holds; None without a base.
    """
    contents = [
        f"{path.name}: {base or 'no base'}"
        if path.name == MOORING_LOCK_NAME
        else f"{path.name}: {packages}"
        for path in written
    ]
    if contents:
        return "; ".join(contents)
    return "; ".join(filter(None, (f"nothing to write: {packages}", base)))
