"""`[tool.uv]`: where a uv project says that packages come from.

A package that uv takes from a git repository or a private index must not silently come from the
default index instead. What can be said in a manifest is followed; the rest is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mooring.errors import InputError
from mooring.manifest.index_url import index_name, refuse_index_url
from mooring.manifest.model import Index, Requirement
from mooring.manifest.problems import Problems, quoted
from mooring.manifest.requirement import canonical_name, normal_form
from mooring.manifest.sources.declared import FoundIndex
from mooring.manifest.tables import Table, TomlFile

_NORMAL = re.compile(r"(?P<head>[a-z0-9-]+(?:\[[^\]]*\])?)(?P<specifiers>[^;@]*)(?P<marker>;.*)?")
_GIT_KEYS = frozenset({"git", "rev", "tag", "branch", "subdirectory"})
_URL_KEYS = frozenset({"url", "subdirectory"})
_INDEX_KEYS = frozenset({"index"})
_HINT = (
    'say it so that every tool reads it: "name @ https://..." or "name @ git+https://..." in the '
    "dependencies, or `packages` of a [[tool.mooring.index]]"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Origins:
    """Where packages come from: indexes with the packages pinned to them, and URLs by name."""

    indexes: tuple[FoundIndex, ...] = ()
    urls: Mapping[str, str]

    def applied(self, requirements: Iterable[Requirement]) -> tuple[Requirement, ...]:
        """Return the requirements, those with a URL as direct references."""
        return tuple(self._applied(requirement) for requirement in requirements)

    def _applied(self, requirement: Requirement) -> Requirement:
        url = self.urls.get(requirement.name)
        parts = _NORMAL.fullmatch(requirement.text)
        if url is None or parts is None:  # a direct reference says itself where it comes from
            return requirement
        marker = f" {parts['marker']}" if parts["marker"] else ""
        return replace(requirement, text=f"{parts['head']} @ {url}{marker}")


def read_origins(
    file: TomlFile, problems: Problems, required: frozenset[str], decided: frozenset[str]
) -> Origins:
    """Read `[tool.uv.sources]` and the indexes of `[tool.uv]`.

    Args:
        file: The parsed pyproject.toml.
        problems: Receives what cannot be followed.
        required: The normalised names that the file asks for; others need no source.
        decided: Those for which the manifest itself names an index, which goes first.
    """
    data = file.table("tool", "uv")
    if data is None:
        return Origins(urls={})
    table = Table(file, problems, ("tool", "uv"), data)
    urls: dict[str, str] = {}
    pinned: dict[str, list[str]] = {}
    sources = table.table("sources")
    for key in sources.data if sources else ():
        assert sources is not None
        with sources.catch(key):
            name = canonical_name(key)
            if name not in required or name in decided:
                continue
            kind, value = _origin(name, sources.data[key])
            if kind == "index":
                pinned.setdefault(value, []).append(name)
            else:
                urls[name] = value
    indexes = _indexes(table, pinned)
    known = {entry.index.name for entry in indexes}
    for wanted in pinned:
        if wanted not in known and sources:
            sources.problem((), f"the index {quoted(wanted)} is not declared")
    return Origins(indexes=indexes, urls=urls)


def _origin(name: str, value: object) -> tuple[str, str]:
    """Return ("index", its name) or ("url", the URL) for one entry of the sources."""
    entries = value if isinstance(value, list) else [value]
    entry = entries[0] if len(entries) == 1 else None
    if isinstance(entry, dict) and all(isinstance(part, str) for part in entry.values()):
        keys = frozenset(entry)
        below = f"subdirectory={entry['subdirectory']}" if "subdirectory" in keys else ""
        if keys == _INDEX_KEYS:
            return "index", entry["index"]
        if "git" in keys and keys <= _GIT_KEYS:
            refs = [entry[key] for key in ("rev", "tag", "branch") if key in keys]
            if len(refs) <= 1:
                return "url", _url(name, "@".join(["git+" + entry["git"], *refs]), below)
        if "url" in keys and keys <= _URL_KEYS:
            return "url", _url(name, entry["url"], below)
    raise InputError(f"this version cannot follow the source of {name}", hint=_HINT)


def _url(name: str, url: str, fragment: str) -> str:
    mark = "&" if "#" in url else "#"
    text = normal_form(f"{name} @ {url}" + (f"{mark}{fragment}" if fragment else ""))
    return text.removeprefix(f"{name} @ ")


def _indexes(table: Table, pinned: Mapping[str, list[str]]) -> tuple[FoundIndex, ...]:
    found = []
    for below in table.tables("index"):
        url = below.string("url")
        if url is None:
            continue
        with below.catch("url"):
            refuse_index_url(url, below.string("name"))
            name = below.string("name") or index_name(url)
            index = Index(
                name=name,
                url=url,
                explicit=below.boolean("explicit"),
                default=below.boolean("default"),
                packages=tuple(pinned.get(name, ())),
            )
            if not index.explicit or index.packages:
                found.append(FoundIndex(index=index, where=below.where))
    return tuple(found)
