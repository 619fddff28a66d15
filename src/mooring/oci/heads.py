"""A deadline for the head of an answer: a socket's own timeout starts again with every byte."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.poolmanager import PoolManager
    from urllib3.response import HTTPResponse


def patient_adapter(seconds: float) -> HTTPAdapter:
    """Return an adapter of `requests` whose servers have that long for status and headers."""
    from requests.adapters import HTTPAdapter
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    plain, tls = _connections(seconds)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = tls

    def dress(manager: PoolManager) -> None:
        manager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}

    class Adapter(HTTPAdapter):
        """Puts our connections into every pool, also into those behind a proxy."""

        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, **options)
            dress(self.poolmanager)

        def proxy_manager_for(self, *arguments: Any, **options: Any) -> PoolManager:
            manager: PoolManager = super().proxy_manager_for(*arguments, **options)
            dress(manager)
            return manager

        def close(self) -> None:
            """Close idle connections now; clearing the pools leaves that to the collector."""
            for manager in (self.poolmanager, *self.proxy_manager.values()):
                keys = manager.pools.keys()  # of a snapshot; the pools themselves refuse a loop
                for key in keys:
                    if (pool := manager.pools.get(key)) is not None:
                        pool.close()
            super().close()

    return Adapter()


def _connections(seconds: float) -> tuple[type[HTTPConnection], type[HTTPSConnection]]:
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Plain(HTTPConnection):
        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            with _Deadline(self.sock, seconds):
                return super().getresponse()

    class Tls(HTTPSConnection):
        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            with _Deadline(self.sock, seconds):
                return super().getresponse()

    return Plain, Tls


class _Deadline:
    """Ends whatever is read from a socket after some seconds, with a `TimeoutError`."""

    def __init__(self, sock: socket.socket | None, seconds: float) -> None:
        self._sock = sock
        self._over = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._sock = None  # the timer and this refer to each other, and would keep it open
        # A head that ends in the middle is taken for a whole one by the parser.
        if self._over and (error is None or isinstance(error, Exception)):
            raise TimeoutError("the head of the answer took too long") from error

    def _end(self) -> None:
        sock = self._sock
        self._over = True
        if sock is not None:
            try:
                # Not the method of a TLS socket: it would take its state away from the reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                return  # it is closed already
