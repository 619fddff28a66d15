"""Where a registry may point us: redirects, upload locations and token realms."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

from mooring.oci.model import RegistryError
from mooring.oci.reference import host_address, is_loopback


def check_outside(url: str, base: str) -> None:
    """Refuse a URL that a registry made up and that must not be followed.

    Args:
        url: A token realm, an upload's location or a redirect's target.
        base: A URL of the registry that named it.

    Raises:
        RegistryError: It would send a request, perhaps with a password, over plain http or to
            a machine of this network that the registry has no business with.
    """
    parts, registry = _split(url, base), urlsplit(base)
    host = parts.hostname or ""
    allowed = ("https",) if registry.scheme == "https" else ("https", "http")
    if parts.scheme not in allowed or not host:
        # Without its query: that of a storage host is as good as a password.
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]
        raise RegistryError(f"{place(base)} points to {shown!r}, which is not https")
    if parts.username is not None:
        raise RegistryError(f"{place(base)} points to a URL with credentials in it")
    both_here = is_loopback(parts.netloc) and is_loopback(registry.netloc)
    if host == registry.hostname or both_here:
        return
    address = host_address(f"[{host}]" if ":" in host else host)
    if host == "localhost" or (address is not None and not address.is_global):
        raise RegistryError(f"{place(base)} points to the private address {host}")


def follow(url: str, location: str) -> str:
    """Return where a `Location` header of an answer from `url` leads; see `check_outside`.

    Raises:
        RegistryError: It is no address.
    """
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise _no_address(url) from error


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port: what credentials belong to."""
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or (443 if parts.scheme == "https" else 80),
    )


def place(url: str) -> str:
    """Return how messages name the server of a URL."""
    return "the registry " + urlsplit(url).netloc.rpartition("@")[2]


def _split(url: str, base: str) -> SplitResult:
    """Take a URL apart that a registry made up; its port is a number afterwards."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise _no_address(base) from error
    return parts


def _no_address(base: str) -> RegistryError:
    return RegistryError(f"{place(base)} points to what is no address")
