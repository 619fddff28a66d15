"""The container engines by name; whoever only needs the names loads none of their clients."""

from __future__ import annotations

from typing import Literal

EngineName = Literal["docker", "podman"]
ENGINES: tuple[EngineName, ...] = ("docker", "podman")
