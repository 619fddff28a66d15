"""Released wheels: what a layer holds is what pip and uv put into a virtual environment."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import subprocess
import sys
import tarfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename
from tests.embedded_wheels import record_hash

from mooring.build.embedded.interface import Entry, Place
from mooring.build.embedded.layers.writer import write_layer
from mooring.build.embedded.wheels.entries import entries_of
from mooring.build.embedded.wheels.wheel import open_wheel
from mooring.oci.blob_store import BlobStore
from mooring.platforms import PythonVersion
from mooring.uv import uv_binary

pytestmark = [pytest.mark.index, pytest.mark.process]

# Compiled modules and their libraries, data files, headers, shipped scripts and whole programs as
# scripts, many commands, namespaces, `.pth` files, names with blanks, and installers themselves.
REQUIREMENTS = (
    *("numpy", "pandas", "greenlet", "cffi", "pyyaml", "markupsafe", "lxml"),
    *("jupyter-core", "jupyterlab-pygments", "jupyterlab-widgets", "nbformat", "tzdata"),
    *("ruff", "jmespath", "docutils", "pygments", "flask", "werkzeug", "jinja2"),
    *("setuptools", "pip", "wheel", "six", "protobuf", "sphinxcontrib-jsmath"),
)
HERE = PythonVersion(minor=sys.version_info.minor)
# What each installer notes in its own way.
NOTES = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json")

Files = dict[str, tuple[bytes, int]]


def run(*words: str | Path) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Return wheels of the index that the installed clients use."""
    folder = tmp_path_factory.mktemp("shelf")
    run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
        *("--only-binary", ":all:", "--dest", folder, *REQUIREMENTS),
    )
    wheels = tuple(sorted(folder.glob("*.whl")))
    assert len(wheels) == len(REQUIREMENTS)
    return wheels


def installed(env: Path, tool: str, wheels: tuple[Path, ...]) -> Files:
    """Return what an installer adds to a new environment, links left out."""
    run(sys.executable, "-m", "venv", "--without-pip", env)
    own = {path for path in env.rglob("*") if path.is_file()}
    python = env / "bin" / "python"
    if tool == "uv":
        run(uv_binary(), "pip", "install", "--quiet", "--no-deps", "--python", python, *wheels)
    else:
        options = ("--quiet", "--no-deps", "--no-compile", "--no-index")
        run(sys.executable, "-m", "pip", "--python", python, "install", *options, *wheels)
    return {
        str(path.relative_to(env)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in env.rglob("*")
        if path.is_file() and path not in own and not (path.name == ".lock" and path.parent == env)
    }


def layered(env: Path, wheels: tuple[Path, ...], folder: Path) -> Files:
    """Return what the layer of these wheels holds."""
    place = Place(root=str(env), python=HERE, interpreter=sys.executable)
    store = BlobStore(folder)
    entries: list[Entry] = []
    with ExitStack() as stack:
        for path in wheels:
            name, version, _, _ = parse_wheel_filename(path.name)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            wheel = stack.enter_context(
                open_wheel(path, name=name, version=str(version), sha256=sha256)
            )
            entries += entries_of(wheel, place)
        layer = write_layer(entries, str, (), store)
    blob = store.path(layer.descriptor.digest)
    assert blob is not None
    found = {}
    with tarfile.open(blob) as archive:
        for member in archive:
            if member.isfile():
                stream = archive.extractfile(member)
                assert stream is not None
                inside = str(Path("/", member.name).relative_to(env))
                found[inside] = (stream.read(), member.mode)
    return found


def is_note(path: str) -> bool:
    """Whether it is such a note; one of a package that setuptools carries is a file like others."""
    site = r"(lib/[^/]+/site-packages/)?"
    return re.fullmatch(rf"{site}[^/]+\.dist-info/({'|'.join(NOTES)})", path) is not None


def rows(data: bytes) -> dict[str, list[str]]:
    """Return the rows of RECORD, less those of scripts and notes."""
    found = {row[0]: row[1:] for row in csv.reader(io.StringIO(data.decode())) if row}
    return {
        path: row
        for path, row in found.items()
        if not path.startswith("../../../bin/") and (not is_note(path) or path.endswith("/RECORD"))
    }


def command(script: bytes) -> tuple[bytes, list[bytes]]:
    """Return the interpreter and the call of a script that was made from an entry point."""
    return script.splitlines()[0], re.findall(
        rb"^from \S+ import \S+|sys\.exit\(.*\)", script, re.M
    )


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_a_layer_holds_what_an_installer_installs(
    tmp_path: Path, shelf: tuple[Path, ...], tool: str
) -> None:
    env = tmp_path / "env"
    theirs = installed(env, tool, shelf)
    ours = layered(env, shelf, tmp_path / "blobs")
    # pip makes one more command for itself than its wheel declares.
    versioned = f"bin/pip{sys.version_info.major}.{sys.version_info.minor}"
    assert {path for path in ours if not is_note(path)} == {
        path for path in theirs if not is_note(path) and path != versioned
    }
    assert len(ours) > 3000
    for path, (data, mode) in ours.items():
        if is_note(path) and path.endswith("/INSTALLER"):
            assert data == b"mooring\n"
        elif is_note(path):
            assert rows(data) == rows(theirs[path][0])
        elif path.startswith("bin/") and data != theirs[path][0]:
            assert command(data) == command(theirs[path][0])
            assert mode == theirs[path][1] == 0o755
        else:
            assert (data, mode) == theirs[path], path


def test_the_record_of_a_layer_lists_what_is_in_it(tmp_path: Path, shelf: tuple[Path, ...]) -> None:
    env = tmp_path / "env"
    ours = layered(env, shelf, tmp_path / "blobs")
    site = f"lib/python{HERE.short}/site-packages"
    listed = set()
    for path in [path for path in ours if is_note(path) and path.endswith("/RECORD")]:
        for name, value, size in csv.reader(io.StringIO(ours[path][0].decode())):
            inside = str((env / site / name).resolve().relative_to(env.resolve()))
            assert inside not in listed
            listed.add(inside)
            if inside != path:
                assert (value, size) == (record_hash(ours[inside][0]), str(len(ours[inside][0])))
    assert listed == set(ours)
