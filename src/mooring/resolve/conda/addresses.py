"""Where channels are asked: their clean address, mirrors, and what proves who asks.

The lock and every message know only the clean address. A token in a path becomes a mirror of it,
a user with a password becomes a header.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

from mooring.errors import InputError
from mooring.manifest.conda import CondaChannel
from mooring.resolve.interface import ResolveError, UnsatisfiableError
from mooring.urls import credentials, strip_credentials

_TOKEN = re.compile(r"/t/[^/]+(?=/|$)")
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9]+")
_CHANNEL_OF_SPEC = re.compile(r"(?P<channel>[^\s\[]+?)(?P<subdir>/[a-z]+-[a-z0-9_]+|/noarch)?::")


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """One channel as it is asked.

    Attributes:
        label: How messages, specifications and environment variables name it.
        base: A bare name, or the URL without credentials; this is what the lock holds.
        asked: URLs that are asked instead, with their tokens; none means `base`.
        headers: (URL, value of `Authorization`) pairs; an empty URL stands for `base`.
    """

    label: str
    base: str
    asked: tuple[str, ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def addresses(
    channels: Sequence[CondaChannel], environment: Mapping[str, str]
) -> tuple[Address, ...]:
    """Return how the declared channels are asked, in their order.

    Args:
        channels: As declared.
        environment: Variables; `MOORING_CONDA_<NAME>_USERNAME` with `_PASSWORD`, or `_TOKEN`, are
            credentials of the channel of that name.

    Raises:
        InputError: No channel is declared.
        ResolveError: A `file://` channel cannot be used.
    """
    if not channels:
        raise InputError(
            "conda packages are declared, and no channel to take them from",
            hint='declare one: [tool.mooring.conda] channels = ["conda-forge"]',
        )
    found = tuple(_address(channel, environment) for channel in channels)
    for address in found:
        for url in address.asked or (address.base,):
            _check_folder(address.label, url)
    return found


def variable_stem(label: str) -> str:
    """Return the start of the names of a channel's variables: `MOORING_CONDA_CONDA_FORGE`."""
    bare = label.partition("://")[2] or label
    return f"MOORING_CONDA_{_UNNAMEABLE.sub('_', bare).strip('_').upper()}"


def without_secrets(url: str) -> str:
    """Return a URL without user, password and `/t/<token>`."""
    parts = urlsplit(strip_credentials(url))
    if parts.scheme in ("", "file"):
        return url
    return urlunsplit(parts._replace(path=_TOKEN.sub("", parts.path), query="", fragment=""))


def with_addresses(spec: str, known: Sequence[Address]) -> str:
    """Return a specification whose `label::` is the address of the channel of that label."""
    found = _CHANNEL_OF_SPEC.match(spec)
    if found is None:
        return spec
    wanted = found["channel"]
    by_label = {address.label: address.base for address in known}
    ends = [a.base for a in known if "://" in a.base and a.base.endswith(f"/{wanted}")]
    base = by_label.get(wanted) or (ends[0] if len(ends) == 1 else wanted)
    return f"{base}{found['subdir'] or ''}::{spec[found.end() :]}"


def _address(channel: CondaChannel, environment: Mapping[str, str]) -> Address:
    base = without_secrets(channel.url).rstrip("/") if "://" in channel.url else channel.url
    asked, headers = [], []
    for url in channel.mirrors or (channel.url,):
        bare = strip_credentials(url).rstrip("/")
        if bare != base:
            asked.append(bare)
        if pair := credentials(url):
            headers.append((bare, _basic(*pair)))
    if value := _declared(variable_stem(channel.name), environment):
        headers += [(url, value) for url in asked or [""]]
    label = without_secrets(channel.name)
    return Address(label=label, base=base, asked=tuple(asked), headers=tuple(headers))


def _declared(stem: str, environment: Mapping[str, str]) -> str | None:
    if token := environment.get(f"{stem}_TOKEN"):
        return f"Bearer {token}"
    user, password = (environment.get(f"{stem}_{part}") for part in ("USERNAME", "PASSWORD"))
    return _basic(user or "", password or "") if user or password else None


def _basic(user: str, password: str) -> str:
    pair = f"{unquote(user)}:{unquote(password)}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def _check_folder(label: str, url: str) -> None:
    """Refuse a folder that is none: a solver may take it for an empty channel."""
    if not url.startswith("file:"):
        return
    folder = Path(url2pathname(urlsplit(url).path))
    try:
        if not folder.is_dir():
            raise UnsatisfiableError(
                f"the channel {label} does not exist: there is no folder {folder}",
                hint="check the path; a file:// URL has three slashes",
            )
        if not any(folder.glob("*/repodata*")):
            raise UnsatisfiableError(
                f"the folder of the channel {label} holds no repodata: {folder}",
                hint="index the channel first",
            )
    except OSError as error:
        raise ResolveError(
            f"the folder of the channel {label} cannot be read: {error.strerror or error}"
        ) from error
