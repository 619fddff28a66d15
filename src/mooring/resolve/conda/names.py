"""Which PyPI distributions are inside of a conda package.

What the package's own record says counts first (its purls), then a map of names. The map is a text
with one conda name a line, sorted:

    dask                     holds the distribution of the same name
    python=                  holds none
    pytorch=torch            holds another one, of the same version
    pyqt=~pyqt5,~pyqt5-sip   holds several, each with a version of its own

A package that neither knows holds the distribution of its name if it needs Python. The shipped map
can be replaced by a local file: such a text, or JSON `{"pytorch": ["torch"], "python": null}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import unquote

from mooring.errors import InputError
from mooring.files import read_text
from mooring.lock.conda import CondaPackage
from mooring.resolve.conda.reachability import dependency_name
from mooring.resolve.pypi.synthesise import normal_name

SHIPPED = "conda_pypi_names.txt"
HEADER = "# mooring.conda-names/1"

_PURL = re.compile(r"pkg:pypi/(?P<name>[^@?#/]+)(?:@(?P<version>[^?#]+))?")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?")
_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)")
_INSTALLERS = frozenset({"pip", "setuptools", "wheel"})
"""Some packages were seen with them inside by mistake; only their own packages hold them."""
_OWN_VERSION = "~"


@dataclass(frozen=True, kw_only=True, slots=True)
class Provided:
    """One distribution that a conda package brings.

    Attributes:
        name: Normalised (PEP 503).
        version: PEP 440; None when the conda package's version does not tell it.
    """

    name: str
    version: str | None
    package: CondaPackage


class CondaNames:
    """A map of conda names to the PyPI distributions inside."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = entries

    @classmethod
    def load(cls, path: Path | None = None) -> CondaNames:
        """Read the shipped map, or the file that replaces it.

        Raises:
            InputError: The file is no such map.
        """
        if path is None:
            text = resources.files(__package__ or "").joinpath(SHIPPED).read_text("utf-8")
            return cls(dict(_split(line) for line in text.splitlines() if line[:1] != "#"))
        return cls(_read(read_text(path), str(path)))

    def provided(self, packages: Iterable[CondaPackage]) -> dict[str, Provided]:
        """Return what the packages of one platform bring, by normalised name."""
        found: dict[str, Provided] = {}
        for package in packages:
            for each in self._inside(package):
                known = found.get(each.name)
                if known is None or _rank(each) < _rank(known):
                    found[each.name] = each
        return dict(sorted(found.items()))

    def conda_names(self) -> dict[str, tuple[str, ...]]:
        """Return PyPI names, and the conda packages of another name that hold them."""
        found: dict[str, tuple[str, ...]] = {}
        for conda, entry in self._entries.items():
            for name in entry.split(",") if entry else ():
                bare = name.lstrip(_OWN_VERSION)
                if bare != conda:
                    found[bare] = (*found.get(bare, ()), conda)
        return found

    def _inside(self, package: CondaPackage) -> Iterable[Provided]:
        if package.purls:
            for purl in package.purls:
                if match := _PURL.match(purl):
                    version = unquote(match["version"] or package.version)
                    yield _provided(unquote(match["name"]), version, package)
            return
        entry = self._entries.get(package.name)
        if entry is None:
            entry = normal_name(package.name) if needs_python(package) else ""
        for name in entry.split(",") if entry else ():
            bare = name.lstrip(_OWN_VERSION)
            yield _provided(bare, None if bare != name else package.version, package)


def needs_python(package: CondaPackage) -> bool:
    """Whether a conda package is one for Python."""
    return package.noarch == "python" or any(
        dependency_name(text) in ("python", "python_abi") for text in package.depends
    )


def compact(mapping: Mapping[str, object], date: str) -> str:
    """Return the text of a map from its JSON form.

    Of several names, those that are not the package's own have versions of their own.

    Args:
        mapping: Conda names to lists of PyPI names, or None.
        date: When the mapping was made.

    Raises:
        InputError: An entry is something else.
    """
    lines = []
    for conda in sorted(mapping):
        listed = mapping[conda]
        names = [] if listed is None else listed
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise InputError(f"the entry {conda!r} is not a list of names")
        inside = {normal_name(name) for name in names}
        own = normal_name(conda)
        inside = {name for name in inside if name == own or name not in _INSTALLERS}
        if inside == {conda}:
            lines.append(conda)
        elif own in inside or len(inside) < 2:
            first = [own] if own in inside else sorted(inside)
            rest = sorted(f"{_OWN_VERSION}{name}" for name in inside.difference(first))
            lines.append(f"{conda}={','.join(first + rest)}")
        else:
            marked = sorted(f"{_OWN_VERSION}{name}" for name in inside)
            lines.append(f"{conda}={','.join(marked)}")
    return "\n".join([f"{HEADER} {date}", *lines]) + "\n"


def _read(text: str, where: str) -> dict[str, str]:
    if text.lstrip().startswith("{"):
        try:
            mapping = json.loads(text)
            text = compact(mapping, "local")
        except (ValueError, InputError) as error:
            raise InputError(f"the map of names cannot be read: {error}", where=where) from error
    entries = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        conda, entry = _split(line.strip())
        names = [name.lstrip(_OWN_VERSION) for name in entry.split(",")] if entry else []
        if not all(_NAME.fullmatch(name) for name in (conda, *names)):
            raise InputError(
                f"{line.strip()[:80]!r} is not an entry of a map of names",
                where=f"{where}:{number}",
                hint="write `pytorch=torch`, or `python=` for a package without a distribution",
            )
        entries[conda] = entry
    return entries


def _split(line: str) -> tuple[str, str]:
    conda, mark, entry = line.partition("=")
    return (conda, entry) if mark else (conda, conda)


def _provided(name: str, version: str | None, package: CondaPackage) -> Provided:
    known = _pep440(version) if version else None
    return Provided(name=normal_name(name), version=known, package=package)


def _pep440(version: str) -> str | None:
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(version))
    except InvalidVersion:
        found = _RELEASE.match(version)
        return found[1] if found else None


def _rank(provided: Provided) -> tuple[bool, bool, int, str]:
    own = normal_name(provided.package.name) == provided.name
    name = provided.package.name
    return provided.version is None, not own, len(name), name
