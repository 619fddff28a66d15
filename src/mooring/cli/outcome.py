"""Errors reach the terminal here and nowhere else, and become exit codes."""

from __future__ import annotations

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
        click.echo("interrupted", err=True)
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
    click.echo(click.style(f"{label}: ", fg="red", bold=True) + printable(str(error)), err=True)
    if error.hint:
        click.echo(click.style("hint: ", fg="cyan", bold=True) + printable(error.hint), err=True)


def printable(text: str) -> str:
    """Make foreign text safe for a terminal: no credentials, no control characters."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in redact(text)
    )
