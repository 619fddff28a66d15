"""Index URLs: which are fit to be declared, and the names of those that have none."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mooring.errors import InputError

_VARIABLE = re.compile(r"\$(?:\{[^}]*\}?|[A-Za-z_]\w*)")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]+")
_BLANK = re.compile(r"[\s\x00-\x20\x7f-\x9f\u2028\u2029\\\"'<>]")


def refuse_index_url(url: str, name: str | None = None) -> None:
    """Raise `InputError` for a URL that cannot name an index; the URL is never repeated.

    Args:
        url: The URL as it was declared.
        name: The name of the index, for the advice about credentials.
    """
    if _VARIABLE.search(url):
        prefix = variable_prefix(name or _name_without_variables(url))
        raise InputError(
            "the URL of the index holds an environment variable",
            hint=f"leave the credentials out of the URL and set {prefix}_USERNAME and "
            f"{prefix}_PASSWORD, or use a netrc file",
        )
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError("the URL of the index is not valid") from error
    if parts.scheme not in ("http", "https"):
        raise InputError(
            "the URL of an index begins with https:// or http://",
            hint="a folder of files can be served as an index",
        )
    if not host or _BLANK.search(url) or parts.fragment:
        raise InputError("the URL of the index is not valid")


def index_name(url: str) -> str:
    """Return the name of an index that is declared by its URL only: its host, then its path."""
    parts = urlsplit(url)
    path = parts.path.strip("/").removesuffix("simple")
    host = parts.hostname or "index"
    port = f"-{parts.port}" if parts.port else ""
    return _NOT_IN_NAMES.sub("-", f"{host}{port}-{path}").strip("-").lower()


def variable_prefix(name: str) -> str:
    """Return the beginning of the variables with an index's credentials: `UV_INDEX_<NAME>`."""
    return "UV_INDEX_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def _name_without_variables(url: str) -> str:
    try:
        return index_name(re.sub(r"//[^/]*@", "//", _VARIABLE.sub("x", url)))
    except ValueError:
        return "NAME"
