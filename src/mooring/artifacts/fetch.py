"""The one place that asks package indexes for bytes: bounded, retried, and careful with secrets."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin, urlsplit

from mooring import __version__
from mooring.errors import MooringError
from mooring.urls import redact
from mooring.uv import IndexLike, index_credentials, origin

if TYPE_CHECKING:
    import requests

CONNECTIONS = 16
"""How many requests are under way at once, at most."""

_CONNECT_SECONDS, _READ_SECONDS = 10.0, 30.0
_RETRIES = 3
_MAX_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_AS_IT_IS = {"Accept": "*/*", "Accept-Encoding": "identity"}  # no compression for the way
_PIECE = 1 << 16
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)


class FetchError(MooringError):
    """A host does not answer, or answers with what is not usable (exit code 3)."""


class TooLargeError(FetchError):
    """A file is larger than it may be; asking again does not change that."""


class BrokenOffError(FetchError):
    """A file that was being sent ended in the middle; asking again may help."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a host answered: a status below 500, and the body when it is 200.

    Attributes:
        url: The address that answered, after redirections, without credentials.
    """

    status: int
    content_type: str
    body: bytes
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What a host answered that was asked for a part of a file.

    Attributes:
        status: 206 for a part; 200 where the host knows no parts.
        start, total: Where the part begins in the file, and how large the file is, bytes.
    """

    status: int
    start: int = 0
    total: int = 0
    body: bytes = b""


class Sink(Protocol):
    """What a download is written to."""

    def write(self, data: bytes, /) -> object:
        """Add bytes to the end."""


class Fetcher:
    """Asks the hosts of indexes; made by `fetching`, and safe to use from several threads."""

    def __init__(self, session: requests.Session, credentials: dict[str, tuple[str, str]]) -> None:
        self._session = session
        self._credentials = credentials

    def get(self, url: str, *, limit: int, accept: str = "*/*") -> Answer:
        """Fetch one URL.

        Args:
            url: An http or https address; credentials go only to the host they belong to.
            limit: Largest body in bytes.
            accept: The `Accept` header.

        Raises:
            FetchError: No answer, a status of 500 or more, or a body that is too large.
        """
        with self._asking(url, {"Accept": accept}) as response:
            return Answer(
                status=response.status_code,
                content_type=response.headers.get("Content-Type", ""),
                body=_body(response, url, limit) if response.status_code == 200 else b"",
                url=redact(response.url),
            )

    def get_part(self, url: str, span: str, *, limit: int) -> Part:
        """Ask for a part of a file; a server may not know parts, and its answer says so.

        Args:
            url: As for `get`.
            span: `first-last`, both inclusive, or `-count` for the end (RFC 9110, 14.1.2).
            limit: Largest part in bytes.

        Raises:
            FetchError: As for `get`; or the part is another one than was asked for.
        """
        with self._asking(url, _AS_IT_IS | {"Range": f"bytes={span}"}) as response:
            if response.status_code != 206:
                # Nothing of the whole file is read, which may have gigabytes.
                return Part(status=response.status_code)
            match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            body = _body(response, url, limit)
            if match is None or int(match[2]) - int(match[1]) + 1 != len(body):
                raise _failed(url, "it sends another part of a file than it says")
            return Part(status=206, start=int(match[1]), total=int(match[3]), body=body)

    def download(self, url: str, target: Sink, *, limit: int) -> int:
        """Write a whole file into an open one, and return the status; only 200 writes.

        Raises:
            FetchError: As for `get`.
            OSError: The target cannot be written.
        """
        try:
            with self._asking(url, _AS_IT_IS) as response:
                if response.status_code == 200:
                    total = 0
                    for piece in _pieces(response, url):
                        total += len(piece)
                        if total > limit:
                            raise TooLargeError(
                                f"the file is larger than {limit} bytes", where=redact(url)
                            )
                        _write(target, piece)
                return response.status_code
        except _Unwritable as error:
            raise error.reason from None

    @contextmanager
    def _asking(self, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        """Open an answer, following redirects; each host is given its own credentials only."""
        import requests  # loaded by `fetching` already

        asked = url
        try:
            for _ in range(_MAX_REDIRECTS):
                with self._session.get(
                    asked,
                    stream=True,
                    timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                    headers=headers,
                    auth=self._credentials.get(origin(asked)),
                ) as response:
                    location = response.headers.get("Location")
                    if response.status_code in _REDIRECTS and location:
                        asked = urljoin(asked, location)
                        continue
                    if response.status_code >= 500 or response.status_code == 429:
                        raise _failed(url, f"{response.status_code} {response.reason}")
                    yield response
                    return
        except (requests.RequestException, OSError, ValueError) as error:
            raise _failed(asked, _reason(error)) from error
        raise _failed(asked, f"it redirects more than {_MAX_REDIRECTS} times")


@contextmanager
def fetching(indexes: Iterable[IndexLike] = ()) -> Iterator[Fetcher]:
    """Open connections that are closed at the end of the block.

    Args:
        indexes: The declared indexes, for their credentials.
    """
    import requests  # slow to import, and most runs find everything in a cache
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    class _Session(requests.Session):
        """Leaves redirects to us: its own handling reads their bodies, whatever their size."""

        def get_redirect_target(self, resp: requests.Response) -> str | None:
            return None

    class _Adapter(HTTPAdapter):
        """Trusts what OpenSSL does on this machine, SSL_CERT_FILE included, like uv."""

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            kwargs["ssl_context"] = ssl.create_default_context()
            super().init_poolmanager(*args, **kwargs)

    retry = Retry(
        total=_RETRIES,
        backoff_factor=0.2,
        status_forcelist=(429, 500, 502, 503, 504),
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    with _Session() as session:
        session.headers["User-Agent"] = f"mooring/{__version__}"
        adapter = _Adapter(pool_maxsize=CONNECTIONS, max_retries=retry)
        session.mount("https://", adapter)
        session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS, max_retries=retry))
        yield Fetcher(session, index_credentials(indexes))


class _Unwritable(Exception):
    """The target cannot be written, which is no fault of the host."""

    def __init__(self, reason: OSError) -> None:
        super().__init__()
        self.reason = reason


def _write(target: Sink, piece: bytes) -> None:
    try:
        target.write(piece)
    except OSError as error:
        raise _Unwritable(error) from error


def _pieces(response: requests.Response, url: str) -> Iterator[bytes]:
    import requests  # loaded by `fetching` already

    try:
        yield from response.iter_content(_PIECE)
    except (requests.RequestException, OSError, ValueError) as error:
        raise BrokenOffError(
            f"{_host(url)} cannot be reached: the connection broke off ({_reason(error)})",
            hint="check the network and the proxy variables, then run this again",
        ) from error


def _body(response: requests.Response, url: str, limit: int) -> bytes:
    body = bytearray()
    for piece in response.iter_content(_PIECE):
        body += piece
        if len(body) > limit:
            raise FetchError(f"the answer is larger than {limit >> 10} KiB", where=redact(url))
    return bytes(body)


def _failed(url: str, reason: str) -> FetchError:
    return FetchError(
        f"{_host(url)} cannot be reached: {reason}",
        hint="check the network and the proxy variables, then run this again",
    )


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2] or redact(url)


def _reason(error: Exception) -> str:
    """Return the innermost words of an exception, which do not repeat the whole URL."""
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    strerror = getattr(inner, "strerror", None)
    return redact(str(strerror or inner or type(inner).__name__))
