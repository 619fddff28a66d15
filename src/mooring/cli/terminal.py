"""A reporter for people: steps on standard error, live details only on a terminal."""

from __future__ import annotations

import os
import sys

import click

from mooring.cli.outcome import colours_wanted, printable, say

_EMPTY_LINE = "\r\x1b[K"


class TerminalReporter:
    """Shows what the library says.

    On a terminal the latest detail stands on one line that is overwritten; elsewhere details are
    plain lines, and only with `verbose`.

    Args:
        quiet: Show warnings only.
        verbose: Show every line of detail.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._live = (
            not quiet
            and not verbose
            and sys.stderr.isatty()
            and os.environ.get("TERM", "") != "dumb"
        )
        self._shown = False

    def step(self, text: str) -> None:
        """Show that a stage begins."""
        if not self._quiet:
            self._line(click.style("• ", fg="blue") + printable(text))

    def detail(self, text: str) -> None:
        """Show one line of an outside tool."""
        if self._verbose:
            say("  " + printable(text))
        elif self._live:
            import shutil  # with its compressors it takes longer to load than some verbs to work

            width = shutil.get_terminal_size().columns - 4
            shown = "  " + printable(text).replace("\n", " ").replace("\t", " ")[:width]
            _control(_EMPTY_LINE + (click.style(shown, dim=True) if colours_wanted() else shown))
            self._shown = True

    def note(self, text: str) -> None:
        """Show something worth knowing."""
        if not self._quiet:
            self._line("  " + printable(text))

    def warn(self, text: str) -> None:
        """Show something that may surprise later."""
        self._line(click.style("warning: ", fg="yellow", bold=True) + printable(text))

    def finish(self, text: str | None = None) -> None:
        """Remove the live line and show a last word."""
        if text is not None and not self._quiet:
            self._line(click.style("✓ ", fg="green") + printable(text))
        else:
            self._clear()

    def close(self) -> None:
        """Remove the live line for good: a tool that is being ended may still print."""
        self._live = self._verbose = False
        self._clear()

    def _line(self, text: str) -> None:
        self._clear()
        say(text)

    def _clear(self) -> None:
        if self._shown:
            _control(_EMPTY_LINE)
            self._shown = False


def _control(text: str) -> None:
    """Write to a terminal; click would take cursor movements out together with colours."""
    click.echo(text, err=True, nl=False, color=True)
