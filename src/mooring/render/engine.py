"""Renders a request to files: Dockerfile, .dockerignore, environment.yml and the locked set."""

from __future__ import annotations

from pathlib import Path, PurePath

from mooring.errors import InputError
from mooring.lock.formats import requirements
from mooring.lock.formats.environment_yml import environment_data
from mooring.manifest.model import DEFAULT_ENVIRONMENT
from mooring.render.context import dockerfile_context
from mooring.render.interface import Rendered, RenderRequest

DOCKERFILE = "Dockerfile"
DOCKERIGNORE = ".dockerignore"
ENVIRONMENT_YML = "environment.yml"


def render(request: RenderRequest, *, template: str | Path | None = None, root: Path) -> Rendered:
    """Render the files of one environment; nothing is written.

    Args:
        request: Everything that decides the text.
        template: A built-in name or a file in the project, instead of the declared one.
        root: The project folder; relative paths start there.

    Returns:
        `Dockerfile` and `.dockerignore` (only with a base image), `environment.yml` and
        `mooring.requirements.txt`.

    Raises:
        InputError: A template is missing or wrong, or a value cannot be written; the place is
            named.
    """
    # Jinja is heavy: verbs that render nothing do not pay for it.
    from mooring.render.sandbox import Templates

    templates = Templates(root)
    name = template_name(request.image.template if template is None else template, root)
    files: dict[str, str] = {}
    if request.base is not None:
        context = dockerfile_context(request, request.base)
        files[DOCKERFILE] = templates.render(name, context)
        files[DOCKERIGNORE] = templates.render("dockerignore.j2", context)
    elif template is not None:
        raise InputError(
            "a Dockerfile needs a base image",
            where="image.base",
            hint=f'declare one, such as base = "python:{request.selections[0].python.short}-slim"',
        )
    files[ENVIRONMENT_YML] = templates.render("environment.yml.j2", _environment_yml(request))
    files[requirements.CONTEXT_NAME] = _requirements(request)
    return Rendered(files=files, template=name)


def template_name(template: str | Path, root: Path) -> str:
    """Return the name that a template is loaded by: built-in, or a path relative to `root`."""
    path = PurePath(template)
    if path.is_absolute() and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return template if isinstance(template, str) else path.as_posix()


def _environment_yml(request: RenderRequest) -> dict[str, object]:
    own_name = request.environment != DEFAULT_ENVIRONMENT
    name = f"{request.project}-{request.environment}" if own_name else request.project
    data = environment_data(name, request.selections[0])
    return {
        "name": data.name,
        "channels": data.channels,
        "dependencies": data.dependencies,
        "pip": data.pip,
    }


def _requirements(request: RenderRequest) -> str:
    leading = request.selections[0]
    if request.lock is None:
        return requirements.write(leading)
    return requirements.write_universal(request.lock, extras=leading.extras, groups=leading.groups)
