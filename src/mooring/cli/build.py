"""`mooring build`."""

from __future__ import annotations

from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.project import any_project
from mooring.workflow.building import BuildOptions, Built, build_image
from mooring.workflow.selecting import LockedProject


@click.command("build")
@options.project_option
@options.image_environment_option
@click.option(
    "--platform",
    "platforms",
    metavar="PLATFORM,...",
    help="linux/amd64, linux/arm64, ... or all that are declared.  [default: this machine's]",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "oci", "docker"]),
    help="Builder: oci is embedded and needs no engine.  [default: that of the manifest, or auto]",
)
@click.option("--push", is_flag=True, help="Have the image in its registry afterwards.")
@click.option("--load", is_flag=True, help="Have the image in this machine's engine afterwards.")
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="oci:DIR|docker:FILE.tar",
    help="Write an OCI layout, or a tar for `docker load`.",
)
@click.option("--repository", metavar="NAME", help="Repository instead of the manifest's.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Also give it this tag.")
@click.option("--tag-version", is_flag=True, help="Also tag it with the project's version.")
@click.option("--tag-git", is_flag=True, help="Also tag it with the git commit.")
@click.option("--template", metavar="NAME|FILE", help="Template instead of the manifest's.")
@click.option("--base", metavar="IMAGE", help="Base image instead of the manifest's.")
@click.option(
    "--ca",
    type=options.EXISTING,
    metavar="FILE",
    help="Certificate authorities for the steps of an engine, never in the image."
    "  [default: SSL_CERT_FILE]",
)
@click.option("--network-host", is_flag=True, help="Give an engine's steps the host's network.")
@click.option("--no-smoke", is_flag=True, help="Do not run the image once after the build.")
@click.option(
    "--no-attest", is_flag=True, help="Put no SBOM and no provenance beside a pushed image."
)
@click.option(
    "--sign-key",
    type=options.EXISTING,
    metavar="FILE",
    help="PEM key that signs what is put beside a pushed image.",
)
@click.option("--offline", is_flag=True, help="Download nothing; the caches must have it all.")
@options.record_ids_option
@options.frozen_option
@options.format_option
@options.talk_options
def command(
    project: Path,
    base: str | None,
    platforms: str | None,
    frozen: bool,
    form: str,
    quiet: bool,
    verbose: bool,
    no_smoke: bool,
    no_attest: bool,
    record_ids: bool,
    **choices: object,
) -> int:
    """Build the container image of the locked environment, unless its content is built already.

    The tag moor-<16 hex digits> names the content: artifacts, base image, settings, files. Without
    --push, --load and --output the image goes into this machine's engine, and where none answers
    into an OCI layout in the folder .mooring.
    """
    opened = any_project(project, None, frozen=frozen, base=base, with_base=True)
    reporter = options.reporter(quiet, verbose)
    wanted = BuildOptions(
        base=base,
        platforms=tuple(filter(None, (platforms or "").split(","))),
        smoke=not no_smoke,
        attest=not no_attest,
        **choices,  # type: ignore[arg-type]
    )
    if isinstance(opened, LockedProject):
        if record_ids:
            from mooring.workflow.filling import with_record_ids  # only for this option

            opened = with_record_ids(opened, reporter=reporter)
        built = build_image(opened, wanted, reporter)
    else:
        from mooring.workflow.building_conda import build_conda_image  # most have no conda

        if record_ids:
            raise click.UsageError("--record-ids is for wheels: a conda-lock.yml has none")
        built = build_conda_image(opened, wanted, reporter)
    if form == "json":
        options.print_json(_document(built))
    names = ", ".join((built.image.reference, *built.image.tags))
    reporter.finish(f"{names}: {_outcome(built)}")
    return 0


def _outcome(built: Built) -> str:
    image = built.image
    if image.pushed:
        outcome = "built earlier, pushed now" if image.reused else "built and pushed"
    elif image.registry:
        outcome = "is in the registry already" if image.reused else "built; the registry had it"
    elif image.reused:
        outcome = "is there already"
    else:
        outcome = "built"
    return ", ".join((outcome, *image.places))


def _document(built: Built) -> dict[str, object]:
    image = built.image
    return {
        "schema": "build/1",
        "reference": image.reference,
        "tags": list(image.tags),
        "image-id": image.image_id,
        "digest": image.digest,
        "reused": image.reused,
        "pushed": image.pushed,
        "places": list(image.places),
        "recipe-digest": built.recipe_digest,
        "platform": ",".join(built.platforms),
        "engine": built.engine.name,
        "engine-reason": built.engine.reason,
    }
