"""`mooring export`."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import click

from mooring.cli import options
from mooring.cli.project import any_project
from mooring.files import write_file
from mooring.workflow.conda_exporting import CONDA_FORMATS, PINS, Pin, export_conda
from mooring.workflow.exporting import FORMATS, export
from mooring.workflow.selecting import LockedProject

_ALL = tuple(dict.fromkeys((*FORMATS, *CONDA_FORMATS)))

_Form = TypeVar("_Form", bound=str)


def _one_of(form: str, known: tuple[_Form, ...], lock: str) -> _Form:
    """Return the format, which must be one that this kind of lock can be written in."""
    for each in known:
        if each == form:
            return each
    raise click.BadParameter(
        f"{form!r} is no format for a lock {lock}: choose from {', '.join(known)}",
        param_hint="--format",
    )


@click.command("export")
@options.project_option
@options.lock_option
@options.environment_option
@options.platform_option
@click.option(
    "--format",
    "form",
    type=click.Choice(_ALL),
    help="Format.  [default: requirements; explicit with conda packages]",
)
@click.option(
    "--pin",
    type=click.Choice(PINS),
    help="How exactly an environment.yml names its packages.  [default: build]",
)
@click.option("--output", "-o", type=options.EXISTING, help="File to write instead of stdout.")
@options.frozen_option
def command(
    project: Path,
    lock_file: Path | None,
    environment: str,
    platform: str | None,
    form: str | None,
    pin: Pin | None,
    output: Path | None,
    frozen: bool,
) -> int:
    """Write one environment of the lock in another format.

    Without --platform the result serves every platform of the lock (environment markers); with
    it, exactly the artifacts of that platform. An @EXPLICIT list and an environment.yml are always
    for one platform, this machine's unless another is named.
    """
    if pin is not None and form != "environment-yml":
        raise click.UsageError("--pin goes with --format environment-yml")
    opened = any_project(project, lock_file, frozen=frozen)
    if isinstance(opened, LockedProject):
        text = export(
            opened,
            environment=environment,
            platform=platform,
            form=_one_of(form or FORMATS[0], FORMATS, "without conda packages"),
        )
    else:
        text = export_conda(
            opened,
            environment=environment,
            platform=platform,
            form=_one_of(form or CONDA_FORMATS[0], CONDA_FORMATS, "with conda packages"),
            pin=pin or PINS[0],
        )
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, text)
    return 0
