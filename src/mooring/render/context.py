"""What templates see: plain data under documented names (docs/reference/templates.md)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from mooring.errors import InputError, Problem, raise_problems
from mooring.lock.formats.requirements import CONTEXT_NAME
from mooring.lock.model import Selected, Selection
from mooring.manifest.model import ImageSpec
from mooring.render import quoting
from mooring.render.interface import BaseImage, RenderRequest
from mooring.urls import strip_credentials

UV_VERSION = "0.13.8"
"""The installer of the template `slim`: one version, so that the text is the same everywhere."""

ENVIRONMENT_ROOT = "/opt/env"

DEFAULT_EPOCH = 315_532_800
"""1980-01-01, the oldest time that zip files can hold."""

_ACCOUNT = re.compile(r"(?P<uid>[1-9]\d*)(?::(?P<gid>\d+))?")
_LOCAL_PATH = re.compile(r"[A-Za-z0-9_./+-]+")
_SEEDS = ("pip", "setuptools")


def dockerfile_context(request: RenderRequest, base: BaseImage) -> dict[str, object]:
    """Return the variables of Dockerfile and .dockerignore templates.

    Raises:
        InputError: No platform can be an image, or values cannot be written; all are named.
    """
    image = request.image
    selections = [s for s in request.selections if s.platform.oci is not None]
    if not selections:
        raise InputError(
            "none of the platforms can be a container image",
            where="platforms",
            hint="add linux-64 or linux-aarch64",
        )
    labels = image_labels(request, base)
    raise_problems(_problems(image, base.pinned, labels, selections))
    return {
        "name": request.project,
        "version": request.version,
        "python": selections[0].python.short,
        "platforms": tuple(str(s.platform) for s in selections),
        "base": base.pinned,
        "environment_root": ENVIRONMENT_ROOT,
        "requirements": CONTEXT_NAME,
        "uv_version": UV_VERSION,
        "cache_id": re.sub(r"[^a-z0-9]+", "-", request.project.lower()).strip("-") or "project",
        "epoch": DEFAULT_EPOCH,
        "packages": len({p.package.name for s in selections for p in s.packages}),
        "only_wheels": not any(_from_source(p) for s in selections for p in s.packages),
        "local_artifacts": _local_artifacts(selections),
        "seeds": _seeds(selections),
        "default_index": next((strip_credentials(i.url) for i in request.indexes if i.default), ""),
        "extra_indexes": tuple(strip_credentials(i.url) for i in request.indexes if not i.default),
        "account": _account(image.user),
        "labels": tuple(labels.items()),
        "env": image.env,
        "files": image.files,
        "workdir": image.workdir,
        "user": image.user,
        "ports": image.ports,
        "healthcheck": image.healthcheck,
        "entrypoint": image.entrypoint,
        "cmd": image.cmd,
    }


def image_labels(request: RenderRequest, base: BaseImage) -> dict[str, str]:
    """Return the labels of an image by name; a declared one replaces ours of the same name."""
    ours = {
        "org.opencontainers.image.title": request.project,
        "org.opencontainers.image.version": request.version,
        "org.opencontainers.image.base.name": base.reference.partition("@")[0],
        "org.opencontainers.image.base.digest": base.digest,
        "dev.mooring.environment": request.environment,
        "dev.mooring.environment-root": ENVIRONMENT_ROOT,
    }
    known = {name: value for name, value in ours.items() if value is not None}
    return known | dict(request.image.labels)


def _account(user: str) -> Mapping[str, str] | None:
    """Return the account to make; None for root and for a user that the base has by name."""
    match = _ACCOUNT.fullmatch(user)
    if match is None:
        return None
    return {"uid": match["uid"], "gid": match["gid"] or match["uid"], "home": "/home/mooring"}


def _seeds(selections: Sequence[Selection]) -> tuple[str, ...]:
    """Return what `python -m venv` installs by itself and the lock does not hold."""
    locked = {selected.package.name for s in selections for selected in s.packages}
    return tuple(name for name in _SEEDS if name not in locked)


def _from_source(selected: Selected) -> bool:
    artifact = selected.artifact
    return artifact.kind != "wheel" and not artifact.name.endswith(".whl")


def _local_artifacts(selections: Sequence[Selection]) -> tuple[str, ...]:
    """Return the files of the project that the locked set installs, sorted."""
    paths = {p.artifact.path for s in selections for p in s.packages if p.artifact.path}
    return tuple(sorted(quoting.project_path(path) for path in paths))


def _problems(
    image: ImageSpec, base: str, labels: Mapping[str, str], selections: Sequence[Selection]
) -> Iterator[Problem]:
    """Yield every value that cannot be written and every package that cannot be installed."""
    for check in _checks(image, base, labels):
        try:
            check()
        except quoting.QuotingError as error:
            yield Problem(where=error.where or "image", message=error.message, hint=error.hint)
    for selected in {p.package.name: p for s in selections for p in s.packages}.values():
        name, artifact = selected.package.name, selected.artifact
        if artifact.kind in ("vcs", "directory"):
            kind = "a version control system" if artifact.kind == "vcs" else "a folder"
            yield Problem(
                where=f"package {name}",
                message=f"it comes from {kind}, so it has no hash and no image can be built of it",
                hint="publish it to an index, or depend on a wheel in the project",
            )
        elif artifact.path and not _is_mountable(artifact.path):
            yield Problem(
                where=f"package {name}",
                message=f"the path {artifact.path!r} cannot be mounted into a build",
                hint="keep it inside the project; use letters, digits and `_ . + - /`",
            )


def _is_mountable(path: str) -> bool:
    return bool(_LOCAL_PATH.fullmatch(path)) and not path.startswith("/") and ".." not in path


def _checks(
    image: ImageSpec, base: str, labels: Mapping[str, str]
) -> Iterator[Callable[[], object]]:
    yield lambda: quoting.image(base)
    for name, value in image.env:
        yield functools.partial(quoting.env, value, name)
    for name, value in labels.items():
        yield functools.partial(quoting.label, value, name)
    for path in image.files:
        yield functools.partial(quoting.copy, path)
    for number in image.ports:
        yield functools.partial(quoting.port, number)
    yield lambda: quoting.workdir(image.workdir)
    yield lambda: quoting.user(image.user)
    yield lambda: quoting.command(image.entrypoint, "image.entrypoint")
    yield lambda: quoting.command(image.cmd, "image.cmd")
    yield lambda: quoting.command(image.healthcheck, "image.healthcheck")
