"""Which artifacts of a selection can go into an image without anything being built or run."""

from __future__ import annotations

from collections.abc import Iterator

from mooring.errors import MooringError
from mooring.lock.model import Artifact, Selected, Selection

_MOST_SHOWN = 8
_MOST_TAGS = 6


class ArtifactError(MooringError):
    """An artifact cannot be had as it is locked (exit code 3)."""


def require_wheels(selection: Selection) -> None:
    """Refuse a selection with artifacts that are no wheels.

    Raises:
        ArtifactError: There are some; all of them are named, with what exists instead.
    """
    problems = unusable(selection)
    if not problems:
        return
    more = len(problems) - _MOST_SHOWN
    lines = [*problems[:_MOST_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    raise ArtifactError(
        "these locked artifacts are no wheels that can be unpacked into an image:\n"
        + "\n".join(f"  {line}" for line in lines),
        hint="build with `--engine docker`, which can build from source, or publish wheels",
    )


def unusable(selection: Selection) -> tuple[str, ...]:
    """Return a line for every artifact that an engine would have to build, in order of name."""
    return tuple(_lines(selection))


def _lines(selection: Selection) -> Iterator[str]:
    for selected in selection.packages:
        package, artifact = selected.package, selected.artifact
        reason = _reason(selected, selection)
        if reason:
            version = f" {package.version}" if package.version else ""
            yield f"{package.name}{version}: {reason}"
        elif artifact.sha256 is None:
            yield f"{package.name}: the lock has no SHA-256 of it"


def _reason(selected: Selected, selection: Selection) -> str | None:
    artifact = selected.artifact
    match artifact.kind:
        case "vcs":
            return "it comes from a version control system"
        case "directory":
            return "it comes from a folder"
        case "wheel":
            return None
        case "archive" if is_wheel(artifact):
            return None
        case "archive":
            return "it is a source archive"
        case "sdist":
            return f"only a source distribution fits {_where(selection)}{_wheels(selected)}"


def is_wheel(artifact: Artifact) -> bool:
    """Return whether an artifact is a wheel by its name; archives have the end of their URL."""
    return artifact.name.endswith(".whl")


def _where(selection: Selection) -> str:
    return f"{selection.platform} with Python {selection.python}"


def _wheels(selected: Selected) -> str:
    """Return what wheels there are, by their tags."""
    names = (wheel.name.removesuffix(".whl") for wheel in selected.package.wheels)
    tags = sorted({"-".join(name.split("-")[-3:]) for name in names})
    if not tags:
        return "; there are no wheels at all"
    more = f" and {len(tags) - _MOST_TAGS} more" if len(tags) > _MOST_TAGS else ""
    return f"; its wheels are for {', '.join(tags[:_MOST_TAGS])}{more}"
