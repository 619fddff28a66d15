"""Images made by hand: layers, OCI layouts and the tars of `docker save`."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

REGULAR, LINK, HARD = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE

Member = tuple[str, bytes] | tuple[str, bytes, str]
"""Name and content; or name, type (`LINK`, `HARD`, ...) and where it leads."""


def layer(members: Iterable[Member] = (), *, folder: Path | None = None, at: str = "") -> bytes:
    """Return a layer's tar: a folder from disk first, then members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        if folder is not None:
            archive.add(folder, at)
        for member in members:
            info = tarfile.TarInfo(member[0])
            if len(member) == 3:
                info.type, info.linkname = member[1], member[2]
                archive.addfile(info)
            else:
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def digest(data: bytes) -> str:
    """Return `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def config(
    layers: Sequence[bytes],
    *,
    labels: Mapping[str, str] | None = None,
    env: Sequence[str] = (),
    architecture: str = "amd64",
) -> bytes:
    """Return an image's configuration."""
    document = {
        "os": "linux",
        "architecture": architecture,
        "config": {"Labels": dict(labels or {}), "Env": list(env)},
        "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in layers]},
    }
    return json.dumps(document).encode()


def write_layout(
    folder: Path,
    images: Mapping[str, tuple[Sequence[bytes], bytes]],
    *,
    compress: bool = True,
) -> Path:
    """Write an OCI layout of images by tag, each (layers, configuration)."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)

    def put(data: bytes, kind: str) -> dict[str, object]:
        (blobs / digest(data).partition(":")[2]).write_bytes(data)
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    manifests = []
    for tag, (layers, described) in images.items():
        packed = [gzip.compress(each, 1, mtime=0) if compress else each for each in layers]
        manifest = {
            "schemaVersion": 2,
            "config": put(described, "application/vnd.oci.image.config.v1+json"),
            "layers": [put(each, "application/vnd.oci.image.layer.v1.tar+gzip") for each in packed],
        }
        entry = put(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
        document = json.loads(described)
        entry["platform"] = {"os": document["os"], "architecture": document["architecture"]}
        entry["annotations"] = {"org.opencontainers.image.ref.name": tag}
        manifests.append(entry)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}))
    return folder


def write_archive(path: Path, layers: Sequence[bytes], described: bytes, tag: str) -> Path:
    """Write what `docker save` of old engines writes."""
    name = digest(described).partition(":")[2] + ".json"
    names = [f"{number:064x}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": name, "RepoTags": [tag], "Layers": names}]
    members: list[Member] = [*zip(names, layers), (name, described)]
    members.append(("manifest.json", json.dumps(manifest).encode()))
    path.write_bytes(layer(members))
    return path
