"""Errors reach the terminal here and nowhere else, and become exit codes."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from mooring.errors import MooringError
from mooring.urls import redact

INTERRUPTED = 130
COULD_NOT = 3


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; expected errors are shown without a traceback."""
    try:
        result = command.main(list(arguments), prog_name="mooring", standalone_mode=False)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    except MooringError as error:
        show_error(error)
        return error.exit_code
    except BrokenPipeError:
        return 0  # the reader of a pipe has seen enough
    except OSError as error:
        show_error(
            MooringError(error.strerror or str(error), where=str(error.filename or "mooring"))
        )
        return COULD_NOT
    return result if isinstance(result, int) else 0


def show_error(error: MooringError) -> None:
    """Print message, place and remedy of an expected error on standard error."""
    label = "no" if error.exit_code == 1 else "error"
    say(click.style(f"{label}: ", fg="red", bold=True) + printable(str(error)))
    if error.hint:
        say(click.style("hint: ", fg="cyan", bold=True) + printable(error.hint))


def say(text: str) -> None:
    """Print a line on standard error, in colour only on a terminal and where NO_COLOR is unset."""
    click.echo(text, err=True, color=None if colours_wanted() else False)


def colours_wanted() -> bool:
    """Tell whether NO_COLOR leaves colours on; see no-color.org."""
    return not os.environ.get("NO_COLOR")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 file`, `7,244 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def printable(text: str) -> str:
    """Make foreign text safe for a terminal: no credentials, no control characters."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in redact(text)
    )
