"""URLs without their secrets: nothing that is written or printed carries credentials."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<user>[^/\s@'\"]+)@")


def strip_credentials(url: str) -> str:
    """Return the URL without user name and password; `git@host` forms keep their user."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    if parts.scheme.endswith("ssh") and parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def credentials(url: str) -> tuple[str, str] | None:
    """Return the (user, password) written in a URL, or None when it holds none."""
    parts: SplitResult = urlsplit(url)
    if parts.username is None and parts.password is None:
        return None
    return parts.username or "", parts.password or ""


def redact(text: str) -> str:
    """Replace the credentials of every URL in a text by `***`."""
    return _USERINFO.sub(
        lambda match: (
            match[0]
            if match["scheme"].startswith(("ssh", "git+ssh")) and ":" not in match["user"]
            else f"{match['scheme']}***@"
        ),
        text,
    )
