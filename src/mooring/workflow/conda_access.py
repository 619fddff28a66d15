"""Who asks a conda channel: user and password from its URL or from the environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote, urlsplit

from mooring.manifest.conda import CondaChannel
from mooring.resolve.conda.addresses import variable_stem
from mooring.urls import credentials, strip_credentials


def with_credentials(
    channels: Sequence[CondaChannel], environment: Mapping[str, str]
) -> tuple[CondaChannel, ...]:
    """Return the channels, with the user and password of the environment in their URLs.

    `MOORING_CONDA_<NAME>_USERNAME` and `_PASSWORD` win over what a URL itself holds.
    """
    return tuple(_with_credentials(channel, environment) for channel in channels)


def channel_credentials(
    channels: Sequence[CondaChannel], environment: Mapping[str, str]
) -> dict[str, tuple[str, str]]:
    """Return user and password of the declared channels, by origin, `https://host:port`."""
    found = {}
    for channel in channels:
        parts = urlsplit(channel.url)
        pair = _declared(channel, environment) or credentials(channel.url)
        if parts.hostname and pair:
            port = f":{parts.port}" if parts.port else ""
            found[f"{parts.scheme}://{parts.hostname}{port}"] = pair
    return found


def _with_credentials(channel: CondaChannel, environment: Mapping[str, str]) -> CondaChannel:
    pair = _declared(channel, environment)
    scheme, mark, rest = strip_credentials(channel.url).partition("://")
    if pair is None or not mark or scheme == "file":
        return channel
    user, password = (quote(part, safe="") for part in pair)
    return replace(channel, url=f"{scheme}://{user}:{password}@{rest}")


def _declared(channel: CondaChannel, environment: Mapping[str, str]) -> tuple[str, str] | None:
    stem = variable_stem(channel.name)
    user, password = (environment.get(f"{stem}_{part}") for part in ("USERNAME", "PASSWORD"))
    return (user or "", password or "") if user or password else None
