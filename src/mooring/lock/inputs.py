"""The declared inputs as one explicit document: what a fresh lock was made from.

The document holds meaning only. Formatting, comments, the order of requirements and the file a
requirement is written in do not change it; the order of indexes does, because it is their rank.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mooring.digests import digest_document
from mooring.lock.input_changes import describe_changes
from mooring.manifest.model import Environment, Index, Manifest, Requirement
from mooring.urls import strip_credentials

INPUTS_SCHEMA = 1
OPTIONAL_INPUTS = ("requires-python", "python", "exclude-newer")
"""Entries that may be None, which TOML cannot write: a reader restores them."""


def inputs_document(manifest: Manifest) -> dict[str, object]:
    """Return everything declared that decides what a lock holds; plain JSON-like data."""
    return {
        "schema": INPUTS_SCHEMA,
        "requires-python": manifest.requires_python,
        "python": None if manifest.python is None else str(manifest.python),
        "exclude-newer": manifest.exclude_newer,
        "resolver": manifest.resolver,
        "platforms": sorted({str(platform) for platform in manifest.platforms}),
        "dependencies": _texts(manifest.dependencies),
        "constraints": _texts(manifest.constraints),
        "overrides": _texts(manifest.overrides),
        "environments": [
            _environment(e) for e in sorted(manifest.environments, key=lambda e: e.name)
        ],
        "indexes": [_index(index) for index in manifest.indexes],
        "extras": {name: _texts(items) for name, items in sorted(manifest.extras)},
        "groups": {name: _texts(items) for name, items in sorted(manifest.groups)},
    }


def inputs_digest(document: Mapping[str, object]) -> str:
    """Return the digest of an inputs document; an entry that is None counts as absent."""
    return digest_document({k: v for k, v in document.items() if v is not None})


def changes(
    old: Mapping[str, object], new: Mapping[str, object], manifest: Manifest | None = None
) -> tuple[str, ...]:
    """Say which input changed, and how, one line each.

    Args:
        old: The document that a lock recorded; its content is not trusted.
        new: The document of what is declared now.
        manifest: Where `new` comes from; it lets a line name the file and place.

    Returns:
        Lines such as `dependencies: added "rich>=13" (pyproject.toml: project.dependencies[3])`;
        empty exactly when the two documents have the same digest.
    """
    if inputs_digest(old) == inputs_digest(new):
        return ()
    if old.get("schema") != new.get("schema"):
        return (f"the lock records its inputs by schema {old.get('schema')}, not by this one",)
    lines = describe_changes(old, new, _places(manifest) if manifest else {})
    return tuple(lines) or ("the declared inputs changed",)


def _texts(requirements: Iterable[Requirement]) -> list[str]:
    return sorted({_without_credentials(requirement.text) for requirement in requirements})


def _without_credentials(text: str) -> str:
    """Return a requirement without the user and password of its direct URL."""
    name, at, rest = text.partition(" @ ")
    if not at or "@" not in rest:
        return text
    url, semicolon, marker = rest.partition(" ;")
    return f"{name}{at}{strip_credentials(url)}{semicolon}{marker}"


def _environment(environment: Environment) -> dict[str, object]:
    document: dict[str, object] = {
        "name": environment.name,
        "extras": sorted(environment.extras),
        "groups": sorted(environment.groups),
    }
    if environment.platforms is not None:
        document["platforms"] = sorted(str(platform) for platform in environment.platforms)
    if environment.python is not None:
        document["python"] = str(environment.python)
    return document


def _index(index: Index) -> dict[str, object]:
    return {
        "name": index.name,
        "url": strip_credentials(index.url),
        "explicit": index.explicit,
        "default": index.default,
        "packages": sorted(index.packages),
    }


def _places(manifest: Manifest) -> dict[tuple[str, str], str]:
    """Return where each requirement stands, by section and text."""
    sections = [
        ("dependencies", manifest.dependencies),
        ("constraints", manifest.constraints),
        ("overrides", manifest.overrides),
        *((f"extras.{name}", items) for name, items in manifest.extras),
        *((f"groups.{name}", items) for name, items in manifest.groups),
    ]
    return {
        (section, _without_credentials(item.text)): item.where
        for section, items in sections
        for item in items
    }
