"""From the rows of a conda-lock.yml to packages; every writer's rows, checked one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mooring.digests import DIGEST_PATTERN
from mooring.errors import InputError, Problem
from mooring.lock.conda import CondaPackage, CondaRow, PypiRow
from mooring.lock.formats import conda_rules as rules
from mooring.lock.formats.pylock_rules import Refused, plain_text, shown
from mooring.lock.formats.yaml_data import NotText, Table
from mooring.platforms import Platform

MOST_PROBLEMS = 50
"""Problems after which reading ends: a file of noise is not told in full."""

_PYPI_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SEPARATORS = re.compile(r"[-_.]+")
_CONDA_DEPENDENCY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PYPI_DEPENDENCY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\[[A-Za-z0-9_.,\- ]*\])?")
_MAX_SIZE = 1 << 53
_NOARCH = ("python", "generic")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """The rows of a file by name and platform, those of one package on one platform joined."""

    conda: tuple[CondaRow, ...]
    pypi: tuple[PypiRow, ...]


class RowReader:
    """Reads rows one after the other; what is wrong is collected."""

    def __init__(self, where: str, platforms: Mapping[str, Platform]) -> None:
        self._where = where
        self._platforms = platforms
        self._conda: dict[tuple[str, str], CondaRow] = {}
        self._pypi: dict[tuple[str, str], PypiRow] = {}
        self.problems: list[Problem] = []

    def read(self, rows: Iterable[object]) -> Rows:
        """Return all rows that can be used; `problems` tells of the others."""
        for number, row in enumerate(rows):
            if len(self.problems) >= MOST_PROBLEMS:
                break
            try:
                if not isinstance(row, Table):
                    raise Refused("", "a table is expected")
                self._row(row)
            except Refused as refused:
                line = f":{row.line}" if isinstance(row, Table) else ""
                key = f"package[{number}]" + (f".{refused.key}" if refused.key else "")
                name = row.get("name") if isinstance(row, Table) else None
                of = f" (package {name})" if isinstance(name, str) and name.isprintable() else ""
                where = f"{self._where}{line}: {key}"
                message = f"{refused.message}{of[:80]}"
                self.problems.append(Problem(where=where, message=message, hint=refused.hint))
        return Rows(
            conda=tuple(self._conda[key] for key in sorted(self._conda)),
            pypi=tuple(self._pypi[key] for key in sorted(self._pypi)),
        )

    def _row(self, row: Table) -> None:
        manager = text(row, "manager")
        subdir = text(row, "platform")
        platform = self._platforms.get(subdir)
        if platform is None:
            raise Refused("platform", f"{shown(subdir)} is none of metadata.platforms")
        categories = (rules.category("category", optional_text(row, "category") or "main"),)
        if manager == "conda":
            if text(row, "name").startswith("__"):
                return  # a virtual package describes the machine; some writers list them
            package = conda_package(row, subdir)
            self._add_conda(CondaRow(package=package, platform=platform, categories=categories))
        elif manager == "pip":
            self._add_pypi(_pypi_row(row, platform, categories))
        else:
            raise Refused("manager", f"{shown(manager)} is neither conda nor pip")

    def _add_conda(self, row: CondaRow) -> None:
        key = row.package.name, row.platform.subdir
        known = self._conda.setdefault(key, row)
        if known is not row:
            if known.package != row.package:
                raise _twice(row.package.name)
            both = join_categories(known.categories, row.categories)
            self._conda[key] = replace(known, categories=both)

    def _add_pypi(self, row: PypiRow) -> None:
        key = row.name, row.platform.subdir
        known = self._pypi.setdefault(key, row)
        if known is not row:
            if replace(known, categories=row.categories) != row:
                raise _twice(row.name)
            both = join_categories(known.categories, row.categories)
            self._pypi[key] = replace(known, categories=both)


def join_categories(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    """Return the categories of both; what is always installed needs no other category."""
    both = {*one, *other}
    return ("main",) if "main" in both else tuple(sorted(both))


def conda_package(row: Table, subdir: str) -> CondaPackage:
    """Return the package of one row.

    Args:
        row: The row of any writer; pixi's first format has more keys than conda-lock's.
        subdir: The platform that the row is for.

    Raises:
        Refused: A value breaks a rule.
    """
    name = rules.package_name("name", text(row, "name"))
    version = rules.version("version", text(row, "version"))
    url = rules.archive_url("url", text(row, "url"))
    if url.subdir not in (subdir, "noarch"):
        raise Refused("url", f"a package for {url.subdir} in a row for {subdir}")
    build = rules.build_of(url.stem, name, version)
    if build is None or optional_text(row, "build") not in (None, build):
        raise Refused(
            "url", f"{shown(url.stem)} is the file of another package, version or build than named"
        )
    md5, sha256 = _hashes(row)
    if md5 is None and sha256 is None:
        raise Refused("hash", "neither md5 nor sha256 is given", "lock again")
    number = number_of(row, "build_number")
    return CondaPackage(
        name=name,
        version=version,
        build=build,
        subdir=url.subdir,
        channel=url.channel,
        url=url.url,
        md5=md5,
        sha256=sha256,
        size=number_of(row, "size"),
        build_number=rules.build_number(build) if number is None else number,
        depends=_depends(row),
        constrains=texts(row, "constrains"),
        license=optional_text(row, "license"),
        noarch=_noarch(row),
        timestamp=number_of(row, "timestamp"),
        purls=texts(row, "purls"),
        paths_id=_paths_id(row),
    )


def _pypi_row(row: Table, platform: Platform, categories: tuple[str, ...]) -> PypiRow:
    name = text(row, "name")
    if _PYPI_NAME.fullmatch(name) is None:
        raise Refused("name", f"{shown(name)} is not the name of a PyPI package")
    url = _source_url(row) or text(row, "url")
    _, sha256 = _hashes(row)
    dependencies = row.get("dependencies") or {}
    if not isinstance(dependencies, dict):
        raise Refused("dependencies", "a table is expected")
    return PypiRow(
        name=normal_name(name),
        version=plain_text("version", text(row, "version")),
        platform=platform,
        url=rules.artifact_url("url", url),
        categories=categories,
        sha256=sha256,
        dependencies=tuple(sorted(_pairs(dependencies, _PYPI_DEPENDENCY))),
    )


def _source_url(row: Table) -> str | None:
    """Return the URL that was asked for; conda-lock installs that one, where there is one."""
    source = row.get("source")
    if not isinstance(source, Table):
        return None
    url = source.get("url")
    return url if isinstance(url, str) and source.get("type") == "url" else None


def normal_name(name: str) -> str:
    """Return the normalised name of a PyPI package (PEP 503)."""
    return name if name.isalnum() and name.islower() else _SEPARATORS.sub("-", name).lower()


def _hashes(row: Table) -> tuple[str | None, str | None]:
    table = row.get("hash")
    if table is None:
        return None, None
    if not isinstance(table, dict):
        raise Refused("hash", "a table is expected")
    md5, sha256 = table.get("md5"), table.get("sha256")
    return (
        rules.digest("hash.md5", "md5", text(table, "md5", "hash.md5")) if md5 else None,
        rules.digest("hash.sha256", "sha256", text(table, "sha256", "hash.sha256"))
        if sha256
        else None,
    )


def _depends(row: Table) -> tuple[str, ...]:
    value = row.get("dependencies")
    if value is None:
        return ()
    if isinstance(value, list):  # as pixi wrote them, and as a record has them
        return texts(row, "dependencies")
    if not isinstance(value, dict):
        raise Refused("dependencies", "a table is expected")
    pairs = _pairs(value, _CONDA_DEPENDENCY)
    return tuple(sorted(f"{name} {spec}" if spec else name for name, spec in pairs))


def _pairs(table: Mapping[str, object], names: re.Pattern[str]) -> list[tuple[str, str]]:
    found = []
    for name, value in table.items():
        key = "dependencies"
        if names.fullmatch(name) is None:
            raise Refused(key, f"{shown(name)} is not the name of a package")
        # Both an empty text and nothing stand for any version.
        spec = text(table, name, f"{key}.{name}") if value not in ("", None) else ""
        found.append((name, spec.strip()))
    return found


def _noarch(row: Table) -> str | None:
    value = optional_text(row, "noarch")
    if value not in (None, *_NOARCH):
        raise Refused("noarch", f"{shown(value)} is neither python nor generic")
    return value


def _paths_id(row: Table) -> str | None:
    value = optional_text(row, "paths_id")
    if value is not None and DIGEST_PATTERN.fullmatch(value) is None:
        raise Refused("paths_id", "a digest is written sha256:<64 hex digits>")
    return value


def text(table: Mapping[str, object], name: str, key: str | None = None) -> str:
    """Return a text of a table.

    Raises:
        Refused: It is missing, no text, or not on one line.
    """
    value = table.get(name)
    if isinstance(value, str) and value:
        return value if value.isprintable() else plain_text(key or name, value)
    if isinstance(value, (NotText, bool, int)):
        written = value.text if isinstance(value, NotText) else str(value)
        raise Refused(
            key or name, f"{shown(written)} is no text without quotes", "put it in quotes"
        )
    raise Refused(key or name, "missing" if value in (None, "") else "a text is expected")


def optional_text(table: Mapping[str, object], name: str) -> str | None:
    """Return a text of a table, or None where there is none."""
    return None if table.get(name) in (None, "") else text(table, name)


def number_of(table: Mapping[str, object], name: str) -> int | None:
    """Return a number of a table, or None where there is none."""
    value = table.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < _MAX_SIZE:
        raise Refused(name, "a number is expected")
    return value


def texts(table: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return a list of texts, empty where there is none."""
    value = table.get(name)
    if not value:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refused(name, "a list of texts is expected")
    return tuple(plain_text(name, item) for item in value)


def parse_platform(key: str, name: str) -> Platform:
    """Return the platform of a conda subdir.

    Raises:
        Refused: Mooring does not know it.
    """
    try:
        return Platform.parse(name)
    except InputError as error:
        raise Refused(key, error.message, error.hint) from error


def _twice(name: str) -> Refused:
    return Refused("", f"{name} is listed twice for one platform, with different files")
