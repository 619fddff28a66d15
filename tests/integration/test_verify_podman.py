"""Containers and images of podman, where it is: as on disk, and nothing is written."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import absent
from tests.environments import install, make_venv
from tests.images import layer

from mooring.errors import MooringError
from mooring.verify.collectors.path import PathCollector
from mooring.workflow.inspecting import inspect_target
from mooring.workflow.target import Target, TargetForm

pytestmark = pytest.mark.process

_LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
"""What podman sets by itself may be more than a machine allows."""


def podman(*words: str) -> str:
    environ = {name: value for name, value in os.environ.items() if name != "DOCKER_CONFIG"}
    done = subprocess.run(
        ["podman", *words], capture_output=True, text=True, timeout=120, check=False, env=environ
    )
    assert done.returncode == 0, f"podman {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def usable(*words: str) -> str:
    """Do what needs rights that some machines do not give: user namespaces, mounts, cgroups."""
    try:
        return podman(*words)
    except AssertionError as error:
        pytest.skip(f"podman cannot work here: {error}")


def program_files(program: str) -> list[str]:
    """Return a program of this machine with the libraries that it needs to run."""
    needs = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [program, *re.findall(r"(/\S+) \(0x", needs)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Return an image with an environment and one program, and where the environment is here."""
    if shutil.which("podman") is None:
        absent("there is no podman command")
    folder = tmp_path_factory.mktemp("podman")
    root = folder / "root"
    site = make_venv(root / "opt/env")
    install(site, "pkg", files={"pkg/a.py": b"a", "pkg/b.py": b"b"})
    (site / "pkg/a.py").write_bytes(b"changed")
    for path in program_files("/bin/sleep"):
        (root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path.lstrip("/"))
    (folder / "root.tar").write_bytes(layer(folder=root, at="."))
    name = f"localhost/mooring-test-podman:{os.getpid()}"
    usable("import", "--change", "ENV VIRTUAL_ENV=/opt/env", str(folder / "root.tar"), name)
    yield name, root / "opt/env"
    podman("rmi", "--force", name)


@pytest.fixture
def container(image: tuple[str, Path]) -> Iterator[str]:
    made = usable("create", "--network", "none", *_LIMITS, image[0], "/none")
    yield made
    podman("rm", "--force", "--volumes", made)


@pytest.mark.parametrize("form", ["container", "image"])
def test_as_on_disk(image: tuple[str, Path], container: str, form: TargetForm) -> None:
    name, env = image
    before = podman("ps", "--all", "--quiet")
    target = Target(form=form, name=container if form == "container" else name, engine="podman")
    found = inspect_target(target)
    assert found.inventory.distributions == PathCollector(env).collect().distributions
    assert (found.inventory.kind, found.inventory.root) == (form, "/opt/env")
    assert found.oci in {"linux/amd64", "linux/arm64"}
    assert podman("ps", "--all", "--quiet") == before
    assert podman("diff", container) == ""


@pytest.mark.network
def test_it_is_found_without_being_named(image: tuple[str, Path]) -> None:
    found = inspect_target(Target(form="image", name=image[0]))
    assert found.inventory.root == "/opt/env"


def test_what_is_absent(image: tuple[str, Path], container: str) -> None:
    for form, name, root in (
        ("container", "mooring-none", None),
        ("image", "localhost/mooring-none:1", None),
        ("container", container, "/nowhere"),
        ("image", image[0], "/nowhere"),
    ):
        with pytest.raises(MooringError) as caught:
            inspect_target(Target(form=form, name=name, root=root, engine="podman"))  # type: ignore[arg-type]
        assert caught.value.exit_code == 3
        assert "/nowhere" in str(caught.value) or "podman has no" in str(caught.value)


def test_a_running_one(image: tuple[str, Path], tmp_path: Path) -> None:
    """Its files are read through its own root: nothing is started in it, nothing written."""
    name = usable("run", "--detach", "--network", "none", *_LIMITS, image[0], "/bin/sleep", "300")
    try:
        before = podman("diff", name)
        found = inspect_target(Target(form="container", name=name, engine="podman"))
        assert found.inventory.distributions == PathCollector(image[1]).collect().distributions
        assert podman("diff", name) == before
    finally:
        with contextlib.suppress(AssertionError):
            podman("rm", "--force", "--volumes", "--time", "0", name)
