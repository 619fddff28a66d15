"""The one error for wheels that are not taken."""

from __future__ import annotations

from mooring.build.embedded.interface import EmbeddedBuildError

_MOST_SHOWN = 120
_HINT = "lock another version or another wheel of it, and tell its project"


class WheelRefused(EmbeddedBuildError):
    """A wheel is damaged, or made in a way that no installer should accept (exit code 3)."""

    def __init__(self, message: str, *, where: str, hint: str | None = _HINT) -> None:
        super().__init__(message, where=where, hint=hint)


def shown(name: str) -> str:
    """Return a name of a wheel as a message shows it: quoted, on one line, and not without end."""
    text = repr(name)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
