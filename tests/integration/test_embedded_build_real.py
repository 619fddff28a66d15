"""Images of real wheels on a base of real packages, judged by other tools and run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4
from tests.embedded_lab import START, digests
from tests.engines import DockerCli, absent

pytestmark = [pytest.mark.index, pytest.mark.engine]

SMALL = ("numpy", "flask")
# More than a hundred distributions, some of them compiled.
LARGE = ("pandas", "scikit-learn", "matplotlib", "jupyterlab", *SMALL)
TIMEOUT = 400.0
SCHEMAS = Path("/usr/share/gocode/src/github.com/opencontainers/image-spec/schema")

PROBE = """
import flask, json, numpy, os, platform, sys
status = flask.Flask("probe").test_client().get("/").status_code
one = float(numpy.linalg.det(numpy.eye(3)))
home = os.path.isdir(os.path.expanduser("~"))
print(json.dumps([platform.machine(), one, status, sys.prefix, home]))
"""
IMPORT_ALL = """
import importlib, importlib.metadata, json, sys
tried, failed = 0, {}
packages = importlib.metadata.packages_distributions()
for name in sorted(packages):
    if not name.startswith("_") and name.isidentifier() and name not in OPTIONAL:
        tried += 1
        try:
            importlib.import_module(name)
        except Exception as error:
            failed[name] = repr(error)
distributions = len(list(importlib.metadata.distributions()))
compiled = sum(getattr(m, "__file__", None) is not None and m.__file__.endswith(".so")
               and m.__file__.startswith(sys.prefix) for m in list(sys.modules.values()))
print(json.dumps([distributions, compiled, tried, failed]))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A project whose requirements come from the index that uv is set up for."""

    folder: Path
    environment: dict[str, str]

    def declare(self, requirements: tuple[str, ...], platforms: list[str]) -> None:
        """Write the manifest and lock it."""
        listed = ", ".join(f'"{each}"' for each in requirements)
        (self.folder / "pyproject.toml").write_text(f"""
[project]
name = "real"
version = "1"
requires-python = "==3.11.*"
dependencies = [{listed}]

[tool.mooring]
platforms = {platforms}
python = "3.11.2"

[tool.mooring.image]
base = "debian:bookworm"
repository = "mooring-test/{self.folder.parent.name.replace("_", "-")}"
""")
        self.run("lock", "--quiet")

    def run(self, *words: str, where: Path | None = None) -> str:
        """Run the command; return its standard output."""
        done = subprocess.run(
            [sys.executable, "-c", START, *words],
            cwd=where or self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    if shutil.which("apt-get") is None:
        pytest.skip("there is no apt here")
    folder = tmp_path_factory.mktemp("real") / "project"
    folder.mkdir()
    cache = {"MOORING_CACHE_DIR": str(folder.parent / "cache")}
    return Project(folder=folder, environment={**os.environ, **cache})


@pytest.fixture
def engine(docker_cli: DockerCli, project: Project) -> Iterator[DockerCli]:
    """Give the engine, and remove what the project put there."""
    yield docker_cli
    name = f"mooring-test/{project.folder.parent.name.replace('_', '-')}"
    images = docker_cli.run("images", "--quiet", name).split()
    for image in set(images):
        docker_cli.run("rmi", "--force", "--no-prune", image, check=False)


def tool(name: str, *words: str | Path) -> str:
    program = shutil.which(name)
    if program is None:
        absent(f"there is no {name} command")
    done = subprocess.run(
        [program, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_platforms_pass_every_judge_and_run(
    project: Project, engine: DockerCli, tmp_path: Path
) -> None:
    project.declare(SMALL, ["linux-64", "linux-aarch64"])
    layout = tmp_path / "layout"
    words = ["--platform", "linux/amd64,linux/arm64", "--output", f"oci:{layout}", "--load"]
    made = json.loads(project.run("build", "--format", "json", *words))
    tag = made["reference"].rpartition(":")[2]
    (digest,) = digests(layout)

    check_schemas(layout)
    copied = tmp_path / "copied"
    tool("skopeo", "copy", "--all", "--preserve-digests", f"oci:{layout}:{tag}", f"oci:{copied}:x")
    assert digests(copied) == {digest}
    for architecture in ("amd64", "arm64"):
        single = tmp_path / architecture
        override = f"--override-arch={architecture}"
        shown = json.loads(tool("skopeo", "inspect", override, f"oci:{layout}:{tag}"))
        assert shown["Architecture"] == architecture
        tool("skopeo", override, "copy", f"oci:{layout}:{tag}", f"oci:{single}:x")
        tool(
            "umoci",
            "unpack",
            "--rootless",
            "--image",
            f"{single}:x",
            tmp_path / "un" / architecture,
        )
        found = f"oci:{single}:x"
        clean(project.run("verify", "--format", "json", "--image", found), 2)
        clean(project.run("verify", "--format", "json", "--image", found, where=tmp_path), 2)

    run = ("run", "--rm", "--network=none", "--read-only", made["reference"])
    expected = [1.0, 404, "/opt/env", True]
    assert json.loads(engine.run(*run, "python", "-c", PROBE)) == ["x86_64", *expected]
    arm = tmp_path / "un" / "arm64" / "rootfs"
    (arm / "home/mooring").mkdir(exist_ok=True)
    assert json.loads(emulated(arm, "/opt/env/bin/python", "-c", PROBE)) == ["aarch64", *expected]


def emulated(root: Path, *words: str) -> str:
    """Run a program of another architecture in a file system of its own."""
    program = shutil.which("qemu-aarch64-static")
    if program is None:
        absent("there is no qemu-aarch64-static command")
    shutil.copy(program, root / "qemu")
    as_root = [] if os.getuid() == 0 else ["unshare", "--map-root-user"]
    inside = {"HOME": "/home/mooring", "PATH": "/usr/bin", "OPENBLAS_NUM_THREADS": "1"}
    chroot = shutil.which("chroot") or "/usr/sbin/chroot"
    done = subprocess.run(
        [*as_root, chroot, str(root), "/qemu", *words],
        env=inside,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def clean(text: str, packages: int) -> None:
    """Check that a verification compared something and found nothing."""
    document = json.loads(text)
    assert document["findings"] == []
    assert document["counts"]["checked"] > packages


def check_schemas(layout: Path) -> None:
    """Compare every document of a layout with the schemas of the specification."""
    if not SCHEMAS.is_dir():
        absent("there are no schemas of the image specification")
    documents = {
        path.name: without_ids(json.loads(path.read_text())) for path in SCHEMAS.glob("*.json")
    }
    registry = Registry[Any]().with_resources(
        (name, Resource.from_contents(document, default_specification=DRAFT4))
        for name, document in documents.items()
    )

    def judge(document: object, kind: str) -> None:
        schema = documents[f"{kind}-schema.json"]
        Draft4Validator(schema, registry=registry).validate(document)

    judge(json.loads((layout / "oci-layout").read_text()), "image-layout")
    top = json.loads((layout / "index.json").read_text())
    judge(top, "image-index")
    blobs = layout / "blobs" / "sha256"
    waiting = [entry["digest"] for entry in top["manifests"]]
    seen = 0
    while waiting:
        document = json.loads((blobs / waiting.pop()[7:]).read_text())
        seen += 1
        judge(document, "image-index" if "manifests" in document else "image-manifest")
        waiting += [entry["digest"] for entry in document.get("manifests", ())]
        if "config" in document:
            judge(json.loads((blobs / document["config"]["digest"][7:]).read_text()), "config")
    assert seen == 3


def without_ids(document: Any) -> Any:
    """Return a schema whose references are names of files, not of pages that are not there."""
    if isinstance(document, dict):
        return {
            key: without_ids(value)
            for key, value in document.items()
            if key != "id" or not isinstance(value, str)
        }
    return [without_ids(each) for each in document] if isinstance(document, list) else document


def test_a_hundred_distributions_import(
    project: Project, engine: DockerCli, tmp_path: Path
) -> None:
    project.declare(LARGE, ["linux-64"])
    made = json.loads(project.run("build", "--format", "json", "--load"))
    run = ("run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp", made["reference"])
    script = f"OPTIONAL = {sorted(OPTIONAL)}\n{IMPORT_ALL}"
    said = engine.run(*run, "python", "-W", "ignore", "-c", script).splitlines()[-1]
    distributions, compiled, tried, failed = json.loads(said)
    assert failed == {}
    assert distributions > 100
    assert tried > 100
    assert compiled > 50
    clean(project.run("verify", "--format", "json", "--image", made["reference"]), 100)


OPTIONAL: frozenset[str] = frozenset()
