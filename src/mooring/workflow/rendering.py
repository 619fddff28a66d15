"""Render: from a locked project to Dockerfile, .dockerignore, environment.yml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mooring.errors import InputError
from mooring.files import write_files
from mooring.lock.model import Lock, Selection
from mooring.manifest.model import DEFAULT_ENVIRONMENT, ImageSpec, Manifest
from mooring.platforms import Platform
from mooring.render.engine import render
from mooring.render.interface import BaseImage, Rendered, RenderRequest
from mooring.workflow.bases import declared_base, find_base, image_platforms
from mooring.workflow.locking import MOORING_LOCK_NAME
from mooring.workflow.selecting import LockedProject, select_environment


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderOptions:
    """How to render; None means what the manifest declares.

    Attributes:
        pin_base: Whether FROM names the base by its locked digest.
    """

    environment: str | None = None
    template: str | None = None
    base: str | None = None
    pin_base: bool = True


def render_project(project: LockedProject, options: RenderOptions) -> Rendered:
    """Render the files of a locked project, for every platform an image can be built for.

    Raises:
        InputError: The template, a value in it or the environment is wrong.
    """
    manifest = require_manifest(project)
    platforms = image_platforms(manifest)
    if not platforms:
        raise InputError(
            "no declared platform can run in a container image",
            where=str(manifest.path),
            hint='add "linux-64" to platforms',
        )
    name = image_environment(manifest, options.environment)
    selections = tuple(select_environment(project, name, p) for p in platforms)
    return render_selections(manifest, options, selections, lock=project.lock)[0]


def render_selections(
    manifest: Manifest,
    options: RenderOptions,
    selections: tuple[Selection, ...],
    *,
    lock: Lock | None = None,
) -> tuple[Rendered, BaseImage | None]:
    """Render for the selections given, and return the base image they were rendered with.

    With `lock` the locked set in `mooring.requirements.txt` serves every platform; without it,
    exactly the first selection.
    """
    image = manifest.image or ImageSpec()
    base = base_for(manifest, options, selections[0].platform)
    rendered = render(
        RenderRequest(
            project=manifest.name,
            version=manifest.version,
            environment=image_environment(manifest, options.environment),
            selections=selections,
            image=image,
            base=base,
            indexes=manifest.indexes,
            lock=lock,
        ),
        template=options.template,
        root=manifest.root,
    )
    return rendered, base


def image_environment(manifest: Manifest, name: str | None) -> str:
    """Return the environment an image is made of: the named one, else the declared one."""
    if name is not None:
        return name
    return manifest.image.environment if manifest.image else DEFAULT_ENVIRONMENT


def base_for(manifest: Manifest, options: RenderOptions, platform: Platform) -> BaseImage | None:
    """Return the base image that is asked for, pinned to its locked digest or as it is."""
    if options.pin_base:
        return locked_base(manifest, options.base, platform)
    reference = declared_base(manifest, options.base)
    return BaseImage(reference=reference) if reference else None


def locked_base(manifest: Manifest, base: str | None, platform: Platform) -> BaseImage | None:
    """Return the base image as `mooring.lock` has it, or None when none is declared."""
    reference = declared_base(manifest, base)
    return base_image(manifest, reference, platform) if reference else None


def base_image(manifest: Manifest, reference: str, platform: Platform) -> BaseImage:
    """Return a base image as `mooring.lock` has it.

    Raises:
        InputError: It is not there.
    """
    entry = find_base(manifest.root / MOORING_LOCK_NAME, reference, platform)
    return BaseImage(reference=entry.reference, digest=entry.digest, image_id=entry.image_id)


def write_rendered(rendered: Rendered, folder: Path, *, check: bool) -> tuple[Path, ...]:
    """Write the files that differ, all or none, and return them; with `check` write nothing."""
    files = {folder / name: text.encode("utf-8") for name, text in rendered.files.items()}
    changed = {
        path: data
        for path, data in files.items()
        if not path.is_file() or path.read_bytes() != data
    }
    if changed and not check:
        write_files(changed)
    return tuple(changed)


def require_manifest(project: LockedProject) -> Manifest:
    """Return the manifest; a bare lock file has none and cannot be rendered or built.

    Raises:
        InputError: There is no manifest.
    """
    if project.manifest is None:
        raise InputError("a manifest is needed to render or build", where=str(project.path))
    return project.manifest
