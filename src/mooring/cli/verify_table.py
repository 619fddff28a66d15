"""How a verification looks on a terminal: the findings, the commands that help, one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mooring.cli.outcome import printable, say
from mooring.verify.report.table import ROWS_PER_PACKAGE, Row, table
from mooring.workflow.verifying import Verified

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_UNBOUNDED = 100_000


def show_table(verified: Verified, *, quiet: bool, verbose: bool) -> None:
    """Print findings on standard output and the sum on standard error.

    `quiet` leaves out what does not fail, `verbose` shows every finding of a package.
    """
    result = table(verified.verification, most=None if verbose else ROWS_PER_PACKAGE)
    # A row without a severity counts the findings of its package that are not shown.
    shown = [row for row in result.rows if row.failing or row.severity is None or not quiet]
    if shown:
        _print(shown)
    for fix in result.fixes:
        say(click.style("fix: ", fg="cyan", bold=True) + printable(fix))
    if not quiet or not verified.verification.clean:
        mark = (
            click.style("✓ ", fg="green")
            if verified.verification.clean
            else click.style("✗ ", fg="red")
        )
        target = printable(verified.inventory.target)
        say(f"{mark}{target}: {result.summary}")


def _print(rows: list[Row]) -> None:
    """Print a table; on a terminal too narrow for it, a list whose lines the terminal wraps.

    Elsewhere the table is as wide as it needs to be: a folded path is found by no search.
    """
    from rich.console import Console  # loaded only when there is something to show

    console = Console(highlight=False, markup=False, emoji=False)
    whole = _table(rows)
    needed = console.measure(whole, options=console.options.update(width=_UNBOUNDED)).maximum
    if console.is_terminal and needed > console.width:
        _print_list(console, rows)
        return
    if not console.is_terminal:
        console.width = needed
    console.print(whole)


def _print_list(console: Console, rows: list[Row]) -> None:
    last = None
    for row in rows:
        if row.package != last:
            console.print(_package(row), style="bold", soft_wrap=True)
        last = row.package
        console.print("  ", _rule(row), f" {printable(row.message)}", sep="", soft_wrap=True)
        compared = [
            f"{title} {printable(value)}"
            for title, value in (("expected", row.expected), ("actual", row.actual))
            if value
        ]
        for line in filter(None, (printable(row.path), ", ".join(compared))):
            console.print(f"    {line}", soft_wrap=True)


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
            Text("") if row.package == last else _package(row),
            _rule(row),
            Text(printable(what)),
            Text(printable(row.expected)),
            Text(printable(row.actual)),
        )
        last = row.package
    return shown


def _package(row: Row) -> Text:
    from rich.text import Text

    return Text(printable(row.package) or "(environment)")


def _rule(row: Row) -> Text:
    from rich.text import Text

    return Text(row.rule, style=_COLOURS.get(row.severity or "", ""))
