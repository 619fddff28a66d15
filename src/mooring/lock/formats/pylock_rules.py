"""What a value of a foreign pylock.toml must look like before Mooring lets it in.

`packaging` checks the structure that PEP 751 asks for. These rules are stricter where a value
could leave the project, reach a shell or a requirements file, or pretend to be a digest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlparse

from mooring.urls import redact, strip_credentials

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
# The characters RFC 3986 leaves out: spaces, quotes, brackets that some reader would expand.
_REST = r"[^\s\"<>\\^`{|}\x00-\x20\x7f]*"
_WEB_URL = re.compile(rf"https?://[^/?#@:]{_REST}", re.IGNORECASE)
# No fragment: the commit is written behind the URL. No host that could be taken for an option.
_VCS_URL = re.compile(
    rf"(?:(?:git|hg|bzr|svn)\+)?(?:https?|ssh|git|svn)://(?!(?:[^/]*@)?-)[^/?#](?!.*#){_REST}"
)
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
MAX_FILE_NAME = 255
"""Characters; no file system takes more, and a wheel's name may multiply into millions of tags."""
_HEX = re.compile(r"[0-9a-f]+")
_ALGORITHM = re.compile(r"[a-z0-9][a-z0-9_-]*")
_DRIVE = re.compile(r"[A-Za-z]:")
_COMMIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]*")
_GIT_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_HEX_DIGITS = {
    "md5": 32,
    "sha1": 40,
    "sha224": 56,
    "sha256": 64,
    "sha384": 96,
    "sha512": 128,
    "sha3_224": 56,
    "sha3_256": 64,
    "sha3_384": 96,
    "sha3_512": 128,
    "blake2b": 128,
    "blake2s": 64,
}
_MOST_SHOWN = 120
VCS_TYPES = ("git", "hg", "bzr", "svn")


class Refused(Exception):
    """A value breaks a rule; `key` is its path below the table that was being read."""

    def __init__(self, key: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.key = key
        self.message = message
        self.hint = hint


def shown(value: object) -> str:
    """Return a value as a message shows it: quoted, on one line, and not without end."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def plain_text(key: str, value: str) -> str:
    """Return the text when it holds no control, line-separating or direction-changing character.

    Raises:
        Refused: It holds one.
    """
    # Most texts are printable ASCII, and asking that is much faster than a search.
    if not value.isprintable() and (match := _CONTROL.search(value)):
        raise Refused(key, f"the control character U+{ord(match[0]):04X} is not allowed here")
    return value


def trimmed(key: str, value: str) -> str:
    """Return a plain text that neither begins nor ends with a space.

    Raises:
        Refused: It does, or it is not plain.
    """
    if value != value.strip():
        raise Refused(key, f"{shown(value)} begins or ends with a space")
    return plain_text(key, value)


def web_url(key: str, value: str) -> str:
    """Return an http(s) URL without credentials.

    Raises:
        Refused: It is another kind of URL, or holds characters that no URL may hold.
    """
    bare = _without_credentials(key, value) if "@" in value else value
    if _WEB_URL.fullmatch(bare) is None or not value.isprintable():
        raise _refused_url(key, value, "only http and https URLs are fetched")
    return bare


def vcs_url(key: str, value: str) -> str:
    """Return the URL of a repository without credentials; `ssh://git@host` keeps its user.

    Raises:
        Refused: It is another kind of URL, or holds characters that no URL may hold.
    """
    bare = _without_credentials(key, value) if "@" in value else value
    if _VCS_URL.fullmatch(bare) is None or not value.isprintable():
        raise _refused_url(key, value, "a repository is named by an https or ssh URL")
    return bare


def relative_path(key: str, value: str) -> str:
    """Return a path that stays below the folder of the lock file.

    Raises:
        Refused: It is absolute, leaves the folder, or is no portable path.
    """
    plain_text(key, value)
    if "\\" in value:
        raise Refused(key, f"{shown(value)} holds a backslash", "write paths with /")
    if value.startswith(("/", "~")) or _DRIVE.match(value) or "://" in value:
        raise Refused(key, f"{shown(value)} is not relative to the lock file")
    if ".." in value.split("/"):
        raise Refused(key, f"{shown(value)} leaves the folder of the lock file")
    if not value or value != value.strip():
        raise Refused(key, f"{shown(value)} is not a path")
    return value


def file_name(raw: Mapping[str, object]) -> str:
    """Return the file name of an artifact: its own `name`, else the end of its path or URL."""
    # The order is that of PEP 751, and of packaging's `filename`.
    if isinstance(name := raw.get("name"), str) and name:
        return name
    if isinstance(path := raw.get("path"), str) and path:
        return path.rpartition("/")[2]
    url = raw.get("url")
    return url_file_name(url) if isinstance(url, str) else ""


def url_file_name(url: str) -> str:
    """Return the last part of a URL's path, decoded."""
    last = url.rpartition("/")[2]
    if not any(char in url for char in "?#;%"):
        return last
    try:
        path = urlparse(url).path
    except ValueError:
        return ""
    return unquote(path.rpartition("/")[2])


def safe_file_name(key: str, value: str) -> str:
    """Return the name of a wheel or sdist when it is one plain file name.

    Raises:
        Refused: It could name a file elsewhere.
    """
    if not is_safe_file_name(value):
        raise Refused(key, f"{shown(value)} is not a plain file name")
    return value


def is_safe_file_name(value: str) -> bool:
    """Say whether a text is one plain file name."""
    return len(value) <= MAX_FILE_NAME and _FILE_NAME.fullmatch(value) is not None


def digests(raw: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the hashes as sorted (algorithm, lower-case hex) pairs.

    Raises:
        Refused: One is not hex, or has the wrong length for its algorithm.
    """
    found: list[tuple[str, str]] = []
    for algorithm, value in raw.items():
        name, text = algorithm.lower(), value.lower()
        key = f"hashes.{plain_text('hashes', algorithm)}"
        if _ALGORITHM.fullmatch(name) is None:
            raise Refused(key, f"{shown(algorithm)} does not name a hash algorithm")
        if _HEX.fullmatch(text) is None:
            raise Refused(key, "the hash is not hexadecimal", _HASH_HINT)
        if len(text) != _HEX_DIGITS.get(name, len(text)):
            raise Refused(
                key,
                f"a {name} has {_HEX_DIGITS[name]} hexadecimal digits, this one has {len(text)}",
                _HASH_HINT,
            )
        if name in (known for known, _ in found):
            raise Refused(key, f"{name} is given twice, in other letters", _HASH_HINT)
        found.append((name, text))
    return tuple(sorted(found))


def commit_id(key: str, vcs: str, value: str) -> str:
    """Return a commit id that names one commit for ever.

    Raises:
        Refused: It is a short or symbolic name, or holds characters that no id has.
    """
    pattern = _GIT_COMMIT if vcs == "git" else _COMMIT
    if pattern.fullmatch(value) is None:
        raise Refused(
            key, f"{shown(plain_text(key, value))} is not a full commit id", "name the whole commit"
        )
    return value


_HASH_HINT = "the file was damaged or edited; run `mooring lock` to write it again"


def _without_credentials(key: str, value: str) -> str:
    try:
        return strip_credentials(value)
    except ValueError as error:
        raise _refused_url(key, value, "check the address") from error


def _refused_url(key: str, value: str, hint: str) -> Refused:
    plain_text(key, value)
    if value[:5].lower() == "file:":
        return Refused(key, "a file: URL names a place on one machine", f"use a path; {hint}")
    return Refused(key, f"{shown(redact(value))} is not a URL that can be fetched", hint)
