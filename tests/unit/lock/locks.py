"""Constructed locks: small ones by hand, and many random ones from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from mooring.lock.model import (
    Artifact,
    Dependency,
    EnvironmentSelection,
    Lock,
    Package,
    Provenance,
    Target,
)
from mooring.platforms import Platform, PythonVersion

PLATFORMS = tuple(
    Platform.parse(name) for name in ("linux-64", "linux-aarch64", "osx-arm64", "win-64")
)
PYTHON = PythonVersion(minor=12)
WHEEL_TAGS = (
    "py3-none-any",
    "py2.py3-none-any",
    "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64",
    "cp312-cp312-manylinux_2_28_aarch64",
    "cp312-cp312-manylinux_2_39_x86_64",
    "cp312-cp312-musllinux_1_2_x86_64",
    "cp39-abi3-macosx_11_0_arm64",
    "cp39-abi3-manylinux_2_17_x86_64",
    "cp312-cp312-macosx_10_13_universal2",
    "cp312-cp312-win_amd64",
    "cp313-cp313-win_amd64",
    "cp312-cp312t-manylinux_2_17_x86_64",
    "py3-none-win_amd64",
    "pp310-pypy310_pp73-win_amd64",
)
MARKERS = (
    None,
    None,
    "sys_platform == 'win32'",
    'platform_machine != "aarch64" and python_version >= "3.8"',
    "'dev' in dependency_groups",
    "'gpu' in extras and (sys_platform == 'linux' or 'dev' in dependency_groups)",
    "'dev' not in dependency_groups or sys_platform == 'darwin'",
)


def sha(seed: object) -> str:
    """Return 64 hex digits that a seed decides."""
    return f"{random.Random(str(seed)).getrandbits(256):064x}"


def wheel(name: str, version: str = "1.0", tag: str = "py3-none-any") -> Artifact:
    """Return a wheel from an index."""
    file_name = f"{name.replace('-', '_')}-{version}-{tag}.whl"
    return Artifact(
        kind="wheel",
        name=file_name,
        url=f"https://files.example.org/{sha(file_name)[:8]}/{file_name}",
        hashes=(("sha256", sha(file_name)),),
        size=len(file_name),
        upload_time="2025-01-31T09:30:00Z",
    )


def sdist(name: str, version: str = "1.0") -> Artifact:
    """Return an sdist from an index."""
    file_name = f"{name.replace('-', '_')}-{version}.tar.gz"
    return Artifact(
        kind="sdist",
        name=file_name,
        url=f"https://files.example.org/{file_name}",
        hashes=(("sha256", sha(file_name)),),
    )


def vcs() -> Artifact:
    """Return a commit of a git repository."""
    return Artifact(
        kind="vcs",
        url="https://git.example.org/team/tool.git",
        vcs="git",
        commit="0123456789abcdef0123456789abcdef01234567",
        requested_revision="v1",
        subdirectory="python",
    )


def archive() -> Artifact:
    """Return an archive by URL."""
    return Artifact(
        kind="archive",
        name="tool-1.0.zip",
        url="https://files.example.org/tool-1.0.zip",
        hashes=(("sha256", sha("archive")),),
        size=7,
        upload_time="2025-01-31T09:30:00Z",
        subdirectory="python",
    )


def package(name: str, *tags: str, version: str = "1.0", marker: str | None = None) -> Package:
    """Return a package with a wheel for each tag, a universal one when none is given."""
    return Package(
        name=name,
        version=version,
        marker=marker,
        wheels=tuple(wheel(name, version, tag) for tag in tags or ("py3-none-any",)),
    )


def lock(*packages: Package, extras: Sequence[str] = (), groups: Sequence[str] = ()) -> Lock:
    """Return a lock of these packages, without provenance."""
    return Lock(created_by="mooring", extras=tuple(extras), groups=tuple(groups), packages=packages)


def provenance(**inputs: object) -> Provenance:
    """Return what Mooring records, with the inputs given."""
    return Provenance(
        inputs={"schema": 1, "requires-python": None, "python": None, "exclude-newer": None}
        | inputs,
        environments=(
            EnvironmentSelection(name="default"),
            EnvironmentSelection(name="dev", extras=("gpu",), groups=("dev",)),
        ),
        targets=tuple(
            Target(environment=name, platform=platform, python=PYTHON)
            for name in ("default", "dev")
            for platform in PLATFORMS
        ),
    )


def random_lock(seed: int) -> Lock:
    """Return a lock with every kind of source, in an order that the seed decides."""
    rng = random.Random(seed)
    packages = [_random_package(rng, number) for number in range(rng.randrange(1, 9))]
    rng.shuffle(packages)
    return Lock(
        created_by="mooring",
        requires_python=rng.choice([None, "==3.12.*", ">=3.9"]),
        environments=tuple(p.marker for p in PLATFORMS) if rng.random() < 0.5 else (),
        extras=("gpu",),
        groups=("dev",),
        default_groups=rng.choice([(), ("dev",)]),
        packages=tuple(packages),
        provenance=provenance(dependencies=["rich>=13"]) if rng.random() < 0.5 else None,
    )


def _random_package(rng: random.Random, number: int) -> Package:
    name = f"package-{number}"
    folders = [
        Artifact(kind="directory", path="./lib", subdirectory="python"),
        Artifact(kind="directory", path="lib", editable=True),
    ]
    direct = rng.choice([*[None] * 6, vcs(), archive(), *folders])
    wheels = tuple(wheel(name, "1.0", tag) for tag in rng.sample(WHEEL_TAGS, rng.randrange(1, 8)))
    return Package(
        name=name,
        version="1.0",
        marker=rng.choice(MARKERS),
        requires_python=rng.choice([None, None, None, ">=3.8"]),
        index=None if direct else "https://index.example.org/simple",
        dependencies=tuple(Dependency(name=f"package-{n}") for n in range(rng.randrange(3))),
        wheels=() if direct else wheels,
        sdist=sdist(name) if not direct and rng.random() < 0.6 else None,
        direct=direct,
        record_ids=() if direct else ((wheels[0].name, "sha256:" + sha(number)),),
    )
