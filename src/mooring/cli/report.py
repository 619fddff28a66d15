"""`mooring report`."""

from __future__ import annotations

from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.verify_output import Outputs, deliver, report_options, wanted
from mooring.verify.report.saved import read_report


@click.command("report")
@click.argument("file", type=options.EXISTING)
@report_options
def command(file: Path, form: str | None, outputs: tuple[str, ...]) -> int:
    """Turn a saved JSON report of `mooring verify` into other formats; nothing is verified.

    FILE was written by `mooring verify --output json=FILE`. Without options it is told in Markdown.
    """
    outgoing = wanted(form, outputs)
    if not outgoing.formats:
        outgoing = Outputs(stdout="markdown", files=outgoing.files)
    deliver(read_report(file), outgoing)
    return 0
