"""One digest of one recipe: over Pythons, users, folders, masks, time zones, locales and seeds."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.embedded_lab import ROOT, RUNNING, Lab, digests, publish, write_base
from tests.fakes import FakeIndex

from mooring.uv import uv_binary

pytestmark = pytest.mark.index

NOBODY = 65534
BOTH = ("--platform", "linux/amd64,linux/arm64")

GOLDEN = "sha256:4f10db662b1c78f6a2d79a01cbbfce4a0783d0e836922134df8ed5b982e6b5c3"
"""The index of the lab's image on Python 3.11.2 without byte code, on every machine. It moves with
the format of layers, configurations, the carried lock or the lab itself, and with nothing else."""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return an interpreter with Mooring for each other minor release that this machine has."""
    found = {}
    for minor in ("3.11", "3.12", "3.13"):
        python = _python(minor)
        if python is None or RUNNING.startswith(f"{minor}."):
            continue
        venv = tmp_path_factory.mktemp("host") / minor
        inside = venv / "bin" / "python"
        for words in (
            ["venv", "--quiet", "--python", str(python), str(venv)],
            ["pip", "install", "--quiet", "--python", str(inside), "--editable", str(ROOT)],
        ):
            done = subprocess.run(
                [uv_binary(), *words],
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        found[minor] = inside
    return found


def _python(minor: str) -> Path | None:
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    installed = sorted(versions.glob(f"{minor}.*/bin/python{minor}"))
    on_path = shutil.which(f"python{minor}")
    for python in [*installed, *([Path(on_path)] if on_path else [])]:
        done = subprocess.run(
            [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.stdout.strip() == minor:  # a version manager's script answers otherwise
            return python
    return None


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that is not below pytest's own, which other users may not enter."""
    with tempfile.TemporaryDirectory(prefix="mooring-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def lab(folder: Path, index: FakeIndex, version: str, more: str = "") -> Lab:
    folder.mkdir()
    publish(index)
    write_base(folder / "base", version)
    made = Lab(folder=folder, version=version)
    made.declare(index, more=more)
    return made


def built(made: Lab, name: str, *, env: Mapping[str, str] | None = None) -> str:
    """Build for both platforms with an empty cache; return the digest of the index."""
    cache = made.folder.parent / f"cache-{name}"
    layout = made.folder.parent / f"layout-{name}"
    more = {"MOORING_CACHE_DIR": str(cache), **(env or {})}
    made.build(*BOTH, "--output", f"oci:{layout}", env=more)
    (digest,) = digests(layout)
    return digest


def moved(made: Lab, folder: Path) -> Lab:
    """Return the same project in another folder."""
    shutil.copytree(made.folder, folder)
    return replace(made, folder=folder)


def test_without_byte_code(folder: Path, fake_index: FakeIndex, hosts: dict[str, Path]) -> None:
    made = lab(folder / "project", fake_index, "3.11.2", "bytecode = false\n")
    found = {"here": built(made, "here")}
    (folder / "deep" / "er").mkdir(parents=True)
    elsewhere = moved(made, folder / "deep" / "er" / "other name")
    surroundings = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "4242"}
    before = os.umask(0o077)
    try:
        for path in elsewhere.folder.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        found["elsewhere"] = built(elsewhere, "elsewhere", env=surroundings)
    finally:
        os.umask(before)
    for minor, python in hosts.items():
        found[minor] = built(replace(made, python=python), minor, env={"TZ": "Asia/Tokyo"})
    if os.getuid() == 0:
        found |= built_by_nobody(made)
    assert found == dict.fromkeys(found, GOLDEN)

    dated = built(made, "dated", env={"SOURCE_DATE_EPOCH": "1700000000"})
    first, second = (layers_and_times(folder / f"layout-{name}") for name in ("here", "dated"))
    assert dated != GOLDEN
    assert first[0] == second[0]
    assert second[1] == {"2023-11-14T22:13:20Z"}


def layers_and_times(layout: Path) -> tuple[list[str], set[str]]:
    """Return every layer of a layout's images, and when they say that they were created."""
    blobs = layout / "blobs" / "sha256"

    def read(digest: str) -> dict[str, object]:
        document = json.loads((blobs / digest[7:]).read_text())
        assert isinstance(document, dict)
        return document

    layers: list[str] = []
    times = set()
    (digest,) = digests(layout)
    for entry in read(digest)["manifests"]:  # type: ignore[attr-defined]
        manifest = read(entry["digest"])
        layers += [layer["digest"] for layer in manifest["layers"]]  # type: ignore[attr-defined]
        times.add(str(read(manifest["config"]["digest"])["created"]))  # type: ignore[index]
    return layers, times


def built_by_nobody(made: Lab) -> dict[str, str]:
    """Build as a user without rights, where there is a Python that others may run."""
    home = Path(tempfile.mkdtemp(dir=made.folder.parent))
    os.chown(home, NOBODY, NOBODY)
    environment = {"HOME": str(home), "MOORING_CACHE_DIR": str(home / "cache"), "PATH": "/usr/bin"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    words = ["build", "--quiet", *BOTH, "--output", f"oci:{home / 'layout'}"]
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(PermissionError):
            done = subprocess.run(
                [python, *made.command(*words)[1:]],
                cwd=made.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
                user=NOBODY,
                group=NOBODY,
                extra_groups=(),
            )
            if "ModuleNotFoundError" in done.stderr:
                continue  # it is another minor release
            assert done.returncode == 0, done.stderr
            (digest,) = digests(home / "layout")
            return {"nobody": digest}
    return {}


def test_with_byte_code(folder: Path, fake_index: FakeIndex, hosts: dict[str, Path]) -> None:
    if not hosts:
        pytest.skip("this machine has one Python")
    made = lab(folder / "project", fake_index, RUNNING, "bytecode = true\n")
    compiler = Path(sys.base_prefix) / "bin"
    path = {"PATH": f"{compiler}{os.pathsep}{os.environ['PATH']}"}
    found = {"here": built(made, "here")}
    for minor, python in hosts.items():
        host = replace(made, python=python)
        found[minor] = built(host, minor, env={**path, "PYTHONHASHSEED": minor[2:]})
    assert len(set(found.values())) == 1, found
