"""Projects with conda packages from a channel in a folder, for tests of the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.conda_channels import (
    CondaChannelFolder,
    Recipe,
    file_channel,
    library_recipe,
    noarch_recipe,
    python_recipe,
)

SUBDIRS = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")


@pytest.fixture
def channel(tmp_path: Path) -> CondaChannelFolder:
    """Return an indexed channel: two Pythons, pure packages, a compiled one, for all platforms."""
    made = file_channel(tmp_path / "channel")
    for subdir in SUBDIRS:
        for version in ("3.11.4", "3.12.1"):
            made.add(replace(python_recipe(version), subdir=subdir))
        for version in ("1.0", "1.1"):
            made.add(Recipe(name="wave", version=version, subdir=subdir))
        made.add(replace(library_recipe(), depends=("wave >=1",), subdir=subdir))
    made.add(Recipe(name="winonly", subdir="win-64"))
    for version in ("1.0", "2.0"):
        made.add(noarch_recipe("pure", version))
    made.add(Recipe(name="tool", subdir="noarch", noarch="generic", depends=("pure",)))
    made.index()
    return made


def environment_yml(channel: CondaChannelFolder, *dependencies: str, more: str = "") -> str:
    """Return an environment.yml for four platforms."""
    listed = "".join(f"  - {text}\n" for text in dependencies)
    return (
        f"name: demo\nchannels: [{channel.url}]\n"
        f"platforms: [{', '.join(SUBDIRS)}]\n{more}dependencies:\n{listed}"
    )


def mooring_toml(
    channel: CondaChannelFolder,
    *dependencies: str,
    platforms: tuple[str, ...] = ("linux-64",),
    more: str = "",
) -> str:
    """Return a mooring.toml that takes everything from the channel; `dev` is a group in it."""
    named = ", ".join(f'"{name}"' for name in platforms)
    listed = ", ".join(f'"{text}"' for text in dependencies)
    return f"""
platforms = [{named}]
[conda]
channels = ["{channel.url}"]
dependencies = [{listed}]
[conda.groups.dev]
dependencies = ["tool"]
[environments.dev]
groups = ["dev"]
{more}
"""
