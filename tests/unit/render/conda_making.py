"""Requests to render environments with conda packages: what a test does not name is small."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.render.making import BASE, NASTY, request_for

from mooring.lock.conda import CondaLock, CondaPackage, CondaRow, PypiRow, select_conda
from mooring.lock.conda_pypi import pypi_selection
from mooring.lock.formats.pylock_part import pylock_part
from mooring.manifest.model import ImageSpec
from mooring.platforms import Platform
from mooring.render.conda import CondaRenderRequest

CHANNEL = "https://conda.example.org/main"
VARIABLES = tuple((f"V{i}", value) for i, value in enumerate(NASTY.values()))
FULL = ImageSpec(
    template="conda",
    files=("src", "my dir/it's"),
    env=(("PYTHONHASHSEED", "0"),),
    entrypoint=("python", "-m", "demo"),
    ports=(8000,),
    healthcheck=("python", "-c", "import demo"),
)


def package(name: str, version: str = "1.0", *, subdir: str = "linux-64") -> CondaPackage:
    """Return a package of a channel that does not exist."""
    return CondaPackage(
        name=name,
        version=version,
        build="h1_0",
        subdir=subdir,
        channel=CHANNEL,
        url=f"{CHANNEL}/{subdir}/{name}-{version}-h1_0.conda",
        md5="1" * 32,
        sha256="2" * 64,
        depends=(),
    )


def lock_for(platforms: tuple[str, ...] = ("linux-64",), *pypi: str) -> CondaLock:
    """Return a lock with a Python, a compiled package, and these packages of PyPI."""
    parsed = tuple(map(Platform.parse, platforms))
    return CondaLock(
        channels=(CHANNEL,),
        platforms=parsed,
        conda=tuple(
            CondaRow(package=each, platform=platform, categories=("main",))
            for platform in parsed
            for each in (
                package("python", "3.12.4", subdir=platform.subdir),
                package("libwave", subdir=platform.subdir),
            )
        ),
        pypi=tuple(
            PypiRow(
                name=name,
                version="2.0",
                platform=platform,
                url=f"https://files.example.org/{name}-2.0-py3-none-any.whl",
                sha256="3" * 64,
                categories=("main",),
            )
            for platform in parsed
            for name in pypi
        ),
    )


def conda_request(
    image: ImageSpec | None = None,
    *,
    platforms: tuple[str, ...] = ("linux-64",),
    pypi: tuple[str, ...] = (),
    variables: tuple[tuple[str, str], ...] = (),
    with_base: bool = True,
) -> CondaRenderRequest:
    """Return a request for one environment."""
    lock = lock_for(platforms, *pypi)
    selections = tuple(select_conda(lock, platform) for platform in lock.platforms)
    plain = request_for(image, *map(pypi_selection, selections), base=BASE if with_base else None)
    return CondaRenderRequest(
        plain=plain,
        selections=selections,
        pypi=pylock_part(lock),
        variables=variables,
        environment_yml={
            "name": "demo",
            "channels": (CHANNEL,),
            "dependencies": ("python=3.12.4",),
            "pip": (),
        },
    )


def request_with_pypi() -> CondaRenderRequest:
    """Return a request for a service with packages of PyPI, on an own package index."""
    request = conda_request(FULL, pypi=("rich", "idna"))
    return replace(request, plain=replace(request.plain, version=None))
