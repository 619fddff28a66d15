"""URLs without their secrets: nothing that is written or printed carries credentials."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

# Up to the last `@` of the authority, as `urlsplit` reads it. A text that is no well-formed URL may
# have a `/` in its password: everything to the last `@` goes when what follows the first `:` is no
# port. A path that was put in normal form has one slash left. The bounds keep the search linear.
_USERINFO = re.compile(
    r"(?<=[A-Za-z0-9+.-])(?P<mark>:/{1,2})"
    r"(?P<user>[^/\s]{1,4096}|[^\s/@:]{0,512}:(?!\d+(?:[/?#\s]|$))\S{0,4096})@"
)
# The token of a conda server stands in the path: `https://host/t/TOKEN/channel`.
_PATH_TOKEN = re.compile(r"(?<=/t/)[^/'\"]+")
_WORD = re.compile(r"\S+")
# The user of ssh is no secret: `git@host`.
_SSH_USER = re.compile(r"[^:@\s]+")


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
    text = _USERINFO.sub(_without_user, text)
    return _WORD.sub(_without_token, text) if "/t/" in text else text


def _without_token(word: re.Match[str]) -> str:
    start, mark, rest = word[0].partition("://")
    return start + mark + _PATH_TOKEN.sub("***", rest)


def _without_user(match: re.Match[str]) -> str:
    start = match.start()
    if match.string[max(0, start - 3) : start] == "ssh" and _SSH_USER.fullmatch(match["user"]):
        return match[0]
    return f"{match['mark']}***@"
