"""`mooring inventory`."""

from __future__ import annotations

from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.verify_target import TargetOptions, target_options
from mooring.files import write_file
from mooring.verify.inventory_json import write
from mooring.verify.tiers import CONTENT, QUICK
from mooring.workflow.inspecting import inspect_target


@click.command("inventory")
@target_options
@click.option("--quick", is_flag=True, help="Do not read the files' contents.")
@click.option("--output", "-o", type=options.EXISTING, metavar="FILE", help="Write to a file.")
@options.talk_options
def command(at: TargetOptions, quick: bool, output: Path | None, quiet: bool, verbose: bool) -> int:
    """Print what is in an environment: packages, versions, files and their digests, as JSON.

    PATH is a virtual environment or another prefix (default .venv).
    """
    reporter = options.reporter(quiet, verbose)
    tiers = QUICK if quick else CONTENT
    inventory = inspect_target(at.target(Path(".venv")), tiers=tiers, reporter=reporter).inventory
    text = write(inventory)
    if output is None:
        click.echo(text, nl=False)
        return 0
    write_file(output, text)
    reporter.finish(
        f"{output}: {len(inventory.distributions)} packages, {inventory.files_hashed} files hashed"
    )
    return 0
