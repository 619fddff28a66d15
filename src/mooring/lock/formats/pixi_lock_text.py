"""From a `CondaLock` to the text of a pixi.lock, version 7; rattler puts it into its own form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mooring.errors import InputError
from mooring.lock.conda import CondaLock, CondaPackage, CondaSelection, PypiRow, select_conda
from mooring.lock.formats import conda_rules as rules
from mooring.lock.formats.conda_lock_text import content_problem
from mooring.lock.formats.yaml_text import scalar

FORMAT_VERSION = 7
DEFAULT = "default"
_MAIN = "main"
_SPECIFIERS = re.compile(r"(?:(?:===|[<>=!~]=|[<>])[0-9A-Za-z.*+!]+(?:,\s*)?)+")
_GIT = "git+"

Environments = Mapping[str, tuple[str, ...]]


def pixi_lines(lock: CondaLock, channel_urls: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the file.

    Args:
        lock: What is locked.
        channel_urls: The lock's channels, each as a URL.

    Raises:
        InputError: The format cannot hold it, or a URL carries a secret.
    """
    for url in channel_urls:
        rules.require_clean(url, "a channel")
    problem = content_problem(lock)
    if problem is not None:
        raise problem
    yield f"version: {FORMAT_VERSION}"
    yield "platforms:" if lock.platforms else "platforms: []"
    for platform in lock.platforms:
        yield f"- name: {platform.subdir}"
        if machine := lock.virtual_packages.get(platform.subdir):
            yield "  virtual-packages:"
            yield from (f"  - {scalar(text)}" for text in sorted(machine))
    yield "environments:"
    for name, categories in sorted(environments(lock).items()):
        selections = [select_conda(lock, platform, categories) for platform in lock.platforms]
        yield from _environment(name, channel_urls, selections)
    conda = {row.package.url: row.package for row in lock.conda}
    pypi: dict[str, list[PypiRow]] = {}
    for row in lock.pypi:
        pypi.setdefault(row.url, []).append(row)
    yield "packages:" if conda or pypi else "packages: []"
    for url in sorted(conda):
        yield from _conda_package(conda[url])
    for url in sorted(pypi):
        yield from _pypi_package(pypi[url])


def environments(lock: CondaLock) -> Environments:
    """Return the named environments; where none are known, one for each category."""
    if lock.facts is not None and lock.facts.environments:
        named = dict(lock.facts.environments)
        return {DEFAULT: (_MAIN,), **named}
    rows = [*(row.categories for row in lock.conda), *(row.categories for row in lock.pypi)]
    found = {category for categories in rows for category in categories} - {_MAIN}
    return {DEFAULT: (_MAIN,), **{name: (_MAIN, name) for name in sorted(found)}}


def _environment(
    name: str, channels: Iterable[str], selections: Iterable[CondaSelection]
) -> Iterator[str]:
    yield f"  {scalar(name)}:"
    urls = [f"    - url: {scalar(url)}" for url in channels]
    yield "    channels:" if urls else "    channels: []"
    yield from urls
    yield "    packages:"
    for selection in selections:
        rows = [f"      - conda: {scalar(package.url)}" for package in selection.packages]
        rows += [f"      - pypi: {scalar(pypi_location(row))}" for row in selection.pypi]
        yield f"      {selection.platform.subdir}:" + ("" if rows else " []")
        yield from rows


def _conda_package(package: CondaPackage) -> Iterator[str]:
    rules.require_clean(package.url, package.name)
    yield f"- conda: {scalar(package.url)}"
    # What rattler takes from the URL of a server it does not take from the URL of a file.
    local = package.url[:5].lower() == "file:"
    values = {
        "name": package.name if local else None,
        "version": package.version if local else None,
        "build": package.build if local else None,
        "subdir": package.subdir if local else None,
        "channel": package.channel if local else None,
        "build_number": package.build_number,
        "sha256": package.sha256,
        "md5": package.md5,
        "depends": package.depends,
        "constrains": package.constrains,
        "noarch": package.noarch,
        "license": package.license,
        "purls": package.purls,
        "size": package.size,
        "timestamp": package.timestamp,
    }
    for key, value in values.items():
        match value:
            case int():
                yield f"  {key}: {value}"
            case str():
                yield f"  {key}: {scalar(value)}"
            case tuple() if value:
                yield f"  {key}:"
                yield from (f"  - {scalar(text)}" for text in value)


def _pypi_package(rows: Sequence[PypiRow]) -> Iterator[str]:
    row = rows[0]
    rules.require_clean(row.url, row.name)
    yield f"- pypi: {scalar(pypi_location(row))}"
    yield f"  name: {scalar(row.name)}"
    yield f"  version: {scalar(row.version)}"
    if row.sha256 is not None:
        yield f"  sha256: {scalar(row.sha256)}"
    # One file may need more on one platform than on another.
    dependencies = {pair for each in rows for pair in each.dependencies}
    if dependencies:
        yield "  requires_dist:"
        for name, specifiers in sorted(dependencies):
            known = specifiers if _SPECIFIERS.fullmatch(specifiers) else ""
            yield f"  - {scalar(f'{name}{known}')}"


def pypi_location(row: PypiRow) -> str:
    """Return how pixi writes a source: the commit of a repository stands behind a `#`.

    Raises:
        InputError: pixi knows no such source.
    """
    scheme, plus, _ = row.url.partition("+")
    if not plus or "://" in scheme:
        return row.url
    if not row.url.startswith(_GIT):
        raise InputError(f"{row.name} comes from a repository that pixi.lock cannot name")
    address, _, fragment = row.url.partition("#")
    base, _, commit = address.rpartition("@")
    query = "".join(f"{part}&" for part in fragment.split("&") if part.startswith("subdirectory="))
    return f"{base}?{query}rev={commit}#{commit}"
