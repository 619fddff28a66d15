"""A project on a tiny base, of made wheels, built by the real command in processes of its own."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes import FakeIndex
from tests.images import digest
from tests.unit.build.embedded.bases_made import (
    GLIBC_236,
    LOADED_BY_GLIBC,
    file,
    link,
    program,
    tar,
)

ROOT = Path(__file__).resolve().parents[1]
START = "from mooring.cli import main; main()"
PLATFORMS = {"amd64": "linux-64", "arm64": "linux-aarch64"}
RUNNING = "{}.{}.{}".format(*sys.version_info)

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"


def write_base(folder: Path, python: str = RUNNING) -> None:
    """Write an OCI layout of two images, `amd64` and `arm64`, with what looks like a Python.

    The layer is not compressed: its bytes must be the same on every machine.
    """
    minor = python.rpartition(".")[0]
    members = (
        program(f"usr/bin/python{minor}", LOADED_BY_GLIBC + f"\0{python}\0".encode()),
        link("usr/bin/python3", f"python{minor}"),
        link("lib", "usr/lib"),
        file("usr/lib/x86_64-linux-gnu/libc.so.6", GLIBC_236, 0o755),
        file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"),
        file("etc/group", b"root:x:0:\n"),
    )
    layer = tar(*members)
    (folder / "blobs" / "sha256").mkdir(parents=True)

    def put(data: bytes, kind: str) -> dict[str, object]:
        (folder / "blobs" / "sha256" / digest(data)[7:]).write_bytes(data)
        return {"mediaType": kind, "digest": digest(data), "size": len(data)}

    entries = []
    for architecture in PLATFORMS:
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Env": ["PATH=/usr/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": put(json.dumps(config).encode(), _CONFIG),
            "layers": [put(layer, _LAYER)],
        }
        entry = put(json.dumps(manifest).encode(), _MANIFEST)
        entries.append(entry | {"platform": {"os": "linux", "architecture": architecture}})
    index = put(
        json.dumps({"schemaVersion": 2, "mediaType": _INDEX, "manifests": entries}).encode(),
        _INDEX,
    )
    index["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    document = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [index]}
    (folder / "index.json").write_text(json.dumps(document))


_INDEX = "application/vnd.oci.image.index.v1+json"


def publish(index: FakeIndex) -> None:
    """Put packages into an index: two large ones, and some small ones with scripts."""
    noise = random.Random(7)
    for name in ("large-one", "large-two"):
        for version in ("1.0", "2.0"):
            package = name.replace("-", "_")
            body = {
                f"{package}/__init__.py": f"VERSION = {version!r}\n".encode(),
                f"{package}/data.bin": noise.randbytes(5_000_000),
            }
            index.add(name, version, files=body)
    for number in range(8):
        body = {f"small_{number}/{part}.py": b"x = %d\n" % part for part in range(20)}
        body[f"small_{number}/__init__.py"] = b"def main(): print('hello')\n"
        index.add(
            f"small-{number}",
            "1.0",
            files=body,
            entry_points={f"s{number}": f"small_{number}:main"},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Lab:
    """A project folder, and the command.

    Attributes:
        folder: Has pyproject.toml and the base.
        python: Runs the command.
        version: Of the Python in the base.
    """

    folder: Path
    python: Path = Path(sys.executable)
    version: str = RUNNING

    def declare(self, index: FakeIndex, *pins: str, more: str = "") -> None:
        """Write the manifest and lock it; `pins` replace requirements of the same beginning."""
        names = ["large-one", "large-two", *(f"small-{number}" for number in range(8))]
        pinned = {pin.partition("=")[0]: pin for pin in pins}
        listed = ", ".join(f'"{pinned.get(name, name + "==1.0")}"' for name in names)
        minor = self.version.rpartition(".")[0]
        (self.folder / "pyproject.toml").write_text(f"""
[project]
name = "lab"
version = "1.0"
requires-python = "=={minor}.*"
dependencies = [{listed}]

[tool.mooring]
platforms = {list(PLATFORMS.values())}
python = "{minor}"

[tool.mooring.image]
base = "oci:base:1"
files = ["app.py"]
entrypoint = ["s1"]
{more}
[[tool.mooring.index]]
name = "test"
url = "{index.url}"
default = true
""")
        (self.folder / "app.py").write_text("print('hello')\n")
        self.run("lock", "--quiet")

    def command(self, *words: str | Path) -> list[str]:
        """Return the words that start the command."""
        return [str(self.python), "-c", START, *map(str, words)]

    def start(
        self, *words: str | Path, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start the command and do not wait for it."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str | Path, env: Mapping[str, str] | None = None) -> str:
        """Run the command; return its standard output."""
        with self.start(*words, env=env) as process:
            out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        return out

    def build(self, *words: str | Path, env: Mapping[str, str] | None = None) -> Any:
        """Build, and return the document that `--format json` prints."""
        platform = () if "--platform" in words else ("--platform", "linux/amd64")
        return json.loads(self.run("build", "--format", "json", *platform, *words, env=env))


def digests(layout: Path) -> set[str]:
    """Return the digests that a layout's index names, after a look at all it has.

    Raises:
        AssertionError: A blob is not what its name says, or one that is named is absent.
    """
    blobs = layout / "blobs" / "sha256"
    check_blobs(blobs)
    index = json.loads((layout / "index.json").read_text())
    found = {entry["digest"] for entry in index["manifests"]}
    waiting = sorted(found)
    while waiting:
        document = json.loads((blobs / waiting.pop()[7:]).read_bytes())
        waiting += [entry["digest"] for entry in document.get("manifests", ())]
        if "layers" in document:
            for entry in (document["config"], *document["layers"]):
                assert (blobs / entry["digest"][7:]).stat().st_size == entry["size"]
    return found


def check_blobs(folder: Path) -> None:
    """Compare every blob that has its name with that name."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.name.startswith("."):
            with path.open("rb") as stream:
                assert hashlib.file_digest(stream, "sha256").hexdigest() == path.name


def leftovers(*folders: Path) -> Sequence[Path]:
    """Return the temporary files that somebody left, at any depth."""
    return [
        path
        for folder in folders
        for path in folder.rglob(".*")
        if path.name.startswith(".new-") or path.name.endswith(".tmp")
    ]
