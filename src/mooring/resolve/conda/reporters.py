"""Reporters between the platforms' threads and the caller's own."""

from __future__ import annotations

from collections.abc import Callable

from mooring.reporting import Reporter


class Once:
    """Collects what several threads say, and tells each thing once, in the same order always."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._notes: set[str] = set()
        self._warnings: set[str] = set()

    def step(self, text: str) -> None:
        """Leave steps out: the platforms take them together."""

    def detail(self, text: str) -> None:
        """Pass a line on."""
        self._reporter.detail(text)

    def note(self, text: str) -> None:
        """Keep a note."""
        self._notes.add(text)

    def warn(self, text: str) -> None:
        """Keep a warning."""
        self._warnings.add(text)

    def tell(self) -> None:
        """Say what was kept."""
        for text in sorted(self._notes):
            self._reporter.note(text)
        for text in sorted(self._warnings):
            self._reporter.warn(text)


class Translated:
    """A reporter that puts what it is told into other words.

    Args:
        reporter: Hears them.
        words: From a text to what is said instead.
    """

    def __init__(self, reporter: Reporter, words: Callable[[str], str]) -> None:
        self._reporter = reporter
        self._words = words

    def step(self, text: str) -> None:
        """Pass a step on."""
        self._reporter.step(self._words(text))

    def detail(self, text: str) -> None:
        """Pass a line on."""
        self._reporter.detail(self._words(text))

    def note(self, text: str) -> None:
        """Pass a note on."""
        self._reporter.note(self._words(text))

    def warn(self, text: str) -> None:
        """Pass a warning on."""
        self._reporter.warn(self._words(text))
