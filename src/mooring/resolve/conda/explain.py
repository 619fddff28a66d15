"""The solver's failures in our words: what has no solution, and what could not be found out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mooring.manifest.conda import CondaRequirement
from mooring.manifest.nearest import nearest
from mooring.platforms import Platform
from mooring.resolve.conda.interface import Failed
from mooring.resolve.conda.virtual import can_have
from mooring.resolve.interface import ResolveError, UnsatisfiableError
from mooring.urls import redact

_START = "Cannot solve the request because of: "
_STATUS = re.compile(r"HTTP status (?:client|server) error \((\d{3})[^)]*\)")
_URL_AT = re.compile(r"for url \(([^)]*)\)|in channel '([^']*)'")
_VIRTUAL = re.compile(r"(__[a-z]+)\b[^\n]*(?:no candidates were found|cannot be installed)")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_MOST_PLACES = 8
_NO_CONNECTION = ("error sending request", "tcp connect error", "dns error")
_NO_REPODATA = ("failed to parse", "failed to extract repodata", "decod", "malformed")


def channel_error(failed: Failed) -> ResolveError:
    """Return the error of a channel that could not be read."""
    text = redact(failed.text)
    which = f"the channel {failed.channel}" if failed.channel else "one of the channels"
    at = _URL_AT.search(text)
    url = (at[1] or at[2]) if at else None
    tail = f" ({url})" if url else ""
    if "no usable repodata cache" in text:
        return ResolveError(
            f"{which} is not in the cache, and nothing may be downloaded",
            hint="run it once without --offline",
        )
    status = _STATUS.search(text)
    if status and status[1] in ("401", "403"):
        return ResolveError(
            f"{which} refuses access with HTTP {status[1]}{tail}",
            hint="give credentials in MOORING_CONDA_<NAME>_USERNAME and _PASSWORD (or _TOKEN), "
            "or in the file that RATTLER_AUTH_FILE names",
        )
    if "could not find subdir" in text:
        return UnsatisfiableError(
            f"{which} does not exist, or has no index for noarch{tail}",
            hint="check its name and URL; an index of a channel has a folder `noarch`",
        )
    if status:
        return ResolveError(f"{which} answers with HTTP {status[1]}{tail}", hint="try again later")
    if any(sign in text for sign in _NO_CONNECTION):
        cause = text.strip().splitlines()[-1].strip().removeprefix("Caused by: ")
        return ResolveError(
            f"{which} cannot be reached: {cause}{tail}",
            hint="check the network, a proxy or a mirror; --offline uses the cache only",
        )
    if any(sign in text for sign in _NO_REPODATA):
        cause = text.strip().splitlines()[-1].strip().removeprefix("Caused by: ")
        return ResolveError(
            f"{which} serves repodata that cannot be read: {cause}{tail}",
            hint="the file is damaged, or the URL is not one of a channel",
        )
    return ResolveError(f"{which} cannot be read: " + " ".join(text.split()))


def missing_error(
    missing: Mapping[CondaRequirement, Sequence[Platform]],
    known: frozenset[str],
    conda_names: Mapping[str, Sequence[str]],
    channels: Sequence[str],
) -> UnsatisfiableError:
    """Return the error of declared names that no channel has.

    Args:
        missing: The requirements, and the platforms on which nothing has their name.
        known: All names that the channels have on any of those platforms.
        conda_names: PyPI names, and the conda packages that hold them.
        channels: Labels of the channels.
    """
    lines, hints = [], []
    for requirement, platforms in missing.items():
        where = "" if not requirement.where else f"{requirement.where}: "
        places = ", ".join(platform.subdir for platform in platforms)
        line = f"{where}{requirement.name!r} does not exist for {places}"
        elsewhere = [name for name in conda_names.get(requirement.name, ()) if name in known]
        close = elsewhere[0] if elsewhere else nearest(requirement.name, known)
        if close and close != requirement.name:
            hints.append(f"{requirement.name}: did you mean {close!r}?")
        lines.append(line)
    of = "channel " if len(channels) == 1 else "channels "
    joined = "".join(f"\n  {line}" for line in lines)
    only = next(iter(missing))
    if len(lines) == 1:
        return UnsatisfiableError(
            f"the package {only.name!r} does not exist in the {of}{', '.join(channels)} for "
            + ", ".join(platform.subdir for platform in missing[only]),
            where=only.where or None,
            hint=hints[0].partition(": ")[2] if hints else "check the spelling and the channels",
        )
    return UnsatisfiableError(
        f"{len(lines)} packages do not exist in the {of}{', '.join(channels)}:{joined}",
        hint="; ".join(hints) or "check the spelling and the channels",
    )


def unsatisfiable_error(
    failures: Sequence[tuple[Platform, str]], requirements: Sequence[CondaRequirement]
) -> UnsatisfiableError:
    """Return the error of requirements without a solution; equal explanations are told once."""
    by_text: dict[str, list[Platform]] = {}
    for platform, text in failures:
        by_text.setdefault(_readable(text), []).append(platform)
    parts = []
    for text, platforms in by_text.items():
        names = ", ".join(platform.subdir for platform in platforms)
        explanation = "\n".join(f"  {line}" for line in text.splitlines())
        parts.append(f"the conda packages have no solution on {names}:\n{explanation}")
    said = "\n".join(by_text)
    mentioned = set(_WORD.findall(said))
    listed = [r for r in requirements if r.name in mentioned and r.where][:_MOST_PLACES]
    declared = "".join(f"\n  {r.where}: {r.text}" for r in listed)
    return UnsatisfiableError(
        "\n".join(parts) + (f"\nDeclared here:{declared}" if declared else ""), hint=_hint(by_text)
    )


def _readable(text: str) -> str:
    text = redact(text.strip())
    lines = text.removeprefix(_START).splitlines()
    return "\n".join(
        "".join(character for character in line if character.isprintable()).rstrip()
        for line in lines
        if line.strip()
    )


def _hint(by_text: Mapping[str, Sequence[Platform]]) -> str | None:
    said = "\n".join(by_text)
    if "uploaded after the cutoff date" in said:
        return "`exclude-newer` hides what was uploaded later: move the date, or loosen the bound"
    for text, platforms in by_text.items():
        for found in _VIRTUAL.finditer(text):
            if any(can_have(platform, found[1]) for platform in platforms):
                return (
                    f"the platform is taken to have no such {found[1]}: declare what your machines "
                    "have in [tool.mooring.conda.virtual-packages], "
                    f'{found[1].removeprefix("__")} = "..."'
                )
    if "strict channel priority" in said:
        return (
            "write `channel::name` for what must come from a later channel, or set "
            'channel-priority = "disabled"'
        )
    return None
