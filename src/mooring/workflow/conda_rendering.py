"""Render: from a project with conda packages to Dockerfile, environment.yml and lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mooring.errors import InputError
from mooring.lock.conda import CondaLock, CondaSelection
from mooring.lock.conda_pypi import pypi_selection
from mooring.lock.formats.conda_environment_yml import conda_environment_data
from mooring.lock.formats.pylock_part import pylock_part
from mooring.manifest.model import ImageSpec, Manifest
from mooring.render.conda import CondaRenderRequest, render_conda
from mooring.render.engine import ENVIRONMENT_YML
from mooring.render.interface import BaseImage, Rendered, RenderRequest
from mooring.workflow.bases import image_platforms
from mooring.workflow.conda_exporting import environment_name, environment_rows
from mooring.workflow.conda_selecting import (
    CondaProject,
    fitting_conda_platform,
    select_conda_environment,
)
from mooring.workflow.rendering import RenderOptions, base_for, image_environment


def render_conda_project(project: CondaProject, options: RenderOptions) -> Rendered:
    """Render the files of a locked project, for every platform an image can be built for.

    Raises:
        InputError: The template, a value in it or the environment is wrong.
    """
    manifest = manifest_of(project)
    platforms = image_platforms(manifest)
    if not platforms:
        raise InputError(
            "no declared platform can run in a container image",
            where=str(manifest.path or manifest.root),
            hint='add "linux-64" to platforms',
        )
    name = image_environment(manifest, options.environment)
    selections = tuple(
        select_conda_environment(project, name, fitting_conda_platform(project, platform))
        for platform in platforms
    )
    return render_conda_selections(project, options, selections)[0]


def render_conda_selections(
    project: CondaProject, options: RenderOptions, selections: tuple[CondaSelection, ...]
) -> tuple[Rendered, BaseImage | None]:
    """Render for the selections given, and return the base image they were rendered with."""
    manifest = manifest_of(project)
    name = image_environment(manifest, options.environment)
    base = base_for(manifest, options, selections[0].platform)
    request = CondaRenderRequest(
        plain=RenderRequest(
            project=manifest.name,
            version=manifest.version,
            environment=name,
            selections=tuple(map(pypi_selection, selections)),
            image=manifest.image or ImageSpec(),
            base=base,
            indexes=manifest.indexes,
        ),
        selections=selections,
        pypi=pylock_part(_of_images(environment_rows(project, name), selections)),
        variables=manifest.conda.variables if manifest.conda else (),
        environment_yml=_environment_yml(project, name, selections[0]),
    )
    return render_conda(request, template=options.template, root=manifest.root), base


def manifest_of(project: CondaProject) -> Manifest:
    """Return the manifest; a bare lock file has none and cannot be rendered or built.

    Raises:
        InputError: There is no manifest.
    """
    if project.manifest is None:
        raise InputError("a manifest is needed to render or build", where=str(project.path))
    return project.manifest


def _of_images(lock: CondaLock, selections: Sequence[CondaSelection]) -> CondaLock:
    """Return a lock for the platforms of the selections only."""
    wanted = {selection.platform.subdir for selection in selections}
    return replace(
        lock,
        platforms=tuple(each for each in lock.platforms if each.subdir in wanted),
        conda=tuple(row for row in lock.conda if row.platform.subdir in wanted),
        pypi=tuple(row for row in lock.pypi if row.platform.subdir in wanted),
    )


def _environment_yml(
    project: CondaProject, environment: str, selection: CondaSelection
) -> Mapping[str, object] | None:
    """Return what the environment.yml says; None where the project has one that declares."""
    manifest = manifest_of(project)
    if manifest.root / ENVIRONMENT_YML in manifest.inputs:
        return None
    data = conda_environment_data(environment_name(project, environment), selection)
    return {
        "name": data.name,
        "channels": data.channels,
        "dependencies": data.dependencies,
        "pip": data.pip,
    }
