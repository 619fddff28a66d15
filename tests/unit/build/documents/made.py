"""An image and what is in it, made by hand."""

from __future__ import annotations

from dataclasses import dataclass

from mooring.build.documents.components import Component, application, of_debs, of_selection
from mooring.build.documents.facts import WheelFacts
from mooring.build.documents.subject import DocumentSubject
from mooring.lock.model import Artifact, Dependency, Package, Selected, Selection
from mooring.platforms import Platform, PythonVersion

SUBJECT = DocumentSubject(
    repository="registry.example.com:5000/team/churn",
    tag="moor-0123456789abcdef",
    digest="sha256:" + "a" * 64,
    platform="linux/amd64",
    created=1767225600,
    base=("python:3.12-slim", "sha256:" + "b" * 64),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """METADATA of a wheel, as far as documents ask for it."""

    license_expression: str | None = None
    license: str | None = None
    classifiers: tuple[str, ...] = ()
    requires_dist: tuple[str, ...] = ()
    summary: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Deb:
    """A locked Debian package."""

    name: str
    version: str
    architecture: str
    path: str
    sha256: str = "e" * 64


def selected(
    name: str,
    version: str = "1.0",
    *,
    needs: tuple[str, ...] = (),
    artifact: Artifact | None = None,
) -> Selected:
    """Return a package with one wheel of an index."""
    wheel = artifact or Artifact(
        kind="wheel",
        name=f"{name.replace('-', '_')}-{version}-py3-none-any.whl",
        url=f"https://ann:secret@packages.example.org/{name}-{version}-py3-none-any.whl",
        hashes=(("sha256", "c" * 64),),
        size=1234,
        upload_time="2025-01-01T00:00:00Z",
    )
    return Selected(
        package=Package(
            name=name,
            version=version,
            index="https://packages.example.org/simple",
            dependencies=tuple(Dependency(name=each) for each in needs),
            wheels=(wheel,) if wheel.kind == "wheel" else (),
            direct=None if wheel.kind == "wheel" else wheel,
        ),
        artifact=wheel,
    )


def selection(*packages: Selected, platform: str = "linux-64") -> Selection:
    """Return these packages on one platform with Python 3.12."""
    return Selection(
        platform=Platform.parse(platform),
        python=PythonVersion(minor=12),
        extras=(),
        groups=(),
        packages=packages,
    )


def components() -> tuple[Component, ...]:
    """Return one component of every kind but conda, with edges and a circle."""
    known: dict[str, WheelFacts] = {
        "alpha": Facts(license_expression="MIT", summary="The first."),
        "beta": Facts(license_expression="MIT OR Apache-2.0"),
        "gamma": Facts(classifiers=("License :: OSI Approved :: BSD License",)),
        "delta": Facts(license_expression="LicenseRef-Own AND MIT"),
    }
    return (
        application("churn", "2.0"),
        *of_selection(
            selection(
                selected("alpha", needs=("beta", "absent")),
                selected("beta", "2.0+cpu", needs=("gamma",)),
                selected("gamma", needs=("beta",)),
                selected("delta"),
            ),
            known,
        ),
        *of_debs(
            [
                Deb(name="libc6", version="2.36-9", architecture="amd64", path="pool/c/libc6.deb"),
                Deb(
                    name="libgomp1",
                    version="1:12.2.0-14+deb12u1",
                    architecture="amd64",
                    path="pool/main/g/gcc-12/libgomp1_12.2.0-14_amd64.deb",
                ),
            ],
            distribution="debian",
            suite="bookworm",
            depends={"libgomp1": ("libc6", "absent")},
        ),
    )
