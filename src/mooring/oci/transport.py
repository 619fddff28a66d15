"""HTTP to registries: retried, size-limited, and careful about where a registry points us."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from mooring.oci.connection import (
    INSECURE_VARIABLE,
    PATIENCE,
    Answering,
    Body,
    Connections,
    Interrupted,
    Reply,
)
from mooring.oci.model import RegistryError
from mooring.oci.origins import check_outside, follow, origin, place
from mooring.oci.reference import is_loopback
from mooring.urls import redact

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter

__all__ = ["INSECURE_VARIABLE", "Reply", "Transport", "check_outside", "said"]

RETRIED_STATUS = frozenset({408, 429, 500, 502, 503, 504})
TRIES = 4
_SLOW_TRIES = 2
_GROWTH = 3.0
_LONGEST_WAIT = 30.0  # seconds; a registry that asks for more is not waited for
_MAX_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)

_A = TypeVar("_A", Reply, Answering)


class Transport:
    """Sends requests; holds connections open until it is closed. Threads may share it.

    Args:
        insecure: Hosts that are spoken to over plain http; loopback always is.
        adapter: Replaces the network, for tests.
        backoff: Seconds of the first wait between tries; each next one is three times as long.
        patience: Seconds that a server may be silent.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        *,
        insecure: Iterable[str] | None = None,
        adapter: BaseAdapter | None = None,
        backoff: float = 0.5,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        named = os.environ.get(INSECURE_VARIABLE, "").split(",") if insecure is None else insecure
        self._insecure = frozenset(host.strip() for host in named if host.strip())
        self._connections = Connections(adapter, patience)
        self._backoff = backoff
        self.sleep = sleep

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()

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

        def ask(target: str, sent: Mapping[str, str]) -> Reply:
            return self._connections.open(method, target, sent, data).whole(limit)

        return self._following(method, url, headers, ask)

    def stream(self, url: str, *, headers: Mapping[str, str]) -> Answering:
        """Send a GET request and give its answer to read; see `send`."""

        def ask(target: str, sent: Mapping[str, str]) -> Answering:
            return self._connections.open("GET", target, sent)

        return self._following("GET", url, headers, ask)

    def send_once(
        self, method: str, url: str, *, headers: Mapping[str, str], limit: int, data: bytes | Body
    ) -> Reply:
        """Send one request with a large body, and never again by itself; see `send`.

        Raises:
            Interrupted: No whole answer came.
        """
        reply = self._connections.open(method, url, headers, data).whole(limit)
        if reply.status in _REDIRECTS:
            raise RegistryError(f"{place(url)} redirects a {method} request")
        return reply

    def pause(self, tries: int, headers: Mapping[str, str] | None = None) -> None:
        """Wait before the next of several tries, as long as the server says, within limits."""
        asked = _retry_after(headers or {})
        self.sleep(min(self._wait(tries) if asked is None else asked, _LONGEST_WAIT))

    def _wait(self, tries: int) -> float:
        return self._backoff * _GROWTH ** (tries - 1)

    def _following(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        ask: Callable[[str, Mapping[str, str]], _A],
    ) -> _A:
        target, sent = url, dict(headers)
        for _ in range(_MAX_REDIRECTS):
            reply = self._tried(ask, target, sent)
            location = reply.headers.get("location")
            if reply.status not in _REDIRECTS or not location:
                return reply
            _discard(reply)
            if method not in ("GET", "HEAD"):
                raise RegistryError(f"{place(target)} redirects a {method} request")
            target = follow(target, location)
            check_outside(target, url)
            if origin(target) != origin(url):
                sent.pop("Authorization", None)
        raise RegistryError(f"{place(url)} redirects more than {_MAX_REDIRECTS} times")

    def _tried(
        self,
        ask: Callable[[str, Mapping[str, str]], _A],
        url: str,
        headers: Mapping[str, str],
    ) -> _A:
        """Ask until an answer comes that another try would not change."""
        for attempt in range(1, TRIES + 1):
            answered: Mapping[str, str] | None = None
            try:
                reply = ask(url, headers)
            except Interrupted as error:
                if attempt >= (_SLOW_TRIES if error.slow else TRIES):
                    raise
            else:
                if attempt == TRIES or reply.status not in RETRIED_STATUS:
                    return reply
                _discard(reply)
                answered = reply.headers
            self.pause(attempt, answered)
        raise AssertionError("unreachable")


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


def _discard(reply: Reply | Answering) -> None:
    if isinstance(reply, Answering):
        reply.close()


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a `Retry-After` header asks for (RFC 9110, section 10.2.3)."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:6])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
