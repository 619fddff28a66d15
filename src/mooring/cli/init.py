"""`mooring init`."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.outcome import printable
from mooring.files import write_file
from mooring.manifest.editor import Proposal, propose
from mooring.workflow.targets import running_python


@click.command("init")
@options.project_option
@click.option("--yes", "-y", is_flag=True, help="Write without asking.")
@options.talk_options
def command(project: Path, yes: bool, quiet: bool, verbose: bool) -> int:
    """Look at a folder and write a first manifest that locks, saying what was found."""
    reporter = options.reporter(quiet, verbose)
    proposal = propose(project, python=running_python())
    for line in proposal.found:
        reporter.note(f"found {line}")
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to ask on; pass --yes to write")
        click.echo(printable(_diff(proposal)), err=True)
        if not click.confirm(f"Write {proposal.path}?", default=True, err=True):
            reporter.finish("nothing was written")
            return 0
    write_file(proposal.path, proposal.content)
    reporter.finish(f"wrote {proposal.path}; next: mooring lock")
    return 0


def _diff(proposal: Proposal) -> str:
    """Show what would change in the file."""
    path = proposal.path
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    return "".join(
        difflib.unified_diff(
            old.splitlines(keepends=True),
            proposal.content.splitlines(keepends=True),
            fromfile=path.name if old else "(no file)",
            tofile=path.name,
        )
    )
