"""Threads for work that waits for others: an interrupt does not wait for them without end."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

GRACE_SECONDS = 2.0
"""How long work that nobody wants any more may take to end by itself."""

_R = TypeVar("_R")


class Threads:
    """A few threads that carry out calls; a context manager.

    A `ThreadPoolExecutor` joins its threads when a block fails, and again when Python ends: with a
    silent server, an interrupted command would go on for minutes. Here a block that fails leaves
    after a moment, and its threads end with the process.

    Args:
        count: How many calls are under way at once.
        grace: Seconds that a block which fails waits for them.
    """

    def __init__(self, count: int, *, grace: float = GRACE_SECONDS) -> None:
        self._count = count
        self._grace = grace
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._futures: list[Future[object]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            for future in self._futures:
                future.cancel()
        for _ in self._threads:
            self._calls.put(None)
        deadline = time.monotonic() + self._grace
        for thread in self._threads:
            thread.join(None if kind is None else max(0.0, deadline - time.monotonic()))

    def submit(self, function: Callable[..., _R], *arguments: object) -> Future[_R]:
        """Have a call carried out; its result or error is that of the future."""
        future: Future[_R] = Future()
        self._futures.append(future)  # type: ignore[arg-type]

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*arguments)
            except BaseException as error:  # noqa: BLE001  # raised again by whoever waits
                future.set_exception(error)
            else:
                future.set_result(result)

        self._calls.put(call)
        if len(self._threads) < self._count:
            self._threads.append(threading.Thread(target=self._work, daemon=True))
            self._threads[-1].start()
        return future

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
