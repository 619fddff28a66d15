"""What the metadata folders of an environment say: `*.dist-info`, `*.egg-info`, `*.egg-link`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mooring.verify.collectors.layout import Tree, UnreadableError
from mooring.verify.collectors.record import RECORD_LIMIT, Record, RecordError, parse_record
from mooring.verify.inventory import Distribution

KEPT_FILES = (
    "METADATA",
    "WHEEL",
    "RECORD",
    "INSTALLER",
    "direct_url.json",
    "entry_points.txt",
    "top_level.txt",
)
SMALL_LIMIT = 64 << 10

_HEADERS_LIMIT = 4 << 10
_ALL_HEADERS_LIMIT = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_INFO = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?)(?:-(?P<version>[^-]+))?(?:-[^-]+)?"
    r"\.(?:dist-info|egg-info)"
)
_FIELD = re.compile(rb"^(Name|Version):(.*)$", re.MULTILINE)
_LEGACY = (".egg-info", ".egg-link")


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """A distribution as its metadata describes it, and the files still to be looked at."""

    distribution: Distribution
    rows: Record = field(default_factory=Record)


def describe_sites(
    tree: Tree, sites: Sequence[str], root: str | None, *, records: bool = True
) -> tuple[tuple[Described, ...], tuple[str, ...]]:
    """Read all metadata of an environment.

    Args:
        tree: The environment.
        sites: Its package folders.
        root: See `describe`.
        records: See `describe`.

    Returns:
        The distributions, and the metadata folders that name none.
    """
    described = []
    leftovers = []
    for site in sites:
        for name in filter(is_metadata, tree.names(site)):
            found = describe(tree, site, name, root, records=records)
            if found is None:
                leftovers.append(f"{site}/{name}")
            else:
                described.append(found)
    return tuple(described), tuple(leftovers)


def is_metadata(name: str) -> bool:
    """Whether a name in a package folder is that of metadata."""
    return name.endswith((".dist-info", *_LEGACY))


def describe(
    tree: Tree, site: str, info: str, root: str | None, *, records: bool = True
) -> Described | None:
    """Read one metadata folder; None when it names no distribution (pip's `~name` leftovers).

    Args:
        tree: The environment.
        site: The package folder, relative to the root.
        info: The metadata folder's name in it.
        root: Absolute path of the environment where it runs, if it is known.
        records: Whether RECORD is read; otherwise it only has to be there.
    """
    if info.endswith(_LEGACY):
        return _legacy(tree, site, info)
    named = _INFO.fullmatch(info)
    if named is None:
        return None
    folder = f"{site}/{info}"

    def text(name: str) -> str:
        return _text(tree, f"{folder}/{name}") if name in present else ""

    name, version, problem = _named(tree, folder, named)
    present = frozenset(tree.names(folder) if not records else KEPT_FILES)
    if records:
        rows, record_problem = _rows(tree, folder, site, root)
    elif "RECORD" in present:
        rows, record_problem = Record(), None
    else:
        rows, record_problem = None, "it has no RECORD"
    return Described(
        distribution=Distribution(
            name=name,
            version=version,
            site=site,
            info=info,
            installer=text("INSTALLER").strip() or None,
            tags=_tags(text("WHEEL")),
            direct_url=text("direct_url.json") or None,
            has_record=rows is not None,
            problem=problem or record_problem,
        ),
        rows=rows or Record(),
    )


def _named(tree: Tree, folder: str, named: re.Match[str]) -> tuple[str, str, str | None]:
    """Return name, version and problem; what METADATA does not say, the folder's name says."""
    problem = "METADATA has no valid Name and Version"
    try:
        found = _name_and_version(tree, f"{folder}/METADATA")
        if found is None:
            problem = "it has no METADATA"
        elif _NAME.fullmatch(found[0]) and _VERSION.fullmatch(found[1]):
            return *found, None
    except UnreadableError as error:
        problem = f"its METADATA cannot be read: {error.message}"
    return named["name"], named["version"] or "", problem


def _rows(tree: Tree, folder: str, site: str, root: str | None) -> tuple[Record | None, str | None]:
    """Return the rows of RECORD, or None and why there are none."""
    try:
        record = tree.read(f"{folder}/RECORD", RECORD_LIMIT + 1)
        if record is None:
            return None, "it has no RECORD"
        return parse_record(record, site, root), None
    except UnreadableError as error:
        return None, f"its RECORD cannot be read: {error.message}"
    except RecordError as error:
        return None, str(error)


def _legacy(tree: Tree, site: str, info: str) -> Described | None:
    """Describe what setuptools or a system's packager installed without a RECORD."""
    name, version = info.rpartition(".")[0], ""
    if named := _INFO.fullmatch(info):
        name, version = named["name"], named["version"] or ""
    try:
        found = _name_and_version(tree, f"{site}/{info}/PKG-INFO") or _name_and_version(
            tree, f"{site}/{info}"
        )
    except UnreadableError:
        found = None
    if found and _NAME.fullmatch(found[0]) and _VERSION.fullmatch(found[1]):
        name, version = found
    if not _NAME.fullmatch(name):
        return None
    kind = "an old editable install" if info.endswith(".egg-link") else "an egg-info"
    return Described(
        distribution=Distribution(
            name=name,
            version=version,
            site=site,
            info=info,
            has_record=False,
            problem=f"it is {kind}, which records no digests",
        )
    )


def _name_and_version(tree: Tree, path: str) -> tuple[str, str] | None:
    """Return Name and Version, which stand in the first KiB of nearly every METADATA."""
    for limit in (_HEADERS_LIMIT, _ALL_HEADERS_LIMIT):
        data = tree.read(path, limit)
        if data is None:
            return None
        headers, blank, _ = data.replace(b"\r\n", b"\n").partition(b"\n\n")
        found: dict[str, str] = {}
        for key, value in _FIELD.findall(headers):
            found.setdefault(key.decode("ascii"), value.decode("utf-8", "replace").strip())
        if len(found) == 2 or blank or len(data) < limit:
            break
    return found.get("Name", ""), found.get("Version", "")


def _tags(wheel: str) -> tuple[str, ...]:
    return tuple(
        line.partition(":")[2].strip()
        for line in wheel.splitlines()
        if line.lower().startswith("tag:")
    )


def _text(tree: Tree, path: str) -> str:
    """Return a small file's text, empty when it is absent or cannot be read."""
    try:
        return (tree.read(path, SMALL_LIMIT) or b"").decode("utf-8", "replace")
    except UnreadableError:
        return ""
