"""The one place that asks package indexes for bytes: bounded, retried, and careful with secrets."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
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
_PIECE = 1 << 16


class FetchError(MooringError):
    """A host does not answer, or answers with what is not usable (exit code 3)."""


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
        import requests  # loaded by `fetching` already

        try:
            for _ in range(_MAX_REDIRECTS):
                answer = self._ask(url, limit, accept)
                if isinstance(answer, Answer):
                    return answer
                url = answer
        except (requests.RequestException, OSError, ValueError) as error:
            raise _failed(url, _reason(error)) from error
        raise _failed(url, f"it redirects more than {_MAX_REDIRECTS} times")

    def _ask(self, url: str, limit: int, accept: str) -> Answer | str:
        """Send one request; return its answer, or where it is redirected to."""
        with self._session.get(
            url,
            stream=True,
            timeout=(_CONNECT_SECONDS, _READ_SECONDS),
            headers={"Accept": accept},
            auth=self._credentials.get(origin(url)),
        ) as response:
            if response.status_code >= 500 or response.status_code == 429:
                raise _failed(url, f"{response.status_code} {response.reason}")
            location = response.headers.get("Location")
            if response.status_code in (301, 302, 303, 307, 308) and location:
                return urljoin(url, location)
            return Answer(
                status=response.status_code,
                content_type=response.headers.get("Content-Type", ""),
                body=_body(response, url, limit) if response.status_code == 200 else b"",
                url=redact(response.url),
            )


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


def _body(response: requests.Response, url: str, limit: int) -> bytes:
    body = bytearray()
    for piece in response.iter_content(_PIECE):
        body += piece
        if len(body) > limit:
            raise FetchError(f"the answer is larger than {limit >> 10} KiB", where=redact(url))
    return bytes(body)


def _failed(url: str, reason: str) -> FetchError:
    host = urlsplit(url).netloc.rpartition("@")[2] or redact(url)
    return FetchError(
        f"{host} cannot be reached: {reason}",
        hint="check the network and the proxy variables, then run this again",
    )


def _reason(error: Exception) -> str:
    """Return the innermost words of an exception, which do not repeat the whole URL."""
    inner: BaseException = error
    while (cause := inner.__cause__ or inner.__context__) is not None:
        inner = cause
    strerror = getattr(inner, "strerror", None)
    return redact(str(strerror or inner or type(inner).__name__))
