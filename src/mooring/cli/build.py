"""`mooring build`."""

from __future__ import annotations

from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.project import locked_project
from mooring.workflow.building import BuildOptions, Built, build_image


@click.command("build")
@options.project_option
@options.image_environment_option
@options.platform_option
@click.option("--push", is_flag=True, help="Have the image in its registry afterwards.")
@click.option("--repository", metavar="NAME", help="Repository instead of the manifest's.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Also give it this tag.")
@click.option("--tag-version", is_flag=True, help="Also tag it with the project's version.")
@click.option("--tag-git", is_flag=True, help="Also tag it with the git commit.")
@click.option("--engine", type=click.Choice(["docker"]), default="docker", show_default=True)
@click.option("--template", metavar="NAME|FILE", help="Template instead of the manifest's.")
@click.option("--base", metavar="IMAGE", help="Base image instead of the manifest's.")
@click.option(
    "--ca",
    type=options.EXISTING,
    metavar="FILE",
    help="Certificate authorities for the build only, never in the image."
    "  [default: SSL_CERT_FILE]",
)
@click.option("--network-host", is_flag=True, help="Give build steps the host's network.")
@click.option("--no-smoke", is_flag=True, help="Do not run the image once after the build.")
@options.record_ids_option
@options.frozen_option
@options.format_option
@options.talk_options
def command(
    project: Path,
    base: str | None,
    frozen: bool,
    form: str,
    quiet: bool,
    verbose: bool,
    no_smoke: bool,
    engine: str,
    record_ids: bool,
    **choices: object,
) -> int:
    """Build the container image of the locked environment, unless its content is built already.

    The tag moor-<16 hex digits> names the content: artifacts, base image, rendered Dockerfile,
    files. With --push the registry is asked instead of the local engine.
    """
    del engine  # there is one so far; the option is where the next one goes
    opened = locked_project(project, None, frozen=frozen, base=base, with_base=True)
    reporter = options.reporter(quiet, verbose)
    if record_ids:
        from mooring.workflow.filling import with_record_ids  # only for this option

        opened = with_record_ids(opened, reporter=reporter)
    built = build_image(
        opened,
        BuildOptions(base=base, smoke=not no_smoke, **choices),  # type: ignore[arg-type]
        reporter,
    )
    if form == "json":
        options.print_json(_document(built))
    names = ", ".join((built.image.reference, *built.image.tags))
    reporter.finish(f"{names}: {_outcome(built)}")
    return 0


def _outcome(built: Built) -> str:
    if built.pushed:
        return "built earlier, pushed now" if built.image.reused else "built and pushed"
    if built.image.reused:
        return "is in the registry already" if built.image.digest else "is there already"
    return "built"


def _document(built: Built) -> dict[str, object]:
    image = built.image
    return {
        "schema": "build/1",
        "reference": image.reference,
        "tags": list(image.tags),
        "image-id": image.image_id,
        "digest": image.digest,
        "reused": image.reused,
        "pushed": built.pushed,
        "recipe-digest": built.recipe.digest,
        "platform": built.recipe.selection.platform.oci,
    }
