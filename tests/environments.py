"""Environments made by hand, file by file, and the locks that belong to them."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.wheels import normalise

from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.manifest.model import VerifyPolicy
from mooring.platforms import Platform, PythonVersion
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare
from mooring.verify.findings import Verification
from mooring.verify.tiers import Tiers

LINUX = Platform.parse("linux-64")
PYTHON = PythonVersion(minor=11)


def make_venv(root: Path, *, version: str = "3.11.7") -> Path:
    """Write an empty virtual environment and return its site-packages."""
    site = root / "lib" / f"python{version.rpartition('.')[0]}" / "site-packages"
    site.mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "pyvenv.cfg").write_text(
        f"home = /usr/bin\nimplementation = CPython\nversion_info = {version}\n"
        "include-system-site-packages = false\n"
    )
    return site


def install(
    site: Path,
    name: str,
    version: str = "1.0",
    *,
    files: Mapping[str, bytes] | None = None,
    tags: Iterable[str] = ("py3-none-any",),
    direct_url: Mapping[str, object] | None = None,
    rows: Iterable[str] = (),
) -> Path:
    """Install a distribution the way installers leave it, and return its dist-info.

    Args:
        site: The site-packages folder.
        name: As METADATA writes it.
        version: As METADATA writes it.
        files: Path relative to `site` to content; one package by default.
        tags: Of WHEEL.
        direct_url: Content of direct_url.json.
        rows: Further rows of RECORD, as they are written there.
    """
    package = normalise(name).replace("-", "_")
    info = f"{package}-{version}.dist-info"
    body = dict(files) if files is not None else {f"{package}/__init__.py": b"x = 1\n"}
    body[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    lines = "".join(f"Tag: {tag}\n" for tag in tags)
    body[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\n{lines}".encode()
    body[f"{info}/INSTALLER"] = b"test\n"
    if direct_url is not None:
        body[f"{info}/direct_url.json"] = json.dumps(direct_url).encode()
    for path, data in body.items():
        target = site / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    record = [record_row(path, data) for path, data in sorted(body.items())]
    record += [*rows, f"{info}/RECORD,,", ""]
    (site / info / "RECORD").write_text("\n".join(record))
    return site / info


def record_row(path: str, data: bytes) -> str:
    """Return the row of RECORD for a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}"


def locked(
    name: str,
    version: str | None = "1.0",
    *,
    tag: str = "py3-none-any",
    artifact: Artifact | None = None,
    others: Iterable[str] = (),
    sdist: bool = True,
) -> Selected:
    """Return a selected package.

    Args:
        name: Normalised name.
        version: Locked version.
        tag: Of the selected wheel.
        artifact: The selected artifact, instead of a wheel.
        others: Tags of further wheels that are locked.
        sdist: Whether an sdist is locked as well.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    wheels = tuple(wheel_artifact(f"{stem}-{each}.whl") for each in (tag, *others))
    source = Artifact(kind="sdist", name=f"{stem}.tar.gz", hashes=(("sha256", "d" * 64),))
    package = Package(name=name, version=version, wheels=wheels, sdist=source if sdist else None)
    return Selected(package=package, artifact=artifact or wheels[0])


def wheel_artifact(name: str, *, sha256: str = "a" * 64) -> Artifact:
    """Return a wheel of an index."""
    url = f"https://packages.example.org/files/{name}"
    return Artifact(kind="wheel", name=name, url=url, hashes=(("sha256", sha256),))


def selection(
    *packages: Selected, python: PythonVersion = PYTHON, platform: Platform = LINUX
) -> Selection:
    """Return a selection of these packages."""
    return Selection(platform=platform, python=python, extras=(), groups=(), packages=packages)


def verify(
    root: Path, *packages: Selected, policy: VerifyPolicy | None = None, hash_files: bool = True
) -> Verification:
    """Compare the environment in a folder with these packages."""
    inventory = PathCollector(root, tiers=Tiers(hash_files=hash_files)).collect()
    return compare(selection(*packages), inventory, policy or VerifyPolicy())


def found(verification: Verification) -> list[tuple[str, str | None]]:
    """Return (rule id, package) of every finding."""
    return [(finding.rule.id, finding.package) for finding in verification.findings]
