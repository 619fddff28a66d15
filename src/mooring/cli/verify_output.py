"""Where the reports of a verification go: standard output, files, a step summary."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mooring.files import append_text, write_files
from mooring.verify.report.formats import FORMATS, Format, render

if TYPE_CHECKING:
    from mooring.verify.report.model import Report

F = TypeVar("F", bound=Callable[..., Any])

STDOUT = "-"
_SUMMARY = "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """What is asked for.

    Attributes:
        stdout: Format on standard output; None for the table.
        files: Path and format of every file.
    """

    stdout: Format | None
    files: tuple[tuple[Path, Format], ...]

    @property
    def formats(self) -> set[Format]:
        """All machine formats that are asked for."""
        named = {form for _, form in self.files}
        return named | {self.stdout} if self.stdout else named


def output_options(function: F) -> F:
    """Add `--format` and `--output`."""
    return _options(["text", *FORMATS], "text")(function)


def report_options(function: F) -> F:
    """Add `--format` and `--output` for a saved report, which is told in Markdown by default."""
    return _options(list(FORMATS), "markdown")(function)


def _options(forms: list[str], default: str) -> Callable[[F], F]:
    files = click.option(
        "--output",
        "outputs",
        multiple=True,
        metavar="FORMAT=PATH",
        help="Also write a report to a file (- for standard output); repeatable.",
    )
    stdout = click.option(
        "--format",
        "form",
        type=click.Choice(forms),
        default=None,
        help=f"What goes to standard output.  [default: {default}]",
    )
    return lambda function: stdout(files(function))


def wanted(form: str | None, outputs: Iterable[str]) -> Outputs:
    """Make sense of the options.

    Raises:
        UsageError: An output is not `FORMAT=PATH`, or two reports go to one place.
    """
    stdout: list[Format | None] = []
    if form is not None:
        stdout.append(next((name for name in FORMATS if name == form), None))
    files: dict[Path, Format] = {}
    for named, path in map(_parse, outputs):
        if path == STDOUT:
            stdout.append(named)
            continue
        target = Path(path)
        if target in files:
            raise click.UsageError(f"two reports would be written to {path}")
        files[target] = named
    if len(stdout) > 1:
        raise click.UsageError("only one report can go to standard output")
    return Outputs(stdout=stdout[0] if stdout else None, files=tuple(files.items()))


def _parse(output: str) -> tuple[Format, str]:
    """Split at the first `=`; a path may hold others."""
    named, _, path = output.partition("=")
    for form in FORMATS:
        if named == form and path:
            return form, path
    raise click.UsageError(
        f"--output {output!r} is not FORMAT=PATH with FORMAT one of {', '.join(FORMATS)}"
    )


def deliver(report: Report, outputs: Outputs) -> None:
    """Write all files, or none, then what goes to standard output.

    With the format `github`, the Markdown report is added to the summary of the running step.

    Raises:
        MooringError: A file cannot be written (exit code 3).
    """
    write_files({path: render(report, form).encode() for path, form in outputs.files})
    if "github" in outputs.formats and (summary := os.environ.get(_SUMMARY)):
        append_text(Path(summary), render(report, "markdown"))
    if outputs.stdout is not None:
        click.echo(render(report, outputs.stdout), nl=False)
