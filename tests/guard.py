"""The guard that lets a test start processes and open sockets only when its marks say so."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

PROCESS_EVENTS = frozenset(
    {
        "subprocess.Popen",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "os.system",
        "pty.spawn",
    }
)
SOCKET_EVENTS = frozenset(
    {"socket.bind", "socket.connect", "socket.getaddrinfo", "socket.sendmsg", "socket.sendto"}
)

_BOTH = PROCESS_EVENTS | SOCKET_EVENTS
LIFTED = {
    "process": PROCESS_EVENTS,
    "network": SOCKET_EVENTS,
    "engine": _BOTH,
    "registry": _BOTH,
    "index": _BOTH,
}


class UnmarkedEffect(AssertionError):
    """A test did what none of its marks allows."""


class Guard:
    """Forbids effects while it watches.

    An audit hook cannot be removed, so there is one, installed by the first watch, and it asks this
    object; threads that a test starts are watched too.
    """

    def __init__(self) -> None:
        self._forbidden: frozenset[str] = frozenset()
        self._seen: list[str] = []
        self._hooked = False

    @contextmanager
    def watching(self, marks: Collection[str]) -> Iterator[None]:
        """Forbid every effect that no mark lifts, until the block ends."""
        if not self._hooked:
            sys.addaudithook(self._audit)
            self._hooked = True
        self.take()  # what a failing test left is told already
        before = self._forbidden
        self._forbidden = _BOTH.difference(*(LIFTED.get(mark, ()) for mark in marks))
        try:
            yield
        finally:
            self._forbidden = before

    def take(self) -> list[str]:
        """Return what was forbidden and tried since the last call."""
        seen, self._seen = self._seen, []
        return seen

    def _audit(self, event: str, details: tuple[object, ...]) -> None:
        if event not in self._forbidden:
            return
        kind = "process" if event in PROCESS_EVENTS else "network"
        shown = ", ".join(repr(detail)[:120] for detail in details[:2])
        text = f"{event}({shown}) in a test without the mark `{kind}`"
        self._seen.append(text)
        raise UnmarkedEffect(text)


GUARD = Guard()
