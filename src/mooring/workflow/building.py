"""Build: from a locked project to an image that is tagged by its content."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mooring.build.context import collect, hashed, with_generated
from mooring.build.interface import BuildRequest, BuiltImage, ContextFile
from mooring.build.recipe import Recipe
from mooring.digests import digest_bytes
from mooring.errors import InputError
from mooring.lock.formats.requirements import CONTEXT_NAME
from mooring.lock.model import Selection
from mooring.manifest.model import Manifest
from mooring.platforms import Platform
from mooring.process import ProcessError, run
from mooring.render.engine import DOCKERFILE
from mooring.render.interface import BaseImage, Rendered
from mooring.reporting import SILENT, Reporter
from mooring.workflow.bases import image_platforms
from mooring.workflow.epoch import epoch_of
from mooring.workflow.locking import MOORING_LOCK_NAME, PYLOCK_NAME
from mooring.workflow.rendering import (
    RenderOptions,
    image_environment,
    render_selections,
    require_manifest,
)
from mooring.workflow.secrets import build_secrets
from mooring.workflow.selecting import LockedProject, select_environment


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOptions:
    """How to build; None means what the manifest declares.

    Attributes:
        tags: Tags besides the content tag, without the repository.
        tag_version, tag_git: Also tag with the project's version, with the git commit.
        ca: PEM file for the build steps only; `SSL_CERT_FILE` by default.
        smoke: Whether the image is run once after it was built.
    """

    environment: str | None = None
    platform: str | None = None
    push: bool = False
    repository: str | None = None
    tags: tuple[str, ...] = ()
    tag_version: bool = False
    tag_git: bool = False
    template: str | None = None
    base: str | None = None
    ca: Path | None = None
    network_host: bool = False
    smoke: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """The image with the recipe it was made by.

    Attributes:
        pushed: Whether it had to be sent to the registry, which lacked it.
    """

    recipe: Recipe
    image: BuiltImage
    pushed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything about one image that is known before anything is built."""

    manifest: Manifest
    recipe: Recipe
    base: BaseImage
    context: tuple[ContextFile, ...]


def build_image(
    project: LockedProject, options: BuildOptions, reporter: Reporter = SILENT
) -> Built:
    """Build the image of a project's environment, unless its content tag is there already.

    Raises:
        InputError: Manifest, template or options do not describe an image.
        MooringError: The engine is absent, or the build or the check of its result fails.
    """
    plan = plan_image(project, options)
    from mooring.build.docker import DockerBuilder  # the engine's client is heavy

    with build_secrets(plan.manifest.indexes, options.ca) as secrets:
        request = BuildRequest(
            recipe=plan.recipe,
            repository=_repository(plan.manifest, options),
            context=plan.context,
            tags=_tags(plan.manifest, options),
            secrets=secrets,
            push=options.push,
            base=plan.base,
            smoke=_smoke(plan.manifest) if options.smoke else None,
            overridden=frozenset(r.name for r in plan.manifest.overrides),
            labels=_labels(plan.manifest),
            network_host=options.network_host,
        )
        image = DockerBuilder().build(request, reporter)
    # What the registry has already is not looked up in the engine, so it has no image id.
    pushed = options.push and image.image_id is not None
    return Built(recipe=plan.recipe, image=image, pushed=pushed)


def plan_image(project: LockedProject, options: BuildOptions) -> Plan:
    """Work out the recipe of an image; nothing is downloaded and no engine is asked.

    Raises:
        InputError: Manifest, template or options do not describe an image.
    """
    manifest = require_manifest(project)
    platform = _platform(manifest, options.platform)
    environment = image_environment(manifest, options.environment)
    selection = select_environment(project, environment, platform)
    rendering = RenderOptions(environment=environment, template=options.template, base=options.base)
    rendered, base = render_selections(manifest, rendering, (selection,))
    if base is None:
        raise InputError(
            "no base image is declared",
            where=f"{manifest.path or manifest.root}: image.base",
            hint='add base = "python:3.12-slim" to the image table, or pass --base',
        )
    context = _context(manifest, rendered, selection)
    recipe = _recipe(selection, base, rendered, context)
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


def _platform(manifest: Manifest, named: str | None) -> Platform:
    """Return the platform to build for: the named one, else the one this machine's engine runs."""
    able = image_platforms(manifest)
    if named is not None:
        wanted = Platform.from_oci(named, "--platform").oci
        if wanted is None:
            raise InputError(f"no container image runs on {named}", where="--platform")
    else:
        machine = Platform.current().subdir
        wanted = "linux/arm64" if machine.endswith(("arm64", "aarch64")) else "linux/amd64"
    for platform in able:
        if platform.oci == wanted:
            return platform
    raise InputError(
        f"the manifest does not declare a platform for {wanted} images",
        where=str(manifest.path or manifest.root),
        hint=f"declared for images: {', '.join(map(str, able)) or 'none'}",
    )


def _repository(manifest: Manifest, options: BuildOptions) -> str:
    declared = manifest.image.repository if manifest.image else None
    return options.repository or declared or manifest.name


def _smoke(manifest: Manifest) -> tuple[str, ...]:
    return manifest.image.smoke if manifest.image else ()


def _labels(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    """Return the labels that say where an image came from; they are not part of the recipe."""
    commit = _commit(manifest.root)
    return (("org.opencontainers.image.revision", commit),) if commit else ()


def _tags(manifest: Manifest, options: BuildOptions) -> tuple[str, ...]:
    tags = list(options.tags)
    if options.tag_version:
        if manifest.version is None:
            raise InputError("the project declares no version to tag with", where="--tag-version")
        tags.append(manifest.version.replace("+", "-"))
    if options.tag_git:
        tags.append(_git_tag(manifest.root))
    return tuple(dict.fromkeys(tags))


def _commit(root: Path) -> str | None:
    """Return the git commit of the project, `-dirty` when files differ from it; None outside."""
    try:
        commit = run(["git", "rev-parse", "HEAD"], cwd=root, timeout=20)
        changed = run(["git", "status", "--porcelain", "--", "."], cwd=root, timeout=60)
    except ProcessError:
        return None
    if not commit.ok:
        return None
    return commit.stdout.strip() + ("-dirty" if changed.stdout.strip() else "")


def _git_tag(root: Path) -> str:
    commit = _commit(root)
    if commit is None:
        raise InputError(
            "the project is not in a git commit",
            where="--tag-git",
            hint="commit first, or leave --tag-git out",
        )
    return commit[:12] + commit[40:]
