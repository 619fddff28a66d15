"""Renders an environment with conda packages: Dockerfile, .dockerignore, environment.yml, lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mooring.errors import InputError
from mooring.lock.conda import CondaSelection
from mooring.lock.formats import explicit, requirements
from mooring.lock.model import Lock
from mooring.render.context import dockerfile_context
from mooring.render.engine import DOCKERFILE, DOCKERIGNORE, ENVIRONMENT_YML, template_name
from mooring.render.interface import Rendered, RenderRequest
from mooring.render.locate import CONDA_TEMPLATE, builtin_names

MICROMAMBA = "mambaorg/micromamba:2.3.0"
"""The image that installs: one version, so that the text is the same everywhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaRenderRequest:
    """Everything that decides the rendered text.

    Attributes:
        plain: The same environment as far as it is not from conda; its selections hold what comes
            from PyPI.
        selections: One a platform, of one environment; the first is the leading one.
        pypi: What comes from PyPI, for every platform of the selections.
        variables: (name, value) pairs that environment files declare.
        environment_yml: What an environment.yml says; None when none is to be written.
    """

    plain: RenderRequest
    selections: tuple[CondaSelection, ...]
    pypi: Lock
    variables: tuple[tuple[str, str], ...] = ()
    environment_yml: Mapping[str, object] | None = None


def render_conda(
    request: CondaRenderRequest, *, template: str | Path | None = None, root: Path
) -> Rendered:
    """Render the files of one environment; nothing is written.

    Args:
        request: Everything that decides the text.
        template: `conda` or a file in the project, instead of the declared one.
        root: The project folder; relative paths start there.

    Returns:
        `Dockerfile` and `.dockerignore` (only with a base image), `environment.yml` unless it is
        declared by hand, one @EXPLICIT list for each platform of an image, and
        `mooring.requirements.txt`.

    Raises:
        InputError: A template is missing or wrong, or a value cannot be written; the place is
            named.
    """
    # Jinja is heavy: verbs that render nothing do not pay for it.
    from mooring.render.sandbox import Templates

    plain = request.plain
    templates = Templates(root)
    name = conda_template(plain.image.template if template is None else template, root)
    # What comes from PyPI is installed by its own list.
    lists = {list_name(each): explicit.write(replace(each, pypi=())) for each in request.selections}
    files: dict[str, str] = {}
    if plain.base is not None:
        context = dockerfile_context(plain, plain.base) | {
            "micromamba": MICROMAMBA,
            "conda_files": tuple(sorted(lists)),
            "conda_packages": len({p.url for each in request.selections for p in each.packages}),
            "variables": request.variables,
        }
        files[DOCKERFILE] = templates.render(name, context)
        files[DOCKERIGNORE] = templates.render("dockerignore.j2", context)
    elif template is not None:
        raise InputError(
            "a Dockerfile needs a base image",
            where="image.base",
            hint='declare one, such as base = "debian:bookworm-slim"',
        )
    if request.environment_yml is not None:
        files[ENVIRONMENT_YML] = templates.render("environment.yml.j2", request.environment_yml)
    files |= {each: lists[each] for each in sorted(lists)}
    files[requirements.CONTEXT_NAME] = requirements.write_universal(
        request.pypi, extras=(), groups=()
    )
    return Rendered(files=files, template=name)


def conda_template(template: str | Path, root: Path) -> str:
    """Return the name of the template for a project with conda packages.

    `slim`, which is what a manifest says that declares none, means `conda` here.

    Raises:
        InputError: It is another built-in template, which knows nothing of conda.
    """
    name = template_name(template, root)
    if name == "slim":
        return CONDA_TEMPLATE
    if name in builtin_names():
        raise InputError(
            f"the template {name!r} installs no conda packages",
            where="image.template",
            hint=f"use {CONDA_TEMPLATE!r}, or a template of the project that extends it",
        )
    return name


def list_name(selection: CondaSelection) -> str:
    """Return the file name of a platform's @EXPLICIT list, by the name that BuildKit knows.

    Raises:
        InputError: The platform is none of a container image.
    """
    oci = selection.platform.oci
    if oci is None:
        raise InputError(f"no container image runs on {selection.platform}", where="platforms")
    return f"mooring.conda.{oci.rpartition('/')[2]}.txt"
