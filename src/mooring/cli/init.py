"""`mooring init`."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.outcome import printable
from mooring.errors import InputError
from mooring.files import write_file
from mooring.manifest.editor import Proposal, propose
from mooring.workflow.foreign import describe_lock
from mooring.workflow.targets import running_python


@click.command("init")
@options.project_option
@click.option("--yes", "-y", is_flag=True, help="Write without asking.")
@options.talk_options
def command(project: Path, yes: bool, quiet: bool, verbose: bool) -> int:
    """Look at a folder and write a first manifest that locks, saying what was found."""
    reporter = options.reporter(quiet, verbose)
    proposal = propose(project, python=running_python())
    lock = describe_lock(proposal.path.parent)
    for line in (*proposal.found, *([lock] if lock else [])):
        reporter.note(f"found {line}")
    if not yes:
        click.echo(printable(_diff(proposal)), err=True)
        if not sys.stdin.isatty():
            raise InputError(
                "nothing was written: there is no terminal to ask on",
                hint="pass --yes to write what is shown above",
            )
        if not click.confirm(f"Write {proposal.path}?", default=True, err=True):
            reporter.finish("nothing was written")
            return 0
    write_file(proposal.path, proposal.content)
    first = "" if proposal.declares else "write what the project needs into `dependencies`, then "
    reporter.finish(f"wrote {proposal.path}; next: {first}mooring lock")
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
