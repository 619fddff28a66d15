"""`mooring render`."""

from __future__ import annotations

from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.project import any_project
from mooring.workflow.rendering import RenderOptions, render_project, write_rendered
from mooring.workflow.selecting import LockedProject


@click.command("render")
@options.project_option
@options.image_environment_option
@click.option(
    "--template",
    metavar="NAME|FILE",
    help="Built-in template (slim, simple, conda) or a template file of the project.",
)
@click.option("--base", metavar="IMAGE", help="Base image instead of the manifest's.")
@click.option("--no-base", is_flag=True, help="Leave the base image's tag unpinned.")
@click.option(
    "--output", "-o", type=options.EXISTING, help="Folder to write to.  [default: the project]"
)
@click.option("--stdout", "name", metavar="FILE", help="Print one of the files instead.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when a file would change.")
@options.frozen_option
@options.talk_options
def command(
    project: Path,
    environment: str | None,
    template: str | None,
    base: str | None,
    no_base: bool,
    output: Path | None,
    name: str | None,
    check: bool,
    frozen: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Write Dockerfile, .dockerignore and environment.yml for the locked environment.

    With conda packages the template is `conda`, and an @EXPLICIT list is written for each platform
    of an image.
    """
    opened = any_project(project, None, frozen=frozen, base=base, with_base=not no_base)
    wanted = RenderOptions(
        environment=environment, template=template, base=base, pin_base=not no_base
    )
    if isinstance(opened, LockedProject):
        rendered = render_project(opened, wanted)
    else:
        from mooring.workflow.conda_rendering import render_conda_project  # most have no conda

        rendered = render_conda_project(opened, wanted)
    reporter = options.reporter(quiet, verbose)
    if name is not None:
        if name not in rendered.files:
            raise click.BadParameter(
                f"{name!r} is not rendered; there are {', '.join(rendered.files)}",
                param_hint="--stdout",
            )
        click.echo(rendered.files[name], nl=False)
        return 0
    changed = write_rendered(rendered, output or opened.root, check=check)
    names = ", ".join(path.name for path in changed)
    if check and changed:
        click.echo(f"out of date: {names}; the same command without --check writes them", err=True)
        return 1
    reporter.finish(f"{names or 'nothing changed'} (template {rendered.template})")
    return 0
