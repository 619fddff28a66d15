"""Export: one environment of a lock with conda packages in another format."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, assert_never

from mooring.errors import InputError
from mooring.lock.conda import CondaLock, CondaSelection
from mooring.lock.input_changes import table_of
from mooring.lock.inputs import inputs_document
from mooring.manifest.conda import MAIN
from mooring.manifest.model import DEFAULT_ENVIRONMENT, Manifest
from mooring.platforms import Platform
from mooring.workflow.conda_selecting import (
    CondaProject,
    conda_categories,
    host_conda_platform,
    named_conda_platform,
    select_conda_environment,
)

CondaFormat = Literal["explicit", "environment-yml", "conda-lock", "pixi", "pylock"]
CONDA_FORMATS: tuple[CondaFormat, ...] = (
    "explicit",
    "environment-yml",
    "conda-lock",
    "pixi",
    "pylock",
)
Pin = Literal["build", "version", "intent"]
PINS: tuple[Pin, ...] = ("build", "version", "intent")


def export_conda(
    project: CondaProject,
    *,
    environment: str,
    platform: str | None,
    form: CondaFormat,
    pin: Pin = "build",
) -> str:
    """Return one environment of the lock in another format.

    Args:
        project: The lock.
        environment: Name of the environment.
        platform: Name of a platform, conda or OCI style. Without it the formats for one platform
            are for this machine's, all others for every platform of the lock.
        form: The format.
        pin: How exactly an environment.yml names its packages.

    Raises:
        MooringError: The lock does not hold that environment or platform, or the format cannot
            say what is in it.
    """
    chosen = named_conda_platform(project, platform) if platform else None
    match form:
        case "explicit":
            from mooring.lock.formats import explicit  # each format is loaded when it is asked for

            return explicit.write(_selection(project, environment, chosen))
        case "environment-yml":
            return _environment_yml(project, environment, chosen, pin)
        case "conda-lock":
            from mooring.lock.formats import conda_lock

            return conda_lock.write(environment_rows(project, environment, chosen))
        case "pixi":
            from mooring.lock.formats import pixi_lock

            return pixi_lock.write(environment_rows(project, environment, chosen))
        case "pylock":
            return _pylock(project, environment, chosen)
        case _:
            assert_never(form)


def environment_rows(
    project: CondaProject, environment: str, platform: Platform | None = None
) -> CondaLock:
    """Return a lock of one environment: all of it is `main`, for one platform or all of them."""
    wanted = frozenset(conda_categories(project, environment))
    lock = project.lock
    platforms = lock.platforms if platform is None else (platform,)
    return replace(
        lock,
        platforms=platforms,
        conda=tuple(
            replace(row, categories=(MAIN,))
            for row in lock.conda
            if row.platform in platforms and wanted.intersection(row.categories)
        ),
        pypi=tuple(
            replace(row, categories=(MAIN,))
            for row in lock.pypi
            if row.platform in platforms and wanted.intersection(row.categories)
        ),
        virtual_packages={
            name: packages
            for name, packages in lock.virtual_packages.items()
            if any(name in (each.subdir, str(each)) for each in platforms)
        },
        content_hashes={
            name: text
            for name, text in lock.content_hashes.items()
            if any(name == each.subdir for each in platforms)
        },
        facts=None,
    )


def environment_name(project: CondaProject, environment: str) -> str:
    """Return how the conda environment is called: after the project and the environment."""
    name = project.manifest.name if project.manifest else project.root.resolve().name
    return name if environment == DEFAULT_ENVIRONMENT else f"{name}-{environment}"


def _selection(
    project: CondaProject, environment: str, platform: Platform | None
) -> CondaSelection:
    return select_conda_environment(project, environment, platform or host_conda_platform(project))


def _environment_yml(
    project: CondaProject, environment: str, platform: Platform | None, pin: Pin
) -> str:
    from mooring.lock.formats import conda_environment_yml

    manifest = project.manifest
    if pin == "intent" and (manifest is None or manifest.conda is None):
        raise InputError(
            "what was declared is not known",
            where="--pin intent",
            hint="run this in the project, without --lock",
        )
    return conda_environment_yml.write(
        _selection(project, environment, platform),
        environment_name(project, environment),
        pin=pin,
        inputs=manifest.conda if manifest else None,
        pip=_declared_of_pypi(manifest, environment) if manifest else (),
    )


def _declared_of_pypi(manifest: Manifest, environment: str) -> tuple[str, ...]:
    """Return the declared requirements of an environment, without credentials, each once."""
    chosen = manifest.environment(environment)
    document = inputs_document(manifest)
    texts = list(_strings(document["dependencies"]))
    for kind, names in (("extras", chosen.extras), ("groups", chosen.groups)) if chosen else ():
        declared = table_of(document[kind])
        for name in names:
            texts += _strings(declared.get(name))
    return tuple(dict.fromkeys(texts))


def _pylock(project: CondaProject, environment: str, platform: Platform | None) -> str:
    from mooring.lock.formats import pylock
    from mooring.lock.formats.pylock_part import pylock_part

    return pylock.write(pylock_part(environment_rows(project, environment, platform)))


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
