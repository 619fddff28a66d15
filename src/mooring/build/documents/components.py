"""What is in an image, one value a package, out of locks; nothing is scanned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mooring.build.documents.facts import CondaFacts, DebFacts, WheelFacts
from mooring.build.documents.licences import declared_licence, spdx_expression
from mooring.build.documents.purls import purl
from mooring.lock.model import Artifact, Selected, Selection
from mooring.urls import strip_credentials

ComponentType = Literal["pypi", "deb", "conda", "application"]

_NAME_IN_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SEPARATORS = re.compile(r"[-_.]+")
_LONGEST_SUMMARY = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """One package of an image.

    Attributes:
        version: None only for what has none, such as a folder.
        purl: Package URL; it is also what identifies the component in a document.
        sha256: Of the file it was installed from, lower-case hex.
        file_name: Of that file.
        url: Where that file is fetched from, without credentials.
        licence: SPDX expression.
        licence_name: What it says of its licence where that is no expression.
        depends: Names of the components that it needs, sorted.
    """

    type: ComponentType
    name: str
    version: str | None
    purl: str
    sha256: str | None = None
    file_name: str | None = None
    url: str | None = None
    licence: str | None = None
    licence_name: str | None = None
    summary: str | None = None
    depends: tuple[str, ...] = ()


def of_selection(
    selection: Selection, metadata: Mapping[str, WheelFacts] | None = None
) -> tuple[Component, ...]:
    """Return the locked packages of a selection, sorted by name.

    Args:
        selection: What is installed.
        metadata: METADATA of the wheels by package name, as far as they are at hand: licences,
            summaries, and the requirements of packages for which the lock records none.
    """
    known = metadata or {}
    names = {selected.package.name for selected in selection.packages}
    found = []
    for selected in selection.packages:
        facts = known.get(selected.package.name)
        component = _of_package(selected, _needs(selected, selection, facts, names))
        if facts is not None:
            licence = declared_licence(facts.license_expression, facts.classifiers, facts.license)
            component = replace(
                component,
                licence=licence.expression,
                licence_name=licence.name,
                summary=_one_line(facts.summary),
            )
        found.append(component)
    return tuple(sorted(found, key=lambda component: component.purl))


def of_debs(
    packages: Iterable[DebFacts],
    *,
    distribution: str,
    suite: str,
    depends: Mapping[str, Iterable[str]] | None = None,
) -> tuple[Component, ...]:
    """Return the Debian packages of a system base, sorted by name.

    Args:
        packages: As they are locked.
        distribution: `debian` or `ubuntu`.
        suite: Codename of the release.
        depends: Names that each package needs, where that is known.
    """
    needs = depends or {}
    listed = tuple(packages)
    names = {package.name for package in listed}
    found = [
        Component(
            type="deb",
            name=package.name,
            version=package.version,
            purl=purl(
                f"deb/{distribution}",
                package.name,
                package.version,
                {"arch": package.architecture, "distro": suite},
            ),
            sha256=package.sha256,
            file_name=package.path.rpartition("/")[2],
            depends=tuple(sorted(names.intersection(needs.get(package.name, ())))),
        )
        for package in listed
    ]
    return tuple(sorted(found, key=lambda component: component.purl))


def of_conda(packages: Iterable[CondaFacts]) -> tuple[Component, ...]:
    """Return the conda packages of an environment, sorted by name."""
    listed = tuple(packages)
    names = {package.name for package in listed}
    found = []
    for package in listed:
        declared = (package.license or "").strip()
        expression = spdx_expression(declared)
        needed = {spec.split()[0] for spec in package.depends if spec.split()}
        found.append(
            Component(
                type="conda",
                name=package.name,
                version=package.version,
                purl=purl(
                    "conda",
                    package.name,
                    package.version,
                    {
                        "build": package.build,
                        "channel": package.channel,
                        "subdir": package.subdir,
                        "type": "conda" if package.file_name.endswith(".conda") else "tar.bz2",
                    },
                ),
                sha256=package.sha256,
                file_name=package.file_name,
                licence=expression,
                licence_name=_one_line(declared) if expression is None else None,
                depends=tuple(sorted(names & needed - {package.name})),
            )
        )
    return tuple(sorted(found, key=lambda component: component.purl))


def application(name: str, version: str | None) -> Component:
    """Return the project itself, whose files are in the image."""
    return Component(
        type="application", name=name, version=version, purl=purl("generic", name, version)
    )


def _of_package(selected: Selected, depends: tuple[str, ...]) -> Component:
    package, artifact = selected.package, selected.artifact
    url = strip_credentials(artifact.url) if artifact.url else None
    return Component(
        type="pypi",
        name=package.name,
        version=package.version,
        purl=purl("pypi", package.name, package.version, _origin(artifact, url)),
        sha256=artifact.sha256,
        file_name=artifact.name or None,
        url=url,
        depends=depends,
    )


def _origin(artifact: Artifact, url: str | None) -> dict[str, str]:
    """Return the qualifiers of what does not come from an index."""
    if artifact.kind == "vcs" and url is not None:
        prefix = f"{artifact.vcs or 'git'}+"
        return {"vcs_url": f"{prefix}{url.removeprefix(prefix)}@{artifact.commit or ''}"}
    if artifact.kind == "archive" and url is not None:
        return {"download_url": url}
    return {}


def _needs(
    selected: Selected, selection: Selection, facts: WheelFacts | None, names: set[str]
) -> tuple[str, ...]:
    """Return what a package needs of the others: by the lock, else by the wheel's metadata."""
    needed = {dependency.name for dependency in selected.package.dependencies}
    if not needed and facts is not None:
        needed = _required(facts.requires_dist, selection)
    return tuple(sorted(names & needed - {selected.package.name}))


def _required(requirements: Sequence[str], selection: Selection) -> set[str]:
    # Parsing markers is slow to import, and locks of most writers record dependencies.
    from packaging.requirements import InvalidRequirement, Requirement

    environment = selection.platform.marker_environment(selection.python) | {"extra": ""}
    found = set()
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # what the package cannot say, nobody can read out of it
        if requirement.marker is None or requirement.marker.evaluate(environment):
            match = _NAME_IN_REQUIREMENT.match(requirement.name)
            found.add(_SEPARATORS.sub("-", match[0]).lower() if match else "")
    return found


def _one_line(text: str | None) -> str | None:
    words = " ".join((text or "").split())
    clean = "".join(character for character in words if character.isprintable())
    return clean[:_LONGEST_SUMMARY] or None
