"""Build: from a locked project to an image that is tagged by its content."""

from __future__ import annotations

from dataclasses import dataclass

from mooring.build.interface import BuiltImage
from mooring.errors import InputError
from mooring.lock.model import Selection
from mooring.manifest.model import ImageSpec, Manifest
from mooring.render.engine import template_name
from mooring.reporting import SILENT, Reporter
from mooring.workflow.bases import declared_base
from mooring.workflow.build_options import BuildOptions, platforms_of
from mooring.workflow.engine_choice import ChoiceInput, EngineChoice, choose_engine
from mooring.workflow.rendering import image_environment, require_manifest
from mooring.workflow.selecting import LockedProject, select_environment

__all__ = ["BuildOptions", "Built", "build_image"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """The image with the recipe it was made by.

    Attributes:
        engine: Which builder was chosen, and why.
        platforms: OCI names.
    """

    recipe_digest: str
    image: BuiltImage
    engine: EngineChoice
    platforms: tuple[str, ...]


def build_image(
    project: LockedProject, options: BuildOptions, reporter: Reporter = SILENT
) -> Built:
    """Build the image of a project's environment, unless its content tag is there already.

    Raises:
        InputError: Manifest, template or options do not describe an image.
        MooringError: The build or the check of its result fails.
    """
    manifest = require_manifest(project)
    environment = image_environment(manifest, options.environment)
    selections = tuple(
        select_environment(project, environment, platform)
        for platform in platforms_of(manifest, options.platforms)
    )
    choice = choose_engine(
        options.engine or (manifest.image or ImageSpec()).engine,
        _choice_input(manifest, selections, options),
    )
    image, digest = _build(manifest, selections, options, choice, reporter)
    return Built(
        recipe_digest=digest,
        image=image,
        engine=choice,
        platforms=tuple(selection.platform.oci or "" for selection in selections),
    )


def _build(
    manifest: Manifest,
    selections: tuple[Selection, ...],
    options: BuildOptions,
    choice: EngineChoice,
    reporter: Reporter,
) -> tuple[BuiltImage, str]:
    if choice.name == "oci":
        from mooring.workflow.building_embedded import build_embedded, embedded_request

        request = embedded_request(manifest, selections, options)
        _announce(choice, reporter)
        image = build_embedded(request, reporter)
        return image, image.recipe_digest
    if len(selections) > 1:
        raise InputError(
            "an engine builds one platform at a time",
            where="--platform",
            hint="name one platform, or use --engine oci",
        )
    from mooring.workflow.building_docker import build_with_engine, plan_image

    plan = plan_image(manifest, selections[0], options)
    _announce(choice, reporter)
    return build_with_engine(plan, options, reporter), plan.recipe.digest


def _announce(choice: EngineChoice, reporter: Reporter) -> None:
    """Say who builds, once nothing is wrong with what was asked."""
    reporter.note(f"builder: {choice.name} ({choice.reason})")


def _choice_input(
    manifest: Manifest, selections: tuple[Selection, ...], options: BuildOptions
) -> ChoiceInput:
    spec = manifest.image or ImageSpec()
    outputs = ("--output",) if options.outputs else ()
    signed = ("--sign-key",) if options.sign_key else ()
    return ChoiceInput(
        spec=spec,
        template=template_name(options.template or spec.template, manifest.root),
        selections=selections,
        base=declared_base(manifest, options.base),
        engine_options=("--network-host",) * options.network_host + ("--ca",) * bool(options.ca),
        embedded_options=(*outputs, *signed, *("--offline",) * options.offline),
    )
