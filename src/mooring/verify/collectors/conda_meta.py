"""Records of conda packages in `conda-meta`, as conda, mamba and rattler write them."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from packaging.utils import canonicalize_name

from mooring.artifacts.record import NoIdentity, paths_id
from mooring.urls import strip_credentials
from mooring.verify.collectors.layout import Tree, UnreadableError
from mooring.verify.conda_inventory import CondaInstalled, RowKind

META_FOLDER = "conda-meta"
RECORD_LIMIT = 256 << 20
MOST_RECORDS = 20_000
MOST_ROWS = 2_000_000

_HEX = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"(?<=/)t/[^/]+/")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INFO = re.compile(r"site-packages/([A-Za-z0-9][A-Za-z0-9._]*)-[^/]+\.(?:dist|egg)-info(?:/|$)")
_MINOR = re.compile(r"3\.\d{1,2}")
_ENTRY = ("unix_python_entry_point", "windows_python_entry_point_script")
_ENTRY_PROGRAM = "windows_python_entry_point_exe"


class CondaRow(NamedTuple):
    """One row; a tuple, because a prefix has tens of thousands.

    Attributes:
        path: Where the file is, relative to the prefix; None when it must not be looked at.
        named: The path as the record has it.
        recorded: `sha256:<hex>` that the content must have.
    """

    path: str | None
    named: str
    kind: RowKind
    recorded: str | None
    packaged: str | None
    recorded_link: str | None
    size: int | None
    replaced: bool
    owner_path: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedPackage:
    """A package as its record describes it, and the files still to be looked at.

    Attributes:
        owned: Every path that belongs to it, also those without a row to look at.
    """

    package: CondaInstalled
    rows: tuple[CondaRow, ...] = ()
    owned: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Places:
    """Where the files of `noarch: python` packages are."""

    site: str
    scripts: str


def read_records(tree: Tree) -> tuple[DescribedPackage, ...]:
    """Read every record of a prefix, by name."""
    names = [name for name in tree.names(META_FOLDER) if name.endswith(".json")][:MOST_RECORDS]
    read = [(name, _read(tree, f"{META_FOLDER}/{name}")) for name in names]
    places = _places([data for _, data in read if isinstance(data, dict)])
    return tuple(_described(f"{META_FOLDER}/{name}", data, places) for name, data in read)


def _read(tree: Tree, path: str) -> dict[str, object] | str:
    """Return a record, or why there is none."""
    try:
        data = tree.read(path, RECORD_LIMIT + 1)
        if data is None or len(data) > RECORD_LIMIT:
            return "its record is too large" if data else "its record is gone"
        record = json.loads(data)
    except UnreadableError as error:
        return f"its record cannot be read: {error.message}"
    except (ValueError, RecursionError):
        return "its record is no JSON"
    if not isinstance(record, dict) or not _text(record, "name"):
        return "its record names no package"
    return record


def _places(records: Sequence[Mapping[str, object]]) -> _Places:
    """Return where the prefix's Python has its packages (CEP 17), and where programs are."""
    python = next((record for record in records if record.get("name") == "python"), {})
    windows = _text(python, "subdir").startswith("win-")
    minor = _MINOR.match(_text(python, "version"))
    own = _relative(_text(python, "python_site_packages_path"))
    if own is None:
        threaded = "t" if re.search(r"_cp\d+t$", _text(python, "build")) else ""
        own = f"lib/python{minor[0] if minor else '3'}{threaded}/site-packages"
        own = "Lib/site-packages" if windows else own
    return _Places(site=own, scripts="Scripts" if windows else "bin")


def _described(path: str, record: dict[str, object] | str, places: _Places) -> DescribedPackage:
    if isinstance(record, str):
        stem = posixpath.basename(path).removesuffix(".json")
        name, _, rest = stem.rpartition("-")[0].rpartition("-")
        package = CondaInstalled(
            name=name or stem, version=rest, build="", subdir="", record=path, problem=record
        )
        return DescribedPackage(package=package)
    noarch = record.get("noarch") == "python"
    data = record.get("paths_data")
    listed = data.get("paths") if isinstance(data, dict) else None
    found = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    found = found[:MOST_ROWS]
    rows, owned = _rows(found, places if noarch else None)
    files = record.get("files")
    names = [each for each in files if isinstance(each, str)] if isinstance(files, list) else []
    if found:
        known = {row.named for row in rows} | set(owned)
        rows += [_listed(name) for name in names if _is_unlisted(name, known)]
    owned += [place for name in names if (place := _relative(name)) is not None]
    package = _package(path, record, noarch, problem=None)
    unchecked = bool(names) and not found
    return DescribedPackage(
        package=replace(
            package,
            paths_id=_identity(found, noarch),
            distributions=tuple(sorted(_distributions([*owned, *(r.path or "" for r in rows)]))),
            problem="its record has no digests of its files" if unchecked else None,
        ),
        rows=tuple(rows),
        owned=tuple(owned),
    )


def _package(
    path: str, record: Mapping[str, object], noarch: bool, *, problem: str | None
) -> CondaInstalled:
    return CondaInstalled(
        name=_text(record, "name").lower(),
        version=_text(record, "version"),
        build=_text(record, "build") or _text(record, "build_string"),
        subdir=_text(record, "subdir"),
        record=path,
        channel=_public(_text(record, "channel")),
        url=_public(_text(record, "url")),
        sha256=_text(record, "sha256").lower() or None,
        md5=_text(record, "md5").lower() or None,
        noarch_python=noarch,
        problem=problem,
    )


def _rows(
    found: Sequence[Mapping[str, object]], places: _Places | None
) -> tuple[list[CondaRow], list[str]]:
    """Return the rows to look at, and the paths of the others: folders and compiled files."""
    rows: list[CondaRow] = []
    owned: list[str] = []
    for row in found:
        named = _text(row, "_path")
        kind = row.get("path_type") or "hardlink"
        path = _relative(_mapped(named, places) if places else named)
        if kind in ("hardlink", "softlink") or kind in _ENTRY or kind == _ENTRY_PROGRAM:
            rows.append(_row(row, path, str(kind)))
        elif path is not None:
            owned.append(path)
    return rows, owned


def _row(row: Mapping[str, object], path: str | None, kind: str) -> CondaRow:
    packaged, inside = _digest(row, "sha256"), _digest(row, "sha256_in_prefix")
    replaced = bool(row.get("prefix_placeholder"))
    size = row.get("size_in_bytes")
    link = kind == "softlink"
    entry = kind in _ENTRY or kind == _ENTRY_PROGRAM
    return CondaRow(
        path=path,
        named=path or _text(row, "_path"),
        kind="link" if link else "entry" if entry and packaged is None else "file",
        # A digest that the installer took of its own copy counts only where it had to change it.
        recorded=inside if replaced and not link else packaged,
        packaged=packaged,
        recorded_link=inside if link else None,
        size=size if isinstance(size, int) and not (replaced or link or entry) else None,
        replaced=replaced,
        owner_path=_relative(_text(row, "original_path")),
    )


def _listed(name: str) -> CondaRow:
    return CondaRow(_relative(name), name, "listed", None, None, None, None, False, None)


def _is_unlisted(name: str, known: set[str]) -> bool:
    return (
        name not in known
        and not name.endswith((".pyc", ".pyo"))
        and posixpath.normpath(name) not in known
    )


def _mapped(path: str, places: _Places) -> str:
    """Return where a file of a `noarch: python` package is; rattler writes that already."""
    if path.startswith("site-packages/"):
        return f"{places.site}/{path.removeprefix('site-packages/')}"
    if path.startswith("python-scripts/"):
        return f"{places.scripts}/{path.removeprefix('python-scripts/')}"
    return path


def _relative(path: str) -> str | None:
    """Return a path in normal form, None when it is none or leaves the prefix."""
    if not path or (not path.isprintable() and _CONTROL.search(path)):
        return None
    path = path.replace("\\", "/")
    if "//" in path or "/." in path or path.startswith(("/", ".")) or path.endswith("/"):
        path = posixpath.normpath(path)
        if path.startswith(("/", "../")) or path in (".", ".."):
            return None
    return None if re.match(r"[A-Za-z]:", path) else path


def _identity(rows: Sequence[Mapping[str, object]], noarch: bool) -> str | None:
    try:
        return paths_id(rows, noarch_python=noarch)
    except NoIdentity:
        return None


def _distributions(paths: Sequence[str]) -> Iterator[str]:
    for name in {match[1] for path in paths if (match := _INFO.search(path))}:
        yield canonicalize_name(name)


def _digest(row: Mapping[str, object], key: str) -> str | None:
    value = row.get(key)
    return f"sha256:{value}" if isinstance(value, str) and _HEX.fullmatch(value) else None


def _text(record: Mapping[str, object], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _public(url: str) -> str:
    try:
        return _TOKEN.sub("", strip_credentials(url))
    except ValueError:
        return ""
