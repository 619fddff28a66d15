"""One HTTP request at a time, sent with `requests`: its errors, its patience, its connections."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from mooring.errors import MooringError
from mooring.oci.heads import patient_adapter
from mooring.oci.model import RegistryError, RegistryUnreachable
from mooring.oci.origins import place
from mooring.oci.reference import is_loopback
from mooring.urls import redact

if TYPE_CHECKING:
    import requests
    from requests.adapters import BaseAdapter

INSECURE_VARIABLE = "MOORING_INSECURE_REGISTRIES"
"""Comma-separated hosts (with port) that are spoken to over plain http."""

PATIENCE = 60.0
"""Seconds that a server may be silent; and that an answer may take beyond `_SLOWEST`."""

_CONNECT_SECONDS = 10.0
_SLOWEST = 8 << 10  # bytes a second
_PIECE = 1 << 16
_SMALL_READ = 1 << 12
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Interrupted(RegistryUnreachable):
    """No whole answer came; another try may get one.

    Attributes:
        slow: Each try may take a minute, so there should be few.
    """

    def __init__(self, message: str, *, hint: str | None = None, slow: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.slow = slow


class Body(Protocol):
    """A request's body that is read while it is sent, from its beginning each time."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


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


class Answering:
    """An answer whose body is still to be read; header names are in lower case."""

    def __init__(self, response: requests.Response, url: str, patience: float) -> None:
        self._response = response
        self._left = patience
        self.url = url
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}

    def read(self, size: int = _PIECE) -> bytes:
        """Return some bytes, `size` at most; none at the end.

        Raises:
            Interrupted: The answer broke off, or trickles.
        """
        begun = time.monotonic()
        with translated(self.url):
            data = _read_some(self._response.raw, size)
        # What comes slower than this is cut off, however regularly it comes.
        self._left += len(data) / _SLOWEST - (time.monotonic() - begun)
        if self._left < 0:
            self.close()
            raise Interrupted(f"{place(self.url)} answers too slowly", slow=True)
        return data

    def whole(self, limit: int) -> Reply:
        """Read the rest and return it; the connection can be used again afterwards.

        Raises:
            RegistryError: The body has more than `limit` bytes.
            Interrupted: The answer broke off, or trickles.
        """
        body = bytearray()
        with self._response:
            while data := self.read():
                body += data
                if len(body) > limit:
                    raise RegistryError(f"{place(self.url)} sent more than {limit >> 10} KiB")
        return Reply(status=self.status, url=self.url, headers=self.headers, body=bytes(body))

    def close(self) -> None:
        """Read no more of it."""
        self._response.close()


class Connections:
    """Sends requests over connections that stay open until it is closed; threads may share it.

    Args:
        adapter: Replaces the network, for tests.
        patience: Seconds that a server may be silent.
    """

    def __init__(self, adapter: BaseAdapter | None = None, patience: float = PATIENCE) -> None:
        self._adapter = adapter
        self._patience = patience
        self._opened: requests.Session | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def open(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        data: bytes | Mapping[str, str] | Body | None = None,
    ) -> Answering:
        """Send one request, once, and follow no redirect.

        Raises:
            Interrupted: No answer came; another try may get one.
            RegistryUnreachable: No answer can come.
            RegistryError: The URL is none.
        """
        proxies = {} if is_loopback(urlsplit(url).netloc) else _proxies(url)
        with translated(url):
            response = self._session().request(
                method, url, headers=dict(headers), data=data, proxies=proxies,
                timeout=(_CONNECT_SECONDS, self._patience), allow_redirects=False, stream=True,
            )  # fmt: skip
        return Answering(response, url, self._patience)

    def _session(self) -> requests.Session:
        with self._lock:
            if self._opened is None:
                self._opened = _new_session(self._adapter or patient_adapter(self._patience * 1.5))
            return self._opened


def _new_session(adapter: BaseAdapter) -> requests.Session:
    from http.cookiejar import DefaultCookiePolicy

    import requests  # 0.1 s to load; only what talks to a registry pays for it

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
    # A cookie would go to every port of its host.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _read_some(raw: object, size: int) -> bytes:
    """Return what is there of a body; older urllib3 can only wait for a fixed amount."""
    read_one: Callable[[int], bytes] | None = getattr(raw, "read1", None)
    if read_one is not None:
        return read_one(size) or b""
    read: Callable[[int], bytes] = raw.read  # type: ignore[attr-defined]
    return read(min(size, _SMALL_READ))


class translated:  # noqa: N801  # used like a function
    """Turns the errors of the HTTP libraries inside of a block into ours.

    A class, because a generator's block costs a third of a small request.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, MooringError):
            return
        from urllib3.exceptions import HTTPError

        if isinstance(error, (OSError, HTTPError)):  # every error of requests is an OSError
            raise _unreachable(self._url, error) from error
        if isinstance(error, ValueError):  # of the URL libraries, for what a server redirected to
            raise RegistryError(f"{place(self._url)} is no address that can be asked") from error


def _proxies(url: str) -> dict[str, str]:
    from requests.utils import get_environ_proxies

    return get_environ_proxies(url)


def _unreachable(url: str, error: Exception) -> RegistryUnreachable:
    import requests
    from urllib3 import exceptions as lower

    name = place(url)
    if isinstance(error, (requests.exceptions.SSLError, lower.SSLError)):
        return RegistryUnreachable(
            f"no trusted TLS connection to {name}: {_reason(error)}",
            hint="name your CA bundle in SSL_CERT_FILE; a registry without TLS must be listed in "
            + INSECURE_VARIABLE,
        )
    if isinstance(error, (requests.exceptions.Timeout, lower.TimeoutError, TimeoutError)):
        return Interrupted(f"{name} did not answer in time", slow=True)
    message = f"{name} cannot be reached: {_reason(error)}"
    hint = "check the network, the proxy variables and the registry's name"
    if isinstance(error, (requests.exceptions.RequestException, lower.HTTPError, ConnectionError)):
        # No connection at all: once more is enough.
        return Interrupted(message, hint=hint, slow=_never_connected(error))
    return RegistryUnreachable(message, hint=hint)  # such as a CA file that does not exist


def _never_connected(error: BaseException) -> bool:
    from urllib3.exceptions import NewConnectionError

    return any(isinstance(each, NewConnectionError) for each in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those inside of it, outermost first."""
    seen: BaseException | None = error
    for _ in range(6):
        if seen is None:
            return
        yield seen
        inner = getattr(seen, "reason", None)
        if not isinstance(inner, BaseException):
            inner = seen.args[0] if seen.args and isinstance(seen.args[0], BaseException) else None
        seen = inner or seen.__cause__


def _reason(error: BaseException) -> str:
    """Dig the operating system's words out of the nested errors of the HTTP libraries."""
    seen = list(_chain(error))[-1]
    text = getattr(seen, "strerror", None) or str(seen)
    return redact(text.rpartition(">: ")[2].rpartition("object at 0x")[2])[:200]
