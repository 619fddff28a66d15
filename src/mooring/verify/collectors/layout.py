"""Where an environment keeps its packages, found by the names of its folders alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from mooring.errors import MooringError
from mooring.verify.inventory import Interpreter

CONFIG_NAME = "pyvenv.cfg"
CONFIG_LIMIT = 64 << 10

_LIBRARIES = ("local/lib", "local/lib64", "lib", "lib64")
_PYTHON_FOLDER = re.compile(r"(?P<kind>python|pypy)(?P<version>\d+(?:\.\d+)?)t?")
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")
_WINDOWS_SITE = "Lib/site-packages"
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")
_PY_VERSION = re.compile(rb'^\s*#\s*define\s+PY_VERSION\s+"(\d+\.\d+\.\d+)', re.MULTILINE)


class UnreadableError(MooringError):
    """A file of the target is there and cannot be read; the message says why."""


class Walked(NamedTuple):
    """One file below a folder; a tuple, because an environment has tens of thousands.

    Attributes:
        folder: Its folder, relative to the root.
        kind: `unexamined` where the walk could not go on.
        problem: Why it could not.
    """

    folder: str
    name: str
    kind: Literal["file", "link", "other", "unexamined"] = "file"
    problem: str | None = None


class Tree(Protocol):
    """The files of one environment; every path is relative to its root, with `/`."""

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder; none when it is absent or leaves the root."""

    def identity(self, folder: str) -> str | None:
        """Return one value for all names of the same folder, None when there is no such folder."""

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the first `limit` bytes of a regular file, None when it is absent.

        Raises:
            UnreadableError: It is not a regular file, leaves the root, or may not be read.
        """

    def link(self, path: str) -> str | None:
        """Return the text of a symbolic link, None when it is none."""

    def walk(self, folder: str, *, below: bool = True) -> Iterator[Walked]:
        """Yield what is in a folder and, if wanted, below it; links are not followed."""

    def inside(self, path: str) -> str | None:
        """Return a path behind the links of its folders, relative to the root; None outside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The interpreter of an environment and the folders its packages are in.

    Attributes:
        config: The keys of pyvenv.cfg, lower case; None where there is no such file.
    """

    interpreter: Interpreter
    sites: tuple[str, ...]
    config: Mapping[str, str] | None = None


def find_layout(tree: Tree) -> Layout:
    """Find the package folders that the environment's Python sees; empty where there are none."""
    config = _config(tree)
    configured = _configured(config or {})
    sites = _sites(tree)
    minor = _minor(configured.version) or _linked_minor(tree) or _newest(sites)
    seen = {site: version for site, version in sites.items() if version in (None, minor)}
    if not seen:
        # The configuration names another Python than the folders: what is there is looked at.
        seen, minor = sites, _newest(sites)
    version = configured.version
    if version is None and minor is not None:
        version = _header_version(tree, minor) or minor
    implementation = configured.implementation
    if implementation is None and any("/pypy" in site for site in seen):
        implementation = "pypy"
    return Layout(
        interpreter=Interpreter(version=version, implementation=implementation),
        sites=tuple(seen),
        config=config,
    )


def without_packages(tree: Tree) -> str | None:
    """Return the folder of a Python that has no package folder at all, None where there is none."""
    return next(
        (
            f"{library}/{name}"
            for library in _LIBRARIES
            for name in tree.names(library)
            if (match := _PYTHON_FOLDER.fullmatch(name)) and "." in match["version"]
        ),
        None,
    )


def _config(tree: Tree) -> Mapping[str, str] | None:
    """Read `pyvenv.cfg`, None where there is none."""
    try:
        data = tree.read(CONFIG_NAME, CONFIG_LIMIT)
    except UnreadableError:
        return None
    if data is None:
        return None
    values = {}
    for line in data.decode("utf-8", "replace").splitlines():
        key, equals, value = line.partition("=")
        if equals:
            values[key.strip().lower()] = value.strip()
    return values


def _configured(values: Mapping[str, str]) -> Interpreter:
    """Read what the venv module (`version`), uv and virtualenv (`version_info`) write."""
    version = _VERSION.match(values.get("version_info") or values.get("version") or "")
    implementation = values.get("implementation", "").lower()
    return Interpreter(
        version=version[0] if version else None,
        implementation=implementation if implementation.isalnum() else None,
    )


def _sites(tree: Tree) -> dict[str, str | None]:
    """Return each package folder once, with the X.Y in its path when there is one."""
    found: dict[str, str | None] = {}
    known: set[str] = set()
    for site, version in (*_candidates(tree), (_WINDOWS_SITE, None)):
        identity = tree.identity(site)
        if identity is not None and identity not in known:
            known.add(identity)
            found[site] = version
    return found


def _candidates(tree: Tree) -> list[tuple[str, str | None]]:
    return [
        (f"{library}/{name}/{packages}", match["version"] if "." in match["version"] else None)
        for library in _LIBRARIES
        for name in tree.names(library)
        if (match := _PYTHON_FOLDER.fullmatch(name))
        for packages in _PACKAGE_FOLDERS
    ]


def _linked_minor(tree: Tree) -> str | None:
    """Return the X.Y that `bin/python3` of a prefix stands for, such as a link to `python3.12`."""
    for name in ("bin/python3", "bin/python"):
        match = _PYTHON_FOLDER.fullmatch((tree.link(name) or "").rpartition("/")[2])
        if match and "." in match["version"]:
            return match["version"]
    return None


def _header_version(tree: Tree, minor: str) -> str | None:
    """Return X.Y.Z out of the C headers of a whole Python installation."""
    try:
        text = tree.read(f"include/python{minor}/patchlevel.h", CONFIG_LIMIT) or b""
    except UnreadableError:
        return None
    match = _PY_VERSION.search(text)
    return match[1].decode() if match and _minor(match[1].decode()) == minor else None


def _minor(version: str | None) -> str | None:
    return ".".join(version.split(".")[:2]) if version else None


def _newest(sites: dict[str, str | None]) -> str | None:
    versions = {version for version in sites.values() if version}
    return max(versions, key=lambda v: tuple(map(int, v.split("."))), default=None)
