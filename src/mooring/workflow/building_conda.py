"""Build a project with conda packages: with an engine, from the rendered Dockerfile."""

from __future__ import annotations

from mooring.errors import InputError
from mooring.manifest.model import ImageSpec
from mooring.reporting import SILENT, Reporter
from mooring.workflow.build_options import (
    BuildOptions,
    commit_of,
    image_tags,
    platforms_of,
    repository_of,
    smoke_command,
)
from mooring.workflow.building import Built
from mooring.workflow.conda_building import CondaImage, build_conda
from mooring.workflow.conda_rendering import manifest_of
from mooring.workflow.conda_selecting import CondaProject
from mooring.workflow.engine_choice import EngineChoice


def build_conda_image(
    project: CondaProject, options: BuildOptions, reporter: Reporter = SILENT
) -> Built:
    """Build the image of a project with conda packages, unless its content tag is there already.

    Raises:
        InputError: Manifest, template or options do not describe an image that an engine builds.
        MooringError: The engine is absent, or the build or the check of its result fails.
    """
    manifest = manifest_of(project)
    engine = options.engine or (manifest.image or ImageSpec()).engine
    embedded = engine == "oci" or options.load or options.outputs or options.sign_key
    if embedded or options.offline:
        raise InputError(
            "the embedded builder makes no images with conda packages yet",
            where="--engine",
            hint="leave --engine oci, --load, --output, --sign-key and --offline out: a Docker "
            "engine builds these images",
        )
    platform, *others = platforms_of(manifest, options.platforms)
    if others:
        raise InputError(
            "an engine builds one platform at a time",
            where="--platform",
            hint="name one platform",
        )
    commit = commit_of(manifest.root)
    wanted = CondaImage(
        platform=platform,
        repository=repository_of(manifest, options),
        tags=image_tags(manifest, options),
        labels=(("org.opencontainers.image.revision", commit),) if commit else (),
        environment=options.environment,
        template=options.template,
        base=options.base,
        push=options.push,
        ca=options.ca,
        network_host=options.network_host,
        smoke=smoke_command(manifest) if options.smoke else None,
    )
    reporter.note("builder: docker (conda packages are installed by the steps of an engine)")
    recipe, image = build_conda(project, wanted, reporter)
    return Built(
        recipe_digest=recipe.digest,
        image=image,
        engine=EngineChoice(name="docker", reason="conda packages"),
        platforms=(platform.oci or "",),
    )
