"""Selections of made wheels, and what a base image may look like."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tests.wheels import BuiltWheel

from mooring.build.embedded.interface import BaseContent, BaseScan, Entry, Place
from mooring.build.embedded.layers.writer import WrittenLayer
from mooring.build.embedded.plan.skeleton import opener
from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.oci.content import OCI_LAYER_GZIP, Blob
from mooring.oci.model import Descriptor
from mooring.platforms import Platform, PythonVersion

PYTHON = PythonVersion(minor=11, patch=2)
PLACE = Place(root="/opt/env", python=PYTHON, interpreter="/usr/bin/python3.11")
SITE = "/opt/env/lib/python3.11/site-packages"

PASSWD = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n"
GROUP = "root:x:0:\nwww-data:x:33:\n"


def scan(
    *,
    links: Mapping[str, str] | None = None,
    directories: Iterable[str] = ("/etc", "/home", "/opt", "/usr", "/usr/bin", "/usr/lib"),
    passwd: str = PASSWD,
    group: str = GROUP,
) -> BaseScan:
    """Return the scan of a base."""
    return BaseScan(
        links=dict(links or {"/lib": "usr/lib", "/bin": "usr/bin"}),
        directories=dict.fromkeys(directories, 0o755),
        interpreters=(),
        libc=("glibc", (2, 36)),
        passwd=passwd,
        group=group,
    )


def selected(name: str, built: BuiltWheel, *, size: int | None = None) -> Selected:
    """Return a made wheel as a lock has it."""
    artifact = Artifact(
        kind="wheel",
        name=built.filename,
        url=f"https://files.example.com/{built.filename}",
        hashes=(("sha256", hashlib.sha256(built.data).hexdigest()),),
        size=len(built.data) if size is None else size,
    )
    version = built.filename.split("-")[1]
    return Selected(
        package=Package(name=name, version=version, wheels=(artifact,)), artifact=artifact
    )


def selection(packages: Sequence[Selected] = ()) -> Selection:
    """Return packages as a selection for Linux on x86-64."""
    return Selection(
        platform=Platform.parse("linux-64"),
        python=PYTHON,
        extras=(),
        groups=(),
        packages=tuple(sorted(packages, key=lambda each: each.package.name)),
    )


def with_artifact(each: Selected, **changes: object) -> Selected:
    """Return a package with another artifact."""
    return replace(each, artifact=replace(each.artifact, **changes))  # type: ignore[arg-type]


def written(folder: Path, wheels: Mapping[str, BuiltWheel]) -> dict[str, Path]:
    """Write wheels into a folder; return where each is, by package name."""
    found = {}
    for name, built in wheels.items():
        found[name] = folder / built.filename
        found[name].write_bytes(built.data)
    return found


def layer(seed: str, size: int = 100) -> WrittenLayer:
    """Return a layer that was never written."""
    descriptor = Descriptor(media_type=OCI_LAYER_GZIP, digest=sha(f"blob {seed}"), size=size)
    return WrittenLayer(descriptor=descriptor, diff_id=sha(f"layer {seed}"))


def sha(text: str) -> str:
    """Return a digest that a text decides."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def base(
    settings: Mapping[str, object] | None = None,
    *,
    platform: str = "linux/amd64",
    layers: Sequence[str] = ("base",),
    **fields: object,
) -> BaseContent:
    """Return a base image with these settings in its configuration."""
    blobs = tuple(
        Blob(
            descriptor=Descriptor(media_type=OCI_LAYER_GZIP, digest=sha(f"blob {each}"), size=7),
            diff_id=sha(f"layer {each}"),
            open=opener(b""),
        )
        for each in layers
    )
    system, architecture, *_ = platform.split("/")
    config: dict[str, object] = {
        "os": system,
        "architecture": architecture,
        "config": dict(settings or {}),
        "rootfs": {"type": "layers", "diff_ids": [blob.diff_id for blob in blobs]},
        "history": [{"created_by": f"made {each}"} for each in layers],
        **fields,
    }
    return BaseContent(
        reference="python:3.11-slim",
        digest=sha("base"),
        platform=platform,
        config=config,
        layers=blobs,
        scan=scan(),
    )


def text(entry: Entry) -> str:
    """Return the content of an entry."""
    assert entry.open is not None
    with entry.open() as stream:
        data = stream.read()
    assert len(data) == entry.size
    return data.decode()


def drained(entry: Entry, size: int) -> bytes:
    """Read an entry in pieces of a size up to its end, -1 for all at once."""
    assert entry.open is not None
    pieces = []
    with entry.open() as stream:
        while piece := stream.read(size):
            pieces.append(piece)
    return b"".join(pieces)
