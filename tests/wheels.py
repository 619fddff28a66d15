"""Wheels and source distributions made to measure: the same arguments give the same bytes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_FIXED_DATE = (2020, 1, 1, 0, 0, 0)
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")

# The sdist carries the wheel that it builds: no build requirement is ever looked up.
_SDIST_BACKEND = b"""\
import pathlib, shutil
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    [source] = pathlib.Path(__file__).parent.glob("*.whl")
    shutil.copy(source, wheel_directory)
    return source.name
"""
_SDIST_PYPROJECT = b"""\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


class BuiltWheel(NamedTuple):
    """A generated wheel."""

    filename: str
    data: bytes
    metadata: bytes


def normalise(name: str) -> str:
    """Return the normalised name of a project (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def metadata(
    name: str, version: str, *, requires: Iterable[str] = (), requires_python: str | None = None
) -> bytes:
    """Return core metadata; extras that a requirement's marker names are provided."""
    requires = tuple(requires)
    extras = sorted({extra for line in requires for extra in _EXTRA.findall(line)})
    lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
    if requires_python:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {line}" for line in requires]
    return ("\n".join(lines) + "\n").encode()


def wheel(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    tag: str = "py3-none-any",
    files: Mapping[str, bytes] | None = None,
    requires_python: str | None = None,
    entry_points: Mapping[str, str] | None = None,
) -> BuiltWheel:
    """Build a wheel.

    Args:
        name: Project name as its author writes it.
        version: Version, written the normal way.
        requires: `Requires-Dist` values.
        tag: `python-abi-platform`, each part possibly compressed with dots.
        files: Path to content; one empty package by default.
        requires_python: `Requires-Python`.
        entry_points: Console scripts: name to `module:function`.
    """
    package = re.sub(r"[-_.]+", "_", name).lower()
    info = f"{package}-{version}.dist-info"
    described = metadata(name, version, requires=requires, requires_python=requires_python)
    tags = _expand(tag)
    pure = "true" if tag.endswith("-none-any") else "false"
    body = dict(files) if files is not None else {f"{package}/__init__.py": b""}
    body[f"{info}/METADATA"] = described
    body[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {pure}\n"
        + "".join(f"Tag: {each}\n" for each in tags)
    ).encode()
    if entry_points:
        scripts = "".join(f"{key} = {value}\n" for key, value in sorted(entry_points.items()))
        body[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}".encode()
    rows = [f"{path},{_record_hash(data)},{len(data)}" for path, data in sorted(body.items())]
    body[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in body.items():
            entry = zipfile.ZipInfo(path, _FIXED_DATE)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return BuiltWheel(f"{package}-{version}-{tag}.whl", out.getvalue(), described)


def sdist(built: BuiltWheel) -> tuple[str, bytes]:
    """Return (file name, content) of a source distribution that builds into this very wheel."""
    package, version = built.filename.split("-")[:2]
    stem = f"{package}-{version}"
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in {
            "PKG-INFO": built.metadata,
            "backend.py": _SDIST_BACKEND,
            "pyproject.toml": _SDIST_PYPROJECT,
            built.filename: built.data,
        }.items():
            entry = tarfile.TarInfo(f"{stem}/{path}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return f"{stem}.tar.gz", out.getvalue()


def _expand(tag: str) -> list[str]:
    pythons, abis, platforms = (part.split(".") for part in tag.split("-"))
    return [f"{p}-{a}-{m}" for p in pythons for a in abis for m in platforms]


def _record_hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return "sha256=" + digest.rstrip(b"=").decode()
