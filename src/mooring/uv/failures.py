"""What uv's error texts mean: an index that is down, closed or unknown to this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from mooring.urls import redact, strip_credentials
from mooring.uv.client import IndexLike, variable_prefix

FailureKind = Literal["credentials", "certificate", "offline", "unreachable"]

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_URL = re.compile(r"https?://[^\s`'\")>]+")
_REFUSED = re.compile(r"\b(401 Unauthorized|403 Forbidden|407 Proxy Authentication Required)")
_CERTIFICATE = re.compile(r"invalid peer certificate: (\w+)|certificate verify failed", re.I)
_OFFLINE = re.compile(
    r"network was disabled|network connectivity is disabled|not found in the cache", re.I
)
_SERVER = re.compile(r"HTTP status (?:server|client) error \((\d{3} [A-Za-z ]+)\)")
_UNREACHABLE = re.compile(
    r"error sending request|Failed to fetch|Failed to download|dns error|Connection refused"
    r"|operation timed out|connection (?:closed|reset)|Request failed after|broken pipe",
    re.IGNORECASE,
)
_OS_ERROR = re.compile(r" \(os error \d+\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why uv could not do its work although the input may be right; no secret in its texts."""

    kind: FailureKind
    message: str
    hint: str


def readable(text: str, replaced: Mapping[str, str] | None = None) -> str:
    """Return uv's text without colours, control characters, credentials and our own names.

    Args:
        text: Standard error of uv.
        replaced: Texts that only we know (a temporary folder), and what to write instead.
    """
    plain = _CONTROL.sub("", _ANSI.sub("", text).replace("\r\n", "\n"))
    for old, new in (replaced or {}).items():
        plain = plain.replace(old, new)
    return redact(plain).strip()


def explain_failure(text: str, indexes: Iterable[IndexLike] = ()) -> Failure | None:
    """Say what kept uv from its work, or None when the text names no network trouble.

    Args:
        text: Standard error of uv.
        indexes: The declared indexes, to name the one that refused.
    """
    text = readable(text)
    if found := _CERTIFICATE.search(text):
        return Failure(
            kind="certificate",
            message=f"the certificate of {_host(text)} is not trusted ({found[1] or 'unknown'})",
            hint="name your organisation's CA bundle in SSL_CERT_FILE, or set UV_SYSTEM_CERTS=1",
        )
    if found := _REFUSED.search(text):
        url = _url_near(text, found.start())
        return Failure(
            kind="credentials",
            message=f"the index at {_host(url)} refused the request: {found[1]}",
            hint=credentials_hint(url, indexes),
        )
    if _OFFLINE.search(text):
        return Failure(
            kind="offline",
            message="not everything that is needed is in uv's cache",
            hint="run the command once without --offline",
        )
    if found := _SERVER.search(text) or _UNREACHABLE.search(text):
        reason = found[1] if found.lastindex else _last_cause(text)
        return Failure(
            kind="unreachable",
            message=f"{_host(text)} cannot be reached: {reason}",
            hint="check the index URL, the network and the proxy variables, then run this again; "
            "--offline works from uv's cache",
        )
    return None


def credentials_hint(url: str, indexes: Iterable[IndexLike]) -> str:
    """Say how the index that a URL belongs to is given a user name and a password."""
    for index in indexes:
        if url.rstrip("/").startswith(strip_credentials(index.url).rstrip("/")):
            prefix = variable_prefix(index.name)
            return (
                f"set {prefix}_USERNAME and {prefix}_PASSWORD for the index {index.name!r}, "
                "or write its host into a netrc file"
            )
    return (
        "declare the index with a name in [[tool.mooring.index]] and set "
        "UV_INDEX_<NAME>_USERNAME and UV_INDEX_<NAME>_PASSWORD, or write its host into a netrc file"
    )


def _url_near(text: str, position: int) -> str:
    """Return the URL of the paragraph that the position is in."""
    start = text.rfind("\n\n", 0, position) + 1
    end = text.find("\n\n", position)
    found = _URL.search(text[start : end if end >= 0 else len(text)]) or _URL.search(text)
    return found[0] if found else ""


def _host(text: str) -> str:
    found = _URL.search(text)
    if found is None:
        return "the index"
    try:
        return urlsplit(found[0]).netloc.rpartition("@")[2] or "the index"
    except ValueError:
        return "the index"


def _last_cause(text: str) -> str:
    """Return the innermost reason that uv gives."""
    causes = re.findall(r"^\s*(?:cause|Caused by): (.+)$", text, re.MULTILINE)
    reason = causes[-1] if causes else text.splitlines()[0].removeprefix("error: ")
    return _OS_ERROR.sub("", reason).strip()
