"""How a difference is put right, as a command for the kind of target that has it."""

from __future__ import annotations

import shlex

from mooring.lock.model import Selection
from mooring.verify.inventory import Inventory
from mooring.verify.shown import shown


def install_locked(inventory: Inventory, selection: Selection) -> str:
    """Return what makes the target hold the locked artifacts and nothing else."""
    named = selection.environment
    choice = f" --environment {shlex.quote(named)}" if named and named != "default" else ""
    if inventory.kind == "path" and inventory.facts is not None and not inventory.facts.venv:
        return "mooring export --format requirements (then pip install --require-hashes there)"
    if inventory.kind == "path":
        return f"mooring sync {shlex.quote(shown(inventory.target))}{choice}"
    return f"mooring build{choice}" + (
        " (then start the container from that image)" if inventory.kind == "container" else ""
    )
