"""The project that uv locks: what the manifest declares, as a pyproject.toml of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mooring.lock.formats import toml_text
from mooring.manifest.model import Manifest, Requirement
from mooring.platforms import Platform
from mooring.resolve.pypi.worlds import python_samples, python_span
from mooring.urls import strip_credentials

FALLBACK_NAME = "mooring-project"
"""Stands for the project where its own name would mean something else."""

BOUND_GROUP = "mooring-bound-to-an-index"
"""Names packages bound to an index that nobody declares directly; it is no group of the lock."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SEPARATORS = re.compile(r"[-_.]+")
_EXTRAS = re.compile(r"\[([^\]]*)\]")
_RUNNING_MINOR = 11
"""The oldest Python that Mooring runs on: uv asks for an interpreter inside requires-python."""


def normal_name(name: str) -> str:
    """Return a name as PEP 503 and PEP 685 normalise it."""
    return _SEPARATORS.sub("-", name).lower()


def all_requirements(manifest: Manifest) -> Iterator[Requirement]:
    """Yield every declared requirement: the project's own, then extras, then groups."""
    yield from manifest.dependencies
    for _, requirements in (*manifest.extras, *manifest.groups):
        yield from requirements


def project_name(manifest: Manifest) -> str:
    """Return the name under which the project is locked.

    It is the real one, so that extras may name each other (`all = ["churn[plot,gpu]"]`), unless a
    requirement means another package of that name: a folder `flask` that requires `flask`.
    """
    if _NAME.fullmatch(manifest.name) is None:
        return FALLBACK_NAME
    name = normal_name(manifest.name)
    own = {normal_name(extra) for extra, _ in manifest.extras}
    for requirement in all_requirements(manifest):
        if requirement.name == name:
            found = _EXTRAS.search(requirement.text)
            asked = {normal_name(extra.strip()) for extra in found[1].split(",")} if found else {""}
            if not asked <= own:
                return FALLBACK_NAME
    return name


def synthetic_project(
    manifest: Manifest, requires_python: str, platforms: Sequence[Platform]
) -> str:
    """Return the text of the pyproject.toml that uv is to lock; it holds no credentials.

    Each platform is an environment of its own, so that uv looks for wheels on each of them. The
    span of Pythons goes into those markers: `requires-python` must also allow the interpreter that
    runs, and uv would look for another one, or download it, when it does not.

    Raises:
        InputError: The span of Pythons is malformed or empty.
    """
    project: dict[str, object] = {
        "name": project_name(manifest),
        "version": manifest.version or "0",
        "requires-python": widened(requires_python),
        "dependencies": _texts(manifest.dependencies),
        "optional-dependencies": {name: _texts(listed) for name, listed in manifest.extras},
    }
    lines = toml_text.table("project", project)
    groups = {name: _texts(listed) for name, listed in manifest.groups}
    lines += toml_text.table("dependency-groups", groups | _bound_group(manifest))
    lines += toml_text.table(
        "tool.uv",
        {
            "package": False,
            "environments": _environments(requires_python, platforms),
            "constraint-dependencies": _texts(manifest.constraints),
            "override-dependencies": _texts(manifest.overrides),
            # It makes this folder a root: uv looks no further, not into a shared /tmp either.
            "workspace": {"members": []},
            "sources": {
                name: {"index": index.name}
                for index in manifest.indexes
                if index.explicit
                for name in index.packages
            },
        },
    )
    for index in manifest.indexes:
        if index.explicit:
            values = {"name": index.name, "url": strip_credentials(index.url), "explicit": True}
            body = toml_text.table("tool.uv.index", values)
            lines += ["", "[[tool.uv.index]]", *body[2:]]
    return "\n".join(lines) + "\n"


def widened(requires_python: str) -> str:
    """Return the `requires-python` of the synthetic project: a lower bound that Mooring meets.

    Raises:
        InputError: The span of Pythons is malformed or empty.
    """
    lowest = python_samples(requires_python, ())[0].minor
    return f">=3.{min(lowest, _RUNNING_MINOR)}"


def span_marker(requires_python: str) -> str | None:
    """Return the marker of a span of Pythons; None when `requires-python` says all of it."""
    if requires_python.replace(" ", "") == widened(requires_python):
        return None
    specifiers = sorted(python_span(requires_python), key=str)
    return " and ".join(f"python_full_version {s.operator} '{s.version}'" for s in specifiers)


def _environments(requires_python: str, platforms: Sequence[Platform]) -> list[str]:
    span = span_marker(requires_python)
    markers = dict.fromkeys(platform.marker for platform in platforms)
    return [f"{marker} and {span}" if span else marker for marker in markers]


def _bound_group(manifest: Manifest) -> dict[str, list[str]]:
    """Return the group that makes uv see bound packages: it binds only what a project names."""
    declared = {requirement.name for requirement in all_requirements(manifest)}
    bound = {
        name
        for index in manifest.indexes
        if index.explicit
        for name in index.packages
        if name not in declared
    }
    return {BOUND_GROUP: sorted(bound)} if bound else {}


def _texts(requirements: Sequence[Requirement]) -> list[str]:
    return [requirement.text for requirement in requirements]
