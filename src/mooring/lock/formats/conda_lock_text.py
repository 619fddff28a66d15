"""From a `CondaLock` to the text of a conda-lock.yml, version 1: conda-lock's keys in its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from mooring.digests import digest_document
from mooring.errors import InputError
from mooring.lock.conda import CondaLock, CondaPackage, CondaRow, PypiRow
from mooring.lock.formats import conda_rules as rules
from mooring.lock.formats.conda_depends import dependency_table
from mooring.lock.formats.conda_lock_facts import KEY, facts_lines
from mooring.lock.formats.conda_lock_rows import join_categories
from mooring.lock.formats.pylock_rules import Refused
from mooring.lock.formats.yaml_text import scalar
from mooring.lock.inputs import inputs_digest

FORMAT_VERSION = 1
PACKAGES_SCHEMA = 1
_HASH_SCHEMA = 1

_HEADER = """\
# Written by `mooring lock`: edit the declared inputs, not this file.
# This is the format of conda-lock (version 1): `conda-lock install` takes it as well.
"""


def lock_text(lock: CondaLock) -> str:
    """Return the text of the lock; the same lock gives the same bytes.

    Raises:
        InputError: The format cannot hold it, or a URL carries a secret.
    """
    problem = content_problem(lock)
    if problem is not None:
        raise problem
    digest = packages_digest(lock)
    lines = [f"{_HEADER}version: {FORMAT_VERSION}", "metadata:", "  content_hash:"]
    lines += [
        f"    {scalar(subdir)}: {scalar(_content_hash(lock, subdir, digest))}"
        for subdir in _subdirs(lock)
    ]
    lines.append("  channels:" if lock.channels else "  channels: []")
    for channel in lock.channels:
        rules.require_clean(channel, "a channel")
        lines += [f"  - url: {scalar(channel)}", "    used_env_vars: []"]
    lines += _list("platforms", _subdirs(lock))
    lines += _list("sources", lock.sources)
    if facts := facts_lines(lock, digest):
        lines += ["  custom_metadata:", f"    {KEY}: |-"]
        lines += [f"      {line}" for line in facts]
    rows = [*_conda_rows(lock), *_pypi_rows(lock)]
    lines.append("package:" if rows else "package: []")
    lines += rows
    lines.append("")
    return "\n".join(lines)


def packages_digest(lock: CondaLock) -> str:
    """Return the digest of what the lock would install, independent of how the file is laid out.

    What is only known besides (sizes, licences, record details, `content_hash`) is left out.
    """
    return digest_document(
        {
            "schema": PACKAGES_SCHEMA,
            "channels": lock.channels,
            "platforms": sorted(str(platform) for platform in lock.platforms),
            "virtual-packages": {k: sorted(v) for k, v in lock.virtual_packages.items()},
            "conda": sorted(_conda_value(row) for row in lock.conda),
            "pypi": sorted(_pypi_value(row) for row in lock.pypi),
        }
    )


def _conda_value(row: CondaRow) -> list[object]:
    package = row.package
    return [
        package.name,
        row.platform.subdir,
        package.version,
        package.build,
        package.url,
        package.md5 or "",
        package.sha256 or "",
        list(join_categories(row.categories, ())),
        [list(pair) for pair in dependency_table(package.depends).items()],
    ]


def _pypi_value(row: PypiRow) -> list[object]:
    return [
        row.name,
        row.platform.subdir,
        row.version,
        row.url,
        row.sha256 or "",
        list(join_categories(row.categories, ())),
        sorted(list(pair) for pair in row.dependencies),
    ]


def _conda_rows(lock: CondaLock) -> Iterator[str]:
    tables: dict[tuple[str, ...], str] = {}
    for row in sorted(lock.conda, key=lambda row: (row.package.name, row.platform.subdir)):
        package = row.package
        _require_conda(package)
        table = tables.get(package.depends)
        if table is None:
            table = tables[package.depends] = _table(dependency_table(package.depends))
        # The middle of the row has nothing that needs quotes: `_require_conda` saw to it.
        yield from _with_categories(
            f"- name: {scalar(package.name)}\n"
            f"  version: {scalar(package.version)}\n"
            "  manager: conda\n"
            f"  platform: {row.platform.subdir}\n"
            f"  dependencies:{table}\n"
            f"  url: {scalar(package.url)}\n"
            f"  hash:{_hashes(package.md5, package.sha256)}",
            row.categories,
        )


def _pypi_rows(lock: CondaLock) -> Iterator[str]:
    for row in sorted(lock.pypi, key=lambda row: (row.name, row.platform.subdir)):
        url = _require_pypi(row)
        source = "" if row.sha256 else f"\n  source:\n    type: url\n    url: {scalar(url)}"
        yield from _with_categories(
            f"- name: {scalar(row.name)}\n"
            f"  version: {scalar(row.version)}\n"
            "  manager: pip\n"
            f"  platform: {row.platform.subdir}\n"
            f"  dependencies:{_table(dict(sorted(row.dependencies)))}\n"
            f"  url: {scalar(url)}\n"
            f"  hash:{_hashes(None, row.sha256)}{source}",
            row.categories,
        )


def _with_categories(row: str, categories: Sequence[str]) -> Iterator[str]:
    """Yield the row once for each category: the format has room for one in a row."""
    for category in join_categories(categories, ()):
        optional = "false" if category == "main" else "true"
        yield f"{row}\n  category: {scalar(category)}\n  optional: {optional}"


def _table(values: Mapping[str, str]) -> str:
    if not values:
        return " {}"
    return "".join(f"\n    {scalar(name)}: {scalar(spec)}" for name, spec in values.items())


def _hashes(md5: str | None, sha256: str | None) -> str:
    pairs = (("md5", md5), ("sha256", sha256))
    return _table({name: value for name, value in pairs if value is not None})


def _list(name: str, values: Sequence[str]) -> list[str]:
    if not values:
        return [f"  {name}: []"]
    return [f"  {name}:", *(f"  - {scalar(value)}" for value in values)]


def _subdirs(lock: CondaLock) -> list[str]:
    return sorted(platform.subdir for platform in lock.platforms)


def _content_hash(lock: CondaLock, subdir: str, digest: str) -> str:
    """Return 64 hex digits that change with the inputs; conda-lock only compares them."""
    known = lock.content_hashes.get(subdir)
    if known is not None:
        return known
    made_from = inputs_digest(lock.facts.inputs) if lock.facts else digest
    document = {"schema": _HASH_SCHEMA, "made-from": made_from, "platform": subdir}
    return digest_document(document).removeprefix("sha256:")


def content_problem(lock: CondaLock) -> InputError | None:
    """Return why no format with one place for each conda subdir can hold the lock, or None."""
    subdirs = _subdirs(lock)
    for one, other in pairwise(subdirs):
        if one == other:
            return InputError(
                f"there is one place for {one} in the lock, and two platforms of that name",
                hint="declare one platform for each conda subdir",
            )
    names = [(row.package.name, row.platform) for row in lock.conda]
    for name, platform in [*names, *((row.name, row.platform) for row in lock.pypi)]:
        if platform.subdir not in subdirs:
            return InputError(f"{name} is for {platform}, which the lock is not for")
    return None


def _require_conda(package: CondaPackage) -> None:
    rules.require_clean(package.url, package.name)
    try:
        url = rules.archive_url("url", package.url)
        rules.package_name("name", package.name)
        rules.version("version", package.version)
    except Refused as refused:
        raise InputError(f"{package.name}: {refused.message}", hint=refused.hint) from refused
    if rules.build_of(url.stem, package.name, package.version) != package.build:
        raise InputError(
            f"the file {package.file_name} is not named after {package.name} {package.version} "
            f"{package.build}",
            hint="a conda-lock.yml could not be installed with it",
        )
    if package.md5 is None:
        raise InputError(
            f"{package.name} {package.version} has no md5, which conda-lock.yml must have",
            hint="the channel's repodata does not name it; index the channel again",
        )


def _require_pypi(row: PypiRow) -> str:
    rules.require_clean(row.url, row.name)
    try:
        return rules.artifact_url("url", row.url)
    except Refused as refused:
        raise InputError(f"{row.name}: {refused.message}", hint=refused.hint) from refused
