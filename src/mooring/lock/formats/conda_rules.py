"""What a value of a foreign lock with conda packages must look like before it is let in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from mooring.errors import InputError
from mooring.lock.formats.pylock_rules import Refused, plain_text, shown, vcs_url, web_url
from mooring.urls import redact, strip_credentials

_NAME = re.compile(r"_?[a-z0-9][a-z0-9._-]*+")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+!-]*+")
_BUILD = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._+!-]*+")
_BUILD_NUMBER = re.compile(r"(?:.*_)?([0-9]{1,9})")
_CATEGORY = re.compile(r"[0-9A-Za-z_][0-9A-Za-z._-]*+")
_SUBDIR = re.compile(r"noarch|[a-z]+-[a-z0-9_]+")
_CHANNEL = re.compile(r"[0-9A-Za-z_.][0-9A-Za-z_./+-]*+")
# No query: what stands there signs or authorises. No `$`: other tools put in variables.
_URL = re.compile(
    r"(?:https?://(?!/)|file:///)[^\s\"<>\[\\\]^`{|}$?#@\x00-\x20\x7f]++", re.IGNORECASE
)
# The token of a conda server stands in the path: `/t/<token>/channel`.
_TOKEN = re.compile(r"(?<=[^/])/t/[^/]++(?=/|$)")
_QUERY = re.compile(r"\?[^\s'\"#]+")
_SUFFIXES = (".conda", ".tar.bz2")
_HASH_FRAGMENT = re.compile(r"#(?:md5|sha\d+)[=:][0-9a-fA-F]+$")
_MD5, _SHA256 = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
_MAX_NAME = 128
_VCS = ("git+", "hg+", "svn+", "bzr+")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveUrl:
    """The parts of a conda archive's URL, `<channel>/<subdir>/<file name>`.

    Attributes:
        url: The whole, without credentials.
        channel: Base URL of the channel.
        stem: File name without its suffix, decoded.
    """

    url: str
    channel: str
    subdir: str
    stem: str


def archive_url(key: str, value: str) -> ArchiveUrl:
    """Take the URL of a conda archive apart; credentials and tokens are left out.

    Raises:
        Refused: It is no such URL.
    """
    url = bare_url(key, value)
    folder, _, name = url.rpartition("/")
    channel, _, subdir = folder.rpartition("/")
    suffix = next((each for each in _SUFFIXES if name.endswith(each)), None)
    if suffix is None or _SUBDIR.fullmatch(subdir) is None or channel.endswith("/"):
        raise Refused(
            key,
            f"{shown(url)} does not end like a conda package",
            "expected: <channel>/<subdir>/<name>-<version>-<build>.conda or .tar.bz2",
        )
    stem = name[: -len(suffix)]
    return ArchiveUrl(
        url=url, channel=channel, subdir=subdir, stem=unquote(stem) if "%" in stem else stem
    )


def bare_url(key: str, value: str) -> str:
    """Return an http, https or file URL without user, password and token.

    Raises:
        Refused: It is another kind of URL, or holds what could be a secret or a variable.
    """
    url = without_secrets(key, value)
    if _URL.fullmatch(url) is None or not url.isprintable():
        plain_text(key, value)
        raise Refused(
            key,
            f"{shown(hidden(url))} is not a URL that can be fetched",
            "a package comes from an http, https or file URL without a query",
        )
    return url


def hidden(text: str) -> str:
    """Return a text for messages: URLs in it lose user, password, token and query."""
    return _QUERY.sub("?***", redact(_TOKEN.sub("/t/***", text)))


def without_secrets(key: str, value: str) -> str:
    """Return a URL without user, password and `/t/<token>`.

    Raises:
        Refused: It cannot be taken apart.
    """
    try:
        url = strip_credentials(value) if "@" in value else value
    except ValueError as error:
        raise Refused(key, "this is not a URL", "check the address") from error
    return _TOKEN.sub("", url) if "/t/" in url and url[:5].lower() != "file:" else url


def holds_secret(url: str) -> bool:
    """Say whether a URL carries a password, a user or a token."""
    if url[:5].lower() == "file:":
        return False
    try:
        bare = strip_credentials(url)
    except ValueError:
        return True
    return bare != url or ("://" in url and _TOKEN.search(url) is not None)


def require_clean(url: str, what: str) -> None:
    """Raise `InputError` for a URL that carries a secret; `what` names its owner.

    Raises:
        InputError: It does.
    """
    if holds_secret(url):
        raise InputError(
            f"the URL of {what} carries a password or a token, which no lock may hold",
            where=hidden(url),
            hint="give credentials in the environment or in the authentication file",
        )


def channel(key: str, value: str) -> str:
    """Return a channel's name or base URL, without credentials and without a final slash.

    Raises:
        Refused: It is neither.
    """
    if "://" in value:
        return bare_url(key, value.rstrip("/"))
    if _CHANNEL.fullmatch(value) is None or ".." in value:
        raise Refused(key, f"{shown(value)} is not a channel", "name it, or give its URL")
    return value.rstrip("/")


def package_name(key: str, value: str) -> str:
    """Return the normalised name of a conda package.

    Raises:
        Refused: It is not one.
    """
    name = value.lower()
    if _NAME.fullmatch(name) is None or len(name) > _MAX_NAME:
        raise Refused(key, f"{shown(value)} is not the name of a conda package")
    return name


def version(key: str, value: str) -> str:
    """Return the version of a conda package.

    Raises:
        Refused: It is not one.
    """
    if _VERSION.fullmatch(value) is None or len(value) > _MAX_NAME:
        raise Refused(key, f"{shown(value)} is not a version")
    return value


def build_of(stem: str, name: str, version_: str) -> str | None:
    """Return the build string of a file name, or None when it is that of another package."""
    start = f"{name}-{version_}-"
    if not stem.lower().startswith(start.lower()):
        return None
    build = stem[len(start) :]
    return build if _BUILD.fullmatch(build) and "-" not in build else None


def build_number(build: str) -> int | None:
    """Return the build number that ends a build string by custom, or None where there is none."""
    match = _BUILD_NUMBER.fullmatch(build)
    return int(match[1]) if match else None


def category(key: str, value: str) -> str:
    """Return the name of a category.

    Raises:
        Refused: It is not one.
    """
    if _CATEGORY.fullmatch(value) is None or len(value) > _MAX_NAME:
        raise Refused(key, f"{shown(value)} is not the name of a category")
    return value


def digest(key: str, algorithm: str, value: str) -> str:
    """Return a hash in lower-case hex.

    Raises:
        Refused: It is not one.
    """
    text = value.lower()
    if (_MD5 if algorithm == "md5" else _SHA256).fullmatch(text) is None:
        raise Refused(key, f"this is not a {algorithm}", "the file was damaged; lock again")
    return text


def artifact_url(key: str, value: str) -> str:
    """Return where a PyPI package comes from: a file on the web, or a repository at a commit.

    Raises:
        Refused: It is neither, or cannot be fetched.
    """
    if value.startswith(_VCS):
        base, hash_, fragment = value.partition("#")
        if fragment and not re.fullmatch(r"[0-9A-Za-z_.=&/+-]+", fragment):
            raise Refused(key, f"{shown(fragment)} is not understood behind a URL")
        return vcs_url(key, base) + hash_ + fragment
    url = _HASH_FRAGMENT.sub("", value)
    if url[:5].lower() == "file:":
        return bare_url(key, url)
    return web_url(key, without_secrets(key, url))
