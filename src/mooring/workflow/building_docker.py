"""Build with an engine: the rendered Dockerfile and its context, tagged by content."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mooring.build.context import collect, hashed, with_generated
from mooring.build.interface import BuildRequest, BuiltImage, ContextFile
from mooring.build.names import image_names
from mooring.build.recipe import Recipe
from mooring.digests import digest_bytes
from mooring.lock.formats.requirements import CONTEXT_NAME
from mooring.lock.model import Selection
from mooring.manifest.model import Manifest
from mooring.render.engine import DOCKERFILE
from mooring.render.interface import BaseImage, Rendered
from mooring.reporting import Reporter
from mooring.workflow.build_options import (
    BuildOptions,
    commit_of,
    image_tags,
    no_base,
    repository_of,
    smoke_command,
)
from mooring.workflow.epoch import epoch_of
from mooring.workflow.locking import MOORING_LOCK_NAME, PYLOCK_NAME
from mooring.workflow.rendering import RenderOptions, render_selections
from mooring.workflow.secrets import build_secrets


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything about one image that is known before anything is built."""

    manifest: Manifest
    recipe: Recipe
    base: BaseImage
    context: tuple[ContextFile, ...]


def build_with_engine(plan: Plan, options: BuildOptions, reporter: Reporter) -> BuiltImage:
    """Build a planned image with an engine, unless its content tag is there already.

    Raises:
        MooringError: The engine is absent, or the build or the check of its result fails.
    """
    manifest = plan.manifest
    from mooring.build.docker import DockerBuilder  # the engine's client is heavy

    with build_secrets(manifest.indexes, options.ca) as secrets:
        request = BuildRequest(
            recipe=plan.recipe,
            repository=repository_of(manifest, options),
            context=plan.context,
            tags=image_tags(manifest, options),
            secrets=secrets,
            push=options.push,
            base=plan.base,
            smoke=smoke_command(manifest) if options.smoke else None,
            overridden=frozenset(r.name for r in manifest.overrides),
            labels=_labels(manifest),
            network_host=options.network_host,
        )
        return DockerBuilder().build(request, reporter)


def plan_image(manifest: Manifest, selection: Selection, options: BuildOptions) -> Plan:
    """Work out the recipe of an image; nothing is downloaded and no engine is asked.

    Raises:
        InputError: Manifest, template or options do not describe an image.
    """
    rendering = RenderOptions(
        environment=options.environment, template=options.template, base=options.base
    )
    rendered, base = render_selections(manifest, rendering, (selection,))
    if base is None:
        raise no_base(manifest)
    context = _context(manifest, rendered, selection)
    recipe = _recipe(selection, base, rendered, context)
    # Names that do not fit are refused before anything is said or done.
    image_names(repository_of(manifest, options), recipe.content_tag, image_tags(manifest, options))
    return Plan(manifest=manifest, recipe=recipe, base=base, context=context)


def _recipe(
    selection: Selection, base: BaseImage, rendered: Rendered, context: tuple[ContextFile, ...]
) -> Recipe:
    return Recipe(
        builder="docker",
        selection=selection,
        base=base.digest or base.image_id or base.reference,
        dockerfile=digest_bytes(rendered.files[DOCKERFILE].encode("utf-8")),
        context=hashed(context),
        epoch=epoch_of(selection, os.environ.get("SOURCE_DATE_EPOCH")),
    )


def _context(
    manifest: Manifest, rendered: Rendered, selection: Selection
) -> tuple[ContextFile, ...]:
    declared = [*(manifest.image.files if manifest.image else ())]
    # Wheels and sdists of the project itself are mounted into the step that installs them.
    declared += [s.artifact.path for s in selection.packages if s.artifact.path]
    generated = {name: rendered.files[name].encode("utf-8") for name in (DOCKERFILE, CONTEXT_NAME)}
    locks = (PYLOCK_NAME, MOORING_LOCK_NAME)
    where = f"{manifest.path or manifest.root}: image.files"
    files = collect(manifest.root, declared, leave_out=locks, where=where)
    return with_generated(files, generated)


def _labels(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """Return the labels that say where an image came from; they are not part of the recipe."""
    commit = commit_of(manifest.root)
    return (("org.opencontainers.image.revision", commit),) if commit else ()
