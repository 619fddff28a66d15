"""The content of an environment.yml as plain data; a template gives it its form."""

from __future__ import annotations

from dataclasses import dataclass

from mooring.lock.formats.requirements import requirement_line
from mooring.lock.model import Selection

# The interpreter and pip themselves come from a channel even when nothing else does.
_DEFAULT_CHANNELS = ("conda-forge",)


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentYml:
    """What an environment.yml says.

    Attributes:
        dependencies: conda MatchSpecs, without the pip part.
        pip: Lines of a requirements file, each with its hash; sorted by package.
    """

    name: str
    channels: tuple[str, ...]
    dependencies: tuple[str, ...]
    pip: tuple[str, ...]


def environment_data(name: str, selection: Selection) -> EnvironmentYml:
    """Return the environment.yml of one selection.

    Args:
        name: Name of the conda environment.
        selection: One platform: an environment.yml has no markers.

    Raises:
        InputError: An artifact has no hash that pip accepts.
    """
    lines = [requirement_line(selected) for selected in selection.packages]
    # pip wants hashes for all requirements or for none.
    if any(" --hash=" not in line for line in lines):
        lines = [line.partition(" --hash=")[0] for line in lines]
    return EnvironmentYml(
        name=name,
        channels=_DEFAULT_CHANNELS,
        dependencies=(f"python={selection.python}", *(("pip",) if lines else ())),
        pip=tuple(lines),
    )
