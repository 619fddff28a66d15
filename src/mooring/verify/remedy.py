"""How a difference is put right, as a command for the kind of target that has it."""

from __future__ import annotations

import shlex

from mooring.verify.inventory import Inventory
from mooring.verify.shown import shown


def install_locked(inventory: Inventory) -> str:
    """Return what makes the target hold the locked artifacts and nothing else."""
    if inventory.kind == "path":
        return f"mooring sync {shlex.quote(shown(inventory.target))}"
    return "mooring build" + (
        ", then start the container from that image" if inventory.kind == "container" else ""
    )
