"""Channels: which names and URLs can be declared, and what of them may be written down."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from mooring.errors import InputError
from mooring.manifest.conda import CondaChannel
from mooring.manifest.problems import quoted
from mooring.urls import credentials, strip_credentials

DEFAULT_CHANNEL = "conda-forge"
NO_DEFAULTS = "nodefaults"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_VARIABLE = re.compile(r"\$(?:\{[^}]*\}|[A-Za-z_]\w*)|%[A-Za-z_]\w*%")
_BLANK = re.compile(r"[\s\x00-\x20\x7f-\x9f\u2028\u2029\\\"'<>\[\]]")
_SUBDIR = re.compile(r"noarch|(?:linux|osx|win|emscripten|wasi|freebsd|zos)-[a-z0-9_]+")
_TOKEN = re.compile(r"/t/[^/]+(?=/|$)")


def parse_channel(text: str) -> CondaChannel:
    """Return a channel that is declared by its name or URL.

    The URL of a channel that has only a name is that name: the solver derives the address.

    Raises:
        InputError: It is none; the error names no place and no secret.
    """
    text = text.strip()
    name, subdir = _without_subdir(channel_name(text))
    if subdir:
        raise InputError(
            f"the channel {quoted(name)} is declared for {subdir} only",
            hint=f"name it without the platform: {name}",
        )
    return CondaChannel(name=name, url=_usable(text) if _URL.match(text) else name)


def channel_name(text: str) -> str:
    """Return how a channel is written down: its name, or its URL without credentials.

    Raises:
        InputError: It is neither; the error names no place and no secret.
    """
    if _URL.match(text):
        return _clean(_checked(text))
    text = text.rstrip("/")
    if text == "local":
        raise InputError(
            "the channel `local` is on one machine only",
            hint="serve the packages, or name their folder as a file:// URL",
        )
    if not _NAME.fullmatch(text) or ".." in text:
        raise InputError(
            f"{quoted(text)} is not a channel",
            hint="write a name such as conda-forge, or a URL with https://, http:// or file://",
        )
    return text


def spec_channel(text: str) -> tuple[str | None, str | None]:
    """Return the channel and the subdir of a specification's `channel/subdir`; `*` is any channel.

    Raises:
        InputError: It is no channel, or holds credentials; the error names no place and no secret.
    """
    text = text.strip()
    if text.startswith("*/") and _SUBDIR.fullmatch(text[2:]):
        return None, text[2:]
    if text == "*":
        return None, None
    if _URL.match(text) and (_has_secret(text) or _VARIABLE.search(text)):
        raise InputError(
            "the channel of a specification holds credentials",
            hint="declare the channel with a name of its own, and write `name::package`",
        )
    return _without_subdir(channel_name(text))


def _without_subdir(name: str) -> tuple[str, str | None]:
    base, mark, last = name.rpartition("/")
    return (base, last) if mark and _SUBDIR.fullmatch(last) else (name, None)


def _usable(url: str) -> str:
    """Return the URL to ask; credentials that only a variable of the shell knows are left out."""
    url = url.rstrip("/")
    return _clean(url) if _VARIABLE.search(url) else url


def _checked(url: str) -> str:
    """Return a URL that can name a channel; a variable may stand for credentials only."""
    if _BLANK.search(url):
        raise InputError("the URL of the channel is not valid")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError("the URL of the channel is not valid") from error
    if parts.scheme not in ("http", "https", "file"):
        raise InputError("the URL of a channel begins with https://, http:// or file://")
    if parts.query or parts.fragment or (parts.scheme != "file" and not host):
        raise InputError("the URL of the channel is not valid")
    if parts.scheme == "file" and (parts.netloc or not parts.path.startswith("/")):
        raise InputError("a file:// URL has three slashes and an absolute path")
    if ".." in parts.path.split("/"):
        raise InputError("the URL of the channel holds `..`")
    if _VARIABLE.search(_clean(url)):
        raise InputError(
            "the URL of the channel holds an environment variable",
            hint="a declared input means the same everywhere: write its value",
        )
    return url


def _has_secret(url: str) -> bool:
    return credentials(url) is not None or _TOKEN.search(urlsplit(url).path) is not None


def _clean(url: str) -> str:
    """Return a URL without user, password and `/t/TOKEN`, and without a slash at its end."""
    parts: SplitResult = urlsplit(strip_credentials(url))
    path = parts.path if parts.scheme == "file" else _TOKEN.sub("", parts.path)
    return urlunsplit(parts._replace(path=path.rstrip("/")))
