"""Build: from a project with conda packages to an image, with a Docker engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mooring.build.conda_recipe import CondaRecipe
from mooring.build.context import collect, hashed, with_generated
from mooring.build.interface import BuildRequest, BuiltImage, ContextFile
from mooring.digests import digest_bytes
from mooring.errors import InputError
from mooring.lock.conda import CondaSelection
from mooring.lock.conda_pypi import pypi_selection, python_of
from mooring.lock.formats.requirements import CONTEXT_NAME
from mooring.manifest.model import Manifest
from mooring.platforms import Platform
from mooring.render.conda import list_name
from mooring.render.engine import DOCKERFILE
from mooring.render.interface import BaseImage, Rendered
from mooring.reporting import SILENT, Reporter
from mooring.workflow.conda_access import channel_credentials
from mooring.workflow.conda_locking import CONDA_LOCK_NAME
from mooring.workflow.conda_rendering import manifest_of, render_conda_selections
from mooring.workflow.conda_selecting import (
    CondaProject,
    fitting_conda_platform,
    select_conda_environment,
)
from mooring.workflow.epoch import OLDEST, epoch_of
from mooring.workflow.locking import MOORING_LOCK_NAME
from mooring.workflow.rendering import RenderOptions, image_environment
from mooring.workflow.secrets import build_secrets


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaImage:
    """How an image is wanted; None means what the manifest declares.

    Attributes:
        platform: A declared platform of Linux.
        repository: Where it is tagged.
        tags: Tags besides the content tag.
        labels: Labels besides those of the Dockerfile; they are not part of the recipe.
        ca: PEM file for the build steps only.
        smoke: Command that the fresh image must pass, empty for its interpreter alone; None does
            not run it.
    """

    platform: Platform
    repository: str
    tags: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    environment: str | None = None
    template: str | None = None
    base: str | None = None
    push: bool = False
    ca: Path | None = None
    network_host: bool = False
    smoke: tuple[str, ...] | None = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaPlan:
    """Everything about one image that is known before anything is built."""

    manifest: Manifest
    recipe: CondaRecipe
    base: BaseImage
    context: tuple[ContextFile, ...]
    selection: CondaSelection


def build_conda(
    project: CondaProject, wanted: CondaImage, reporter: Reporter = SILENT
) -> tuple[CondaRecipe, BuiltImage]:
    """Build the image of a project's environment, unless its content tag is there already.

    Raises:
        InputError: Manifest, template or options do not describe an image.
        MooringError: The engine is absent, or the build or the check of its result fails.
    """
    plan = plan_conda(project, wanted)
    from mooring.build.docker import DockerBuilder  # the engine's client is heavy

    manifest = plan.manifest
    channels = manifest.conda.channels if manifest.conda else ()
    names = frozenset(each.name for each in plan.selection.packages)
    with build_secrets(
        manifest.indexes, wanted.ca, channel_credentials(channels, os.environ)
    ) as secrets:
        request = BuildRequest(
            recipe=plan.recipe,
            repository=wanted.repository,
            context=plan.context,
            tags=wanted.tags,
            secrets=secrets,
            push=wanted.push,
            base=plan.base,
            # An image without a Python has nothing that the first run could ask.
            smoke=wanted.smoke if python_of(plan.selection) else None,
            # What conda's packages may be together is what their own records say.
            overridden=names | {r.name for r in manifest.overrides},
            labels=wanted.labels,
            network_host=wanted.network_host,
        )
        return plan.recipe, DockerBuilder().build(request, reporter)


def plan_conda(project: CondaProject, wanted: CondaImage) -> CondaPlan:
    """Work out the recipe of an image; nothing is downloaded and no engine is asked.

    Raises:
        InputError: Manifest, template or options do not describe an image.
    """
    manifest = manifest_of(project)
    environment = image_environment(manifest, wanted.environment)
    platform = fitting_conda_platform(project, wanted.platform)
    selection = select_conda_environment(project, environment, platform)
    rendered, base = render_conda_selections(
        project,
        RenderOptions(environment=environment, template=wanted.template, base=wanted.base),
        (selection,),
    )
    if base is None:
        raise InputError(
            "no base image is declared",
            where=f"{manifest.path or manifest.root}: image.base",
            hint='add base = "debian:bookworm-slim" to the image table, or pass --base',
        )
    context = _context(manifest, rendered, selection)
    return CondaPlan(
        manifest=manifest,
        recipe=_recipe(selection, base, rendered, context),
        base=base,
        context=context,
        selection=selection,
    )


def _recipe(
    selection: CondaSelection,
    base: BaseImage,
    rendered: Rendered,
    context: tuple[ContextFile, ...],
) -> CondaRecipe:
    pypi = pypi_selection(selection)
    stamps = [each.timestamp // 1000 for each in selection.packages if each.timestamp]
    declared = os.environ.get("SOURCE_DATE_EPOCH")
    epoch = epoch_of(pypi, declared)
    return CondaRecipe(
        builder="docker",
        selection=pypi,
        base=base.digest or base.image_id or base.reference,
        dockerfile=digest_bytes(rendered.files[DOCKERFILE].encode("utf-8")),
        context=hashed(context),
        epoch=epoch if declared else max(OLDEST, epoch, *stamps),
        conda=selection.packages,
    )


def _context(
    manifest: Manifest, rendered: Rendered, selection: CondaSelection
) -> tuple[ContextFile, ...]:
    declared = manifest.image.files if manifest.image else ()
    names = (DOCKERFILE, CONTEXT_NAME, list_name(selection))
    generated = {name: rendered.files[name].encode("utf-8") for name in names}
    locks = (CONDA_LOCK_NAME, MOORING_LOCK_NAME)
    where = f"{manifest.path or manifest.root}: image.files"
    files = collect(manifest.root, declared, leave_out=locks, where=where)
    return with_generated(files, generated)
