"""The two digests that say which artifact is installed, without hashing a file of it.

Both definitions are frozen (docs/reference/record-id.md): another result for the same rows is a
new header line and a changelog entry.
"""

from __future__ import annotations

import binascii
import csv
import io
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from mooring.digests import digest_bytes

RECORD_HEADER = "mooring.record/1"
PATHS_HEADER = "mooring.paths/1"

_LINK = "link"
_MOST_SHOWN = 120
_OWN_FILES = ("METADATA", "WHEEL", "entry_points.txt", "top_level.txt")
_OWN_FOLDERS = ("licenses/", "sboms/")
_DATA_KEPT = ("purelib", "platlib")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEX = re.compile(r"[0-9a-f]*")
_DRIVE = re.compile(r"[A-Za-z]:")
# Written the way a prefix has it: a folder of another shape may be a flat `--target` layout, into
# which installers put scripts and data beside the packages.
_LIBRARY = re.compile(
    r"(?:.*/)?(?:(?:lib|lib64)/(?:python|pypy)\d+(?:\.\d+)?t?/(?:site|dist)-packages"
    r"|Lib/site-packages)"
)
_LIB = re.compile(r"(?<![^/])lib(64)?(?=/(?:python|pypy)[^/]*/(?:site|dist)-packages$)")
_NOARCH_SITE = re.compile(r"^(?:lib/(?:python|pypy)\d+\.\d+t?|Lib)/site-packages/")
_NOARCH_SCRIPTS = re.compile(r"^(?:bin|Scripts)/")

Lines = Mapping[str, str]
"""The body of a document: path to 64 hex digits, or to the word `link`."""


class NoIdentity(Exception):
    """The rows have no id; the text says why."""


def wheel_record_id(record: bytes, info: str) -> str:
    """Return the record id of a wheel as `sha256:<hex>`.

    Args:
        record: The content of its RECORD.
        info: The name of its own dist-info folder.

    Raises:
        NoIdentity: A rule of the definition cannot be met.
    """
    return document_id(RECORD_HEADER, wheel_lines(record, info))


def installed_record_id(rows: Iterable[tuple[str, str | None]], *, info: str, site: str) -> str:
    """Return the record id of an installed distribution as `sha256:<hex>`.

    Args:
        rows: Path as RECORD writes it, and `sha256:<hex>`; None where the row has no usable digest.
        info: The name of its own dist-info folder.
        site: The folder that holds it, relative to the environment's root; see `is_library`.

    Raises:
        NoIdentity: A rule of the definition cannot be met.
    """
    return document_id(RECORD_HEADER, installed_lines(rows, info=info, site=site))


def installed_lines(
    rows: Iterable[tuple[str, str | None]], *, info: str, site: str
) -> dict[str, str]:
    """Return the body of an installed distribution's record document; see `installed_record_id`.

    Raises:
        NoIdentity: A rule of the definition cannot be met.
    """
    return _lines(_kept(_installed_rows(rows, site), info))


def paths_id(rows: Iterable[Mapping[str, object]], *, noarch_python: bool) -> str:
    """Return the paths id of a conda package as `sha256:<hex>`.

    Args:
        rows: `paths` of `info/paths.json`, or `paths_data.paths` of a conda-meta file.
        noarch_python: Whether the package's record says `noarch: python`.

    Raises:
        NoIdentity: A rule of the definition cannot be met.
    """
    return document_id(PATHS_HEADER, _lines(_conda_rows(rows, noarch_python)))


def document(header: str, lines: Lines) -> str:
    """Return the text that an id is the SHA-256 of; its body is input of `sha256sum -c`."""
    # Code points have the order of their UTF-8 bytes.
    body = "".join(f"{lines[path]}  {path}\n" for path in sorted(lines))
    return f"{header}\n{body}"


def document_id(header: str, lines: Lines) -> str:
    """Return the digest of a document as `sha256:<hex>`.

    Raises:
        NoIdentity: A path is no UTF-8.
    """
    try:
        return digest_bytes(document(header, lines).encode("utf-8"))
    except UnicodeEncodeError as error:
        raise NoIdentity("a path is not UTF-8") from error


def wheel_lines(record: bytes, info: str) -> dict[str, str]:
    """Return the body of a wheel's record document.

    Raises:
        NoIdentity: A rule of the definition cannot be met.
    """
    try:
        text = record.decode("utf-8")
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except UnicodeDecodeError as error:
        raise NoIdentity("its RECORD is not UTF-8") from error
    except csv.Error as error:
        raise NoIdentity(f"its RECORD is no CSV: {error}") from error
    return _lines(_kept(_wheel_rows(rows, info), info))


def is_kept(path: str, info: str) -> bool:
    """Whether a file of a wheel belongs into its record document.

    Raises:
        NoIdentity: The path leaves the wheel.
    """
    return any(True for _ in _kept(_wheel_rows([[path]], info), info))


def quoted(path: str) -> str:
    """Return a path as a reason shows it: on one line, and not without end."""
    text = repr(path)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def is_library(site: str) -> bool:
    """Whether a folder is a library folder of a prefix, where installed lists can be compared."""
    return _LIBRARY.fullmatch(site) is not None


def _wheel_rows(rows: Iterable[list[str]], info: str) -> Iterator[tuple[str, str | None]]:
    data = info.removesuffix(".dist-info") + ".data/"
    for row in rows:
        path = posixpath.normpath(row[0].replace("\\", "/"))
        if path.startswith(("/", "../")) or path == ".." or _DRIVE.match(path):
            raise NoIdentity(f"{quoted(path)} leaves the wheel")
        if path.startswith(data):
            kind, _, path = path[len(data) :].partition("/")
            if kind not in _DATA_KEPT:
                continue
        yield path, _sha256(row[1]) if len(row) > 1 else None


def _installed_rows(
    rows: Iterable[tuple[str, str | None]], site: str
) -> Iterator[tuple[str, str | None]]:
    for path, digest in rows:
        if _is_tidy(path):
            yield path, digest
        elif (relative := _relative(path, site)) is not None:
            yield relative, digest


def _is_tidy(path: str) -> bool:
    """Whether a path is relative and in normal form; plain tests, as nearly every path is."""
    return not (
        ".." in path
        or "./" in path
        or "//" in path
        or "\\" in path
        or ":" in path
        or path[:1] in ("", "/")
        or path[-1] in "/."
    )


def _relative(path: str, site: str) -> str | None:
    """Return a path relative to the library folder, None when it leaves it."""
    path = posixpath.normpath(path.replace("\\", "/"))
    if path.startswith("/") or _DRIVE.match(path):
        _, inside, rest = path.partition(f"/{site}/")
        return rest if inside else None
    if not path.startswith("../") and path != "..":
        return path
    other = _LIB.sub(lambda match: "lib" if match[1] else "lib64", site)
    placed = posixpath.normpath(f"{site}/{path}")
    # Where purelib and platlib are two folders, what is under the other one counts as well.
    return placed[len(other) + 1 :] if placed.startswith(f"{other}/") and other != site else None


def _kept(rows: Iterable[tuple[str, str | None]], info: str) -> Iterator[tuple[str, str | None]]:
    """Leave out what installers write, by an allow-list that both sides can apply."""
    own = f"{info}/"
    for path, digest in rows:
        if "__pycache__" in path and "__pycache__" in path.split("/"):
            continue
        if path.startswith(own):
            rest = path[len(own) :]
            if rest not in _OWN_FILES and not rest.startswith(_OWN_FOLDERS):
                continue
        yield path, digest


def _conda_rows(
    rows: Iterable[Mapping[str, object]], noarch_python: bool
) -> Iterator[tuple[str, str | None]]:
    for row in rows:
        kind = row.get("path_type")
        if kind not in ("hardlink", "softlink"):
            continue
        path = row.get("original_path") or row.get("_path")
        if not isinstance(path, str):
            raise NoIdentity("a row names no path")
        path = path.replace("\\", "/")
        if noarch_python:
            path = _NOARCH_SITE.sub("site-packages/", path)
            path = _NOARCH_SCRIPTS.sub("python-scripts/", path)
        digest = row.get("sha256")
        if kind == "softlink":
            yield path, _LINK
        else:
            yield path, f"sha256:{digest}" if isinstance(digest, str) else None


def _lines(rows: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    lines: dict[str, str] = {}
    for path, digest in rows:
        if digest == _LINK:
            value = digest
        elif digest is not None and len(digest) == 71 and digest.startswith("sha256:"):
            value = digest[7:]
        else:
            raise NoIdentity(f"{quoted(path)} has no SHA-256")
        if lines.setdefault(path, value) != value:
            raise NoIdentity(f"{quoted(path)} has two digests")
    _check(lines)
    return lines


def _check(lines: Lines) -> None:
    """Refuse what no document can hold; all texts at once, as there are tens of thousands."""
    if not "".join(lines).isprintable() or "" in lines or "." in lines:
        for path in lines:
            if path in ("", ".") or _CONTROL.search(path):
                raise NoIdentity(f"{quoted(path)} is not a path")
    if not _HEX.fullmatch("".join(value for value in lines.values() if value != _LINK)):
        raise NoIdentity("a SHA-256 is not hexadecimal")


def _sha256(text: str) -> str | None:
    """Return `sha256:<hex>` of `sha256=<urlsafe base64>`, as RECORD has it; else None."""
    algorithm, _, value = text.partition("=")
    value = value.rstrip("=")
    if algorithm != "sha256" or len(value) != 43:
        return None
    try:
        padded = value.replace("-", "+").replace("_", "/") + "="
        return f"sha256:{binascii.a2b_base64(padded, strict_mode=True).hex()}"
    except ValueError:
        return None
