"""Locks with conda packages that the tests of their formats share."""

from __future__ import annotations

from dataclasses import replace

from mooring.digests import sha256_hex
from mooring.lock.conda import CondaFacts, CondaLock, CondaPackage, CondaRow, PypiRow
from mooring.platforms import Platform

LINUX = Platform.parse("linux-64")
MAC = Platform.parse("osx-arm64")
BASE = "https://conda.example.org/forge"
INDEX = "https://index.example.org/files"


def package(
    name: str,
    version: str = "1.0",
    build: str = "h1_0",
    subdir: str = "linux-64",
    depends: tuple[str, ...] = (),
) -> CondaPackage:
    """Return a package as its record would have it."""
    url = f"{BASE}/{subdir}/{name}-{version}-{build}.conda"
    return CondaPackage(
        name=name,
        version=version,
        build=build,
        subdir=subdir,
        channel=BASE,
        url=url,
        md5=sha256_hex(url.encode())[:32],
        sha256=sha256_hex(url.encode()),
        build_number=0,
        depends=depends,
    )


def row(
    found: CondaPackage, platform: Platform = LINUX, categories: tuple[str, ...] = ("main",)
) -> CondaRow:
    """Return the row of a package on one platform."""
    return CondaRow(package=found, platform=platform, categories=categories)


def pypi(
    name: str,
    version: str = "2.0",
    platform: Platform = LINUX,
    categories: tuple[str, ...] = ("main",),
    tag: str = "py3-none-any",
) -> PypiRow:
    """Return the row of a wheel."""
    url = f"{INDEX}/{name.replace('-', '_')}-{version}-{tag}.whl"
    return PypiRow(
        name=name,
        version=version,
        platform=platform,
        url=url,
        categories=categories,
        sha256=sha256_hex(url.encode()),
    )


PYTHON = package("python", "3.12.4", "h99_0_cpython", depends=("libzlib >=1.3,<2.0a0",))
PYTHON_MAC = replace(
    package("python", "3.12.4", "h77_0_cpython", "osx-arm64"), depends=("libzlib >=1.3,<2.0a0",)
)
ZLIB = package("libzlib", "1.3.1", "hb9_1", depends=("__glibc >=2.17,<3.0.a0",))
ZLIB = replace(ZLIB, build_number=1, size=12345, license="Zlib", timestamp=1700000000000)
ZLIB_MAC = package("libzlib", "1.3.1", "h8_0", "osx-arm64")
SIX = replace(
    package("six", "1.16.0", "pyh6_0", "noarch", ("python",)),
    noarch="python",
    purls=("pkg:pypi/six",),
    constrains=("six-extra >=1",),
    paths_id="sha256:" + "ab" * 32,
)
FACTS = CondaFacts(
    inputs={"schema": 1, "python": "3.12", "conda": {"dependencies": ["python 3.12.*"]}},
    environments=(("default", ("main",)), ("dev", ("dev", "main"))),
)
LOCK = CondaLock(
    channels=("forge", BASE),
    platforms=(LINUX, MAC),
    conda=(
        row(ZLIB),
        row(ZLIB_MAC, MAC),
        row(PYTHON),
        row(PYTHON_MAC, MAC),
        row(SIX, LINUX, ("dev", "docs")),
        row(SIX, MAC, ("dev", "docs")),
    ),
    pypi=(replace(pypi("rich"), dependencies=(("markdown-it-py", ">=2.2.0"),)),),
    virtual_packages={"linux-64": ("__glibc=2.28=0", "__unix=0=0"), "osx-arm64": ("__osx=13.0=0",)},
    sources=("environment.yml",),
    facts=FACTS,
)
"""Two platforms, three categories, one PyPI package, everything that a record tells."""
