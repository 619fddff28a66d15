"""What a library call may say while it works: a reporter the caller passes, silent by default."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Receives progress from a stage; implementations decide what a person sees."""

    def step(self, text: str) -> None:
        """A stage of the work begins (`Resolving 12 requirements`)."""

    def detail(self, text: str) -> None:
        """One line of what an outside tool prints while it works."""

    def note(self, text: str) -> None:
        """Something worth knowing that is no problem."""

    def warn(self, text: str) -> None:
        """Something that may surprise the user later."""


class SilentReporter:
    """A reporter that says nothing."""

    def step(self, text: str) -> None:
        """Say nothing."""

    def detail(self, text: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def warn(self, text: str) -> None:
        """Say nothing."""


SILENT = SilentReporter()
