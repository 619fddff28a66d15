"""How a verification looks on a terminal: one table, the commands that help, one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mooring.cli.outcome import printable
from mooring.verify.report.table import Row, table
from mooring.workflow.verifying import Verified

if TYPE_CHECKING:
    from rich.table import Table

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}


def show_table(verified: Verified, *, quiet: bool, verbose: bool) -> None:
    """Print findings on standard output and the sum on standard error.

    `quiet` leaves out what does not fail, `verbose` shows every finding of a package.
    """
    result = table(verified.verification, most=None if verbose else 10)
    shown = [row for row in result.rows if row.failing or not quiet]
    if shown:
        _print(shown)
    for fix in result.fixes:
        click.echo(click.style("fix: ", fg="cyan", bold=True) + printable(fix), err=True)
    if not quiet or not verified.verification.clean:
        mark = (
            click.style("✓ ", fg="green")
            if verified.verification.clean
            else click.style("✗ ", fg="red")
        )
        target = printable(verified.inventory.target)
        click.echo(f"{mark}{target}: {result.summary}", err=True)


def _print(rows: list[Row]) -> None:
    from rich.console import Console  # loaded only when there is something to show

    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    console.print(_table(rows))


def _table(rows: list[Row]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in ("package", "rule", "what", "expected", "actual"):
        shown.add_column(title, overflow="fold", no_wrap=title == "rule")
    last = None
    for row in rows:
        what = f"{row.message}: {row.path}" if row.path else row.message
        shown.add_row(
            Text("" if row.package == last else printable(row.package) or "(environment)"),
            Text(row.rule, style=_COLOURS.get(row.severity or "", "")),
            Text(printable(what)),
            Text(printable(row.expected)),
            Text(printable(row.actual)),
        )
        last = row.package
    return shown
