"""Wheels for the embedded builder's tests: good ones, and ones that are wrong in one way."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import stat
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from mooring.build.embedded.interface import Place
from mooring.build.embedded.wheels.wheel import Wheel, open_wheel
from mooring.platforms import PythonVersion

PLACE = Place(
    root="/opt/env", python=PythonVersion(minor=12), interpreter="/usr/local/bin/python3.12"
)
SITE = "/opt/env/lib/python3.12/site-packages"
INFO = "demo-1.0.dist-info"
DATA = "demo-1.0.data"
METADATA = b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\n"
WHEEL = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"

Row = tuple[str, str, str]


def record_hash(data: bytes, algorithm: str = "sha256") -> str:
    """Return a hash as RECORD has it."""
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm}={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def named(
    name: str, *, mode: int = stat.S_IFREG | 0o644, packed: bool = True, extra: bytes = b""
) -> zipfile.ZipInfo:
    """Return the header of a member."""
    info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    info.extra = extra
    return info


def demo_wheel(
    folder: Path,
    files: Mapping[str, bytes] | None = None,
    *,
    infos: Sequence[tuple[zipfile.ZipInfo, bytes]] = (),
    record: Callable[[list[Row]], list[Row]] = list,
) -> Path:
    """Write the wheel `demo 1.0` and return its path.

    Args:
        folder: Where to.
        files: Path to content; those of the dist-info folder are added where they are absent, and
            left out where the content is empty.
        infos: Members with headers of their own, written first and listed in RECORD.
        record: Changes the rows of RECORD.
    """
    body = {"demo/__init__.py": b"answer = 42\n"} if files is None else dict(files)
    body.setdefault(f"{INFO}/METADATA", METADATA)
    body.setdefault(f"{INFO}/WHEEL", WHEEL)
    members = [*infos, *((named(name), data) for name, data in body.items() if data)]
    rows = [(i.filename, record_hash(data), str(len(data))) for i, data in members]
    rows = record([row for row in rows if not row[0].endswith("/")])
    listed = io.StringIO()
    csv.writer(listed).writerows([*rows, (f"{INFO}/RECORD", "", "")])
    path = folder / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in members:
            archive.writestr(info, data)
        archive.writestr(named(f"{INFO}/RECORD"), listed.getvalue())
    return path


def opened(
    path: Path, *, name: str = "demo", version: str = "1.0"
) -> AbstractContextManager[Wheel]:
    """Open a wheel with its own SHA-256."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return open_wheel(path, name=name, version=version, sha256=sha256)
