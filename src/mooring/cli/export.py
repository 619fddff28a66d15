"""`mooring export`."""

from __future__ import annotations

from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.project import locked_project
from mooring.files import write_file
from mooring.workflow.exporting import FORMATS, ExportFormat, export


@click.command("export")
@options.project_option
@options.lock_option
@options.environment_option
@options.platform_option
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="requirements", show_default=True
)
@click.option("--output", "-o", type=options.EXISTING, help="File to write instead of stdout.")
@options.frozen_option
def command(
    project: Path,
    lock_file: Path | None,
    environment: str,
    platform: str | None,
    form: ExportFormat,
    output: Path | None,
    frozen: bool,
) -> int:
    """Write one environment of the lock in another format.

    Without --platform the result serves every platform of the lock (environment markers); with
    it, exactly the artifacts of that platform.
    """
    text = export(
        locked_project(project, lock_file, frozen=frozen),
        environment=environment,
        platform=platform,
        form=form,
    )
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)
    return 0
