"""How a verification looks on a terminal: one table, the commands that help, one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING

import click

from mooring.cli.outcome import printable
from mooring.verify.report.table import Row, table
from mooring.workflow.verifying import Verified

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

WIDTH_OF_FILES = 160
"""Columns where standard output is no terminal and COLUMNS says nothing."""

NARROW = 120
"""Columns below which five columns of text would be columns of letters."""

MOST_FIXES = 20
"""Remedies that are printed; strays have one each."""

_COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
_VALUE = 19
"""Columns of a shortened digest."""
_LONGEST_VALUE = 30
_LONGEST_NAME = 40
_RULE = 6
_EDGES = 14
"""Columns of a table that are no text: between five columns, and at both sides."""
_LEAST_ROOM = 40
"""Columns of a message below which the table is given up."""


def show_table(verified: Verified, *, quiet: bool, verbose: bool) -> None:
    """Print findings on standard output and the sum on standard error.

    `quiet` leaves out what does not fail, `verbose` shows every finding of a package.
    """
    result = table(verified.verification, most=None if verbose else 10)
    shown = [row for row in result.rows if row.failing or not quiet]
    if shown:
        _print(shown)
    fixes = result.fixes if verbose else result.fixes[:MOST_FIXES]
    for fix in fixes:
        click.echo(click.style("fix: ", fg="cyan", bold=True) + _safe(fix), err=True)
    if len(fixes) < len(result.fixes):
        click.echo(f"and {len(result.fixes) - len(fixes):,} more: see --verbose", err=True)
    if not quiet or not verified.verification.clean:
        mark = (
            click.style("✓ ", fg="green")
            if verified.verification.clean
            else click.style("✗ ", fg="red")
        )
        target = _safe(verified.inventory.target)
        if verified.which is not None:
            target += f" ({_safe(verified.which)})"
        click.echo(f"{mark}{target}: {result.summary}", err=True)


def print_rows(console: Console, rows: list[Row]) -> None:
    """Print rows in the form that fits the width of a console."""
    room = _room(rows, console.width)
    narrow = console.width < NARROW or room < _LEAST_ROOM
    for part in _blocks(rows, console.width) if narrow else _columns(rows, room):
        console.print(part)


def _print(rows: list[Row]) -> None:
    from rich.console import Console  # loaded only when there is something to show

    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=WIDTH_OF_FILES)
    print_rows(console, rows)


def wrapped(text: str, width: int) -> str:
    """Return text in lines of a width: broken between words, and in long ones behind a `/`."""
    lines = [""]
    for word in text.split(" "):
        if len(lines[-1]) + bool(lines[-1]) + len(word) <= width:
            lines[-1] += " " * bool(lines[-1]) + word
            continue
        lines += [""] * bool(lines[-1])
        rest = word
        while len(rest) > width:
            marks = (rest.rfind(mark, 0, width) + 1 for mark in "/-_.=")
            cut = next(filter(None, marks), width)  # without any, it is cut anywhere
            lines[-1], rest = rest[:cut], rest[cut:]
            lines.append("")
        lines[-1] = rest
    return "\n".join(lines)


def _room(rows: list[Row], width: int) -> int:
    """Return the columns that a table of five leaves for messages."""
    used = _name_width(rows) + _RULE + 2 * _value_width(rows)
    return width - used - _EDGES


def _columns(rows: list[Row], room: int) -> Iterator[RenderableType]:
    """Yield one table: a column for each thing that is known of a finding."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    values, names = _value_width(rows), _name_width(rows)
    what = max(len("what"), *(len(_what(row)) for row in rows))
    shown.add_column("package", width=names, overflow="fold")
    shown.add_column("rule", width=_RULE, no_wrap=True)
    shown.add_column("what", width=min(room, what), overflow="fold")
    for title in ("expected", "actual"):
        shown.add_column(title, width=values, overflow="fold")
    last = None
    for row in rows:
        shown.add_row(
            Text("" if row.package == last else wrapped(_name(row), names)),
            _rule(row),
            Text(wrapped(_what(row), room)),
            Text(wrapped(_safe(row.expected), values)),
            Text(wrapped(_safe(row.actual), values)),
        )
        last = row.package
    yield shown


def _blocks(rows: list[Row], width: int) -> Iterator[RenderableType]:
    """Yield a heading for each package and its findings below, for narrow terminals."""
    from rich.table import Table
    from rich.text import Text

    for _, group in groupby(rows, lambda row: row.package):
        found = list(group)
        yield Text(_name(found[0]), style="bold", overflow="fold")
        block = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
        block.add_column(width=1)
        block.add_column(no_wrap=True)
        block.add_column(overflow="fold")
        for row in found:
            lines = [_safe(row.message), _safe(row.path)]
            lines += [f"expected {_safe(row.expected)}"] if row.expected else []
            lines += [f"actual   {_safe(row.actual)}"] if row.actual else []
            room = max(1, width - _RULE - 3)
            text = "\n".join(wrapped(line, room) for line in lines if line)
            block.add_row("", _rule(row), Text(text))
        yield block
    yield Text("")


def _value_width(rows: list[Row]) -> int:
    """Return a width at which shortened digests and most words stay in one piece."""
    values = [_safe(value) for row in rows for value in (row.expected, row.actual)]
    words = max(len(word) for value in (*values, "expected") for word in value.split(" "))
    whole = max(len(value) for value in (*values, "expected"))
    return min(max(words, min(_VALUE, whole)), _LONGEST_VALUE)


def _name_width(rows: list[Row]) -> int:
    return min(_LONGEST_NAME, max(len("package"), *(len(_name(row)) for row in rows)))


def _name(row: Row) -> str:
    return _safe(row.package) or "(environment)"


def _what(row: Row) -> str:
    return _safe(f"{row.message}: {row.path}" if row.path else row.message)


def _rule(row: Row) -> Text:
    from rich.text import Text

    return Text(row.rule, style=_COLOURS.get(row.severity or "", ""))


def _safe(text: str) -> str:
    """Return foreign text that moves no cursor and, in a GitHub job, commands nothing.

    The runner there reads `::name::` at the start of any printed line, and `##[name]` anywhere.
    """
    text = printable(text).replace("\n", " ").replace("\t", " ")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        text = text.replace("::", ":\u200b:").replace("##[", "##\u200b[")
    return text
