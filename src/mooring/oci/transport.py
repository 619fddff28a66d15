"""HTTP to registries: retried, size-limited, and careful about where a registry points us."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from mooring.oci.model import RegistryError, RegistryUnreachable
from mooring.oci.reference import host_address, is_loopback
from mooring.urls import redact

if TYPE_CHECKING:
    import requests
    from requests.adapters import BaseAdapter
    from urllib3.util import Retry

INSECURE_VARIABLE = "MOORING_INSECURE_REGISTRIES"
"""Comma-separated hosts (with port) that are spoken to over plain http."""

_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two bytes of an answer
_RETRIED_STATUS = (408, 429, 500, 502, 503, 504)
_TRIES = 3
_LONGEST_WAIT = 30.0  # seconds; a registry that asks for more is not waited for
_MAX_REDIRECTS = 5
_PIECE = 1 << 16
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer that was read whole; header names are in lower case."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status < 300


class Transport:
    """Sends requests; holds connections open until it is closed.

    Args:
        insecure: Hosts that are spoken to over plain http; loopback always is.
        adapter: Replaces the network, for tests.
        backoff: Seconds that the waits between tries grow from.
    """

    def __init__(
        self,
        *,
        insecure: Iterable[str] | None = None,
        adapter: BaseAdapter | None = None,
        backoff: float = 0.5,
    ) -> None:
        named = os.environ.get(INSECURE_VARIABLE, "").split(",") if insecure is None else insecure
        self._insecure = frozenset(host.strip() for host in named if host.strip())
        self._adapter = adapter
        self._backoff = backoff
        self._opened: requests.Session | None = None

    def close(self) -> None:
        """Close every connection."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def base_url(self, host: str) -> str:
        """Return `https://host`, or `http://host` where plain http is allowed."""
        plain = is_loopback(host) or host in self._insecure
        return f"{'http' if plain else 'https'}://{host}"

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        limit: int,
        data: bytes | Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and read its answer, following redirects that are safe.

        Args:
            method: HTTP method.
            url: Where to; it decides which redirects are safe.
            headers: `Authorization` is sent to this scheme, host and port only.
            limit: Largest body that is accepted, bytes.
            data: The body, or the fields of a form.

        Raises:
            RegistryUnreachable: No answer came.
            RegistryError: The answer is too large, or redirects to where it must not.
        """
        target, sent = url, dict(headers)
        for _ in range(_MAX_REDIRECTS):
            reply = self._send_once(method, target, sent, limit, data)
            location = reply.headers.get("location")
            if reply.status not in (301, 302, 303, 307, 308) or not location:
                return reply
            if method not in ("GET", "HEAD"):
                raise RegistryError(f"{_place(target)} redirects a {method} request")
            target = _next(target, location)
            check_outside(target, url)
            if _origin(target) != _origin(url):
                sent.pop("Authorization", None)
        raise RegistryError(f"{_place(url)} redirects more than {_MAX_REDIRECTS} times")

    def _send_once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        limit: int,
        data: bytes | Mapping[str, str] | None,
    ) -> Reply:
        import requests  # 0.1 s to load; only what talks to a registry pays for it

        session = self._session()
        proxies = {} if is_loopback(urlsplit(url).netloc) else _proxies(url)
        for attempt in range(1, _TRIES + 1):
            try:
                with session.request(
                    method, url, headers=dict(headers), data=data, proxies=proxies,
                    timeout=_TIMEOUT, allow_redirects=False, stream=True,
                ) as response:  # fmt: skip
                    body = _read(response, limit, url)
            except requests.exceptions.ChunkedEncodingError as error:
                # The answer broke off in the middle: urllib3 retries only what it has not begun.
                if attempt == _TRIES:
                    raise _unreachable(url, error) from error
            except OSError as error:  # every error of requests is one, and a bad CA path too
                raise _unreachable(url, error) from error
            except ValueError as error:  # of the URL libraries, for what a server redirected to
                raise RegistryError(f"{_place(url)} is no address that can be asked") from error
            else:
                lower = {name.lower(): value for name, value in response.headers.items()}
                return Reply(status=response.status_code, url=url, headers=lower, body=body)
        raise AssertionError("unreachable")

    def _session(self) -> requests.Session:
        if self._opened is not None:
            return self._opened
        import requests
        from requests.adapters import HTTPAdapter

        class Session(requests.Session):
            """Leaves redirects to us: its own handling reads their bodies, whatever their size."""

            def get_redirect_target(self, resp: requests.Response) -> str | None:
                return None

        session = Session()
        # Without this, requests replaces our Authorization header by the host's netrc entry, and
        # sends loopback requests to a proxy. What else it means is set here by hand.
        session.trust_env = False
        session.verify = next((v for n in _CA_VARIABLES if (v := os.environ.get(n))), True)
        session.headers.update({"User-Agent": "mooring", "Accept-Encoding": "identity"})
        adapter = self._adapter or HTTPAdapter(max_retries=_retries(self._backoff))
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        self._opened = session
        return session


def check_outside(url: str, base: str) -> None:
    """Refuse a URL that a registry made up and that must not be followed.

    Args:
        url: A token realm or a redirect's target.
        base: A URL of the registry that named it.

    Raises:
        RegistryError: It would send a request, perhaps with a password, over plain http or to
            a machine of this network that the registry has no business with.
    """
    parts, registry = _split(url, base), urlsplit(base)
    host = parts.hostname or ""
    allowed = ("https",) if registry.scheme == "https" else ("https", "http")
    if parts.scheme not in allowed or not host:
        raise RegistryError(f"{_place(base)} points to {redact(url)[:200]!r}, which is not https")
    if parts.username is not None:
        raise RegistryError(f"{_place(base)} points to a URL with credentials in it")
    both_here = is_loopback(parts.netloc) and is_loopback(registry.netloc)
    if host == registry.hostname or both_here:
        return
    address = host_address(f"[{host}]" if ":" in host else host)
    if host == "localhost" or (address is not None and not address.is_global):
        raise RegistryError(f"{_place(base)} points to the private address {host}")


def _next(url: str, location: str) -> str:
    """Return where a redirect leads."""
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise _no_address(url) from error


def _split(url: str, base: str) -> SplitResult:
    """Take a URL apart that a registry made up; its port is a number afterwards."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise _no_address(base) from error
    return parts


def _no_address(base: str) -> RegistryError:
    return RegistryError(f"{_place(base)} points to what is no address")


def said(reply: Reply) -> str:
    """Return what a registry's error answer says, on one short line."""
    text = reply.body.decode("utf-8", "replace")
    try:
        import json

        errors = json.loads(text)["errors"]
        text = "; ".join(str(error.get("message") or error.get("code")) for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    line = "".join(c if c.isprintable() else " " for c in text).strip()
    return redact(line)[:200] or f"HTTP status {reply.status}"


def _retries(backoff: float) -> Retry:
    from urllib3 import BaseHTTPResponse
    from urllib3.util import Retry

    class Retries(Retry):
        """Obeys `Retry-After` up to a limit; the library's own is six hours."""

        def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
            wait = super().get_retry_after(response)
            return None if wait is None else min(wait, _LONGEST_WAIT)

    return Retries(
        total=_TRIES,
        connect=1,
        read=1,  # each may take a minute
        redirect=False,
        status_forcelist=_RETRIED_STATUS,
        allowed_methods=None,  # every request here may be sent twice
        backoff_factor=backoff,
        raise_on_status=False,
    )


def _read(response: requests.Response, limit: int, url: str) -> bytes:
    body = bytearray()
    for piece in response.iter_content(_PIECE):
        body += piece
        if len(body) > limit:
            raise RegistryError(f"{_place(url)} sent more than {limit >> 10} KiB")
    return bytes(body)


def _proxies(url: str) -> dict[str, str]:
    from requests.utils import get_environ_proxies

    return get_environ_proxies(url)


def _unreachable(url: str, error: Exception) -> RegistryUnreachable:
    import requests

    place = _place(url)
    if isinstance(error, requests.exceptions.SSLError):
        return RegistryUnreachable(
            f"no trusted TLS connection to {place}: {_reason(error)}",
            hint="name your CA bundle in SSL_CERT_FILE; a registry without TLS must be listed in "
            + INSECURE_VARIABLE,
        )
    if isinstance(error, requests.exceptions.Timeout):
        return RegistryUnreachable(f"{place} did not answer in time")
    return RegistryUnreachable(
        f"{place} cannot be reached: {_reason(error)}",
        hint="check the network, the proxy variables and the registry's name",
    )


def _reason(error: BaseException) -> str:
    """Dig the operating system's words out of the nested errors of the HTTP libraries."""
    seen = error
    for _ in range(6):
        inner = getattr(seen, "reason", None)
        if not isinstance(inner, BaseException):
            inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        inner = inner or seen.__cause__
        if inner is None:
            break
        seen = inner
    text = getattr(seen, "strerror", None) or str(seen)
    return redact(text.rpartition(">: ")[2].rpartition("object at 0x")[2])[:200]


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or (443 if parts.scheme == "https" else 80),
    )


def _place(url: str) -> str:
    return "the registry " + urlsplit(url).netloc.rpartition("@")[2]
