"""Containers, saved images, processes and hosts: all forms of one environment agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.engines import DockerCli
from tests.environments import install, make_venv

from mooring.errors import MooringError
from mooring.verify.inventory import Inventory
from mooring.workflow.inspecting import inspect_target
from mooring.workflow.target import Target, TargetForm, Trust


def looked_at(
    form: TargetForm, name: str, root: str | None = None, trust: Trust | None = None
) -> Inventory:
    return inspect_target(Target(form=form, name=name, root=root, trust=trust)).inventory


@dataclass(frozen=True, kw_only=True, slots=True)
class Drifted:
    """An image whose top layer changed, removed and added files, and a container of it."""

    image: str
    container: str
    expected: Inventory


@pytest.fixture(scope="module")
def drifted(
    docker_cli: DockerCli, base_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Drifted]:
    folder = tmp_path_factory.mktemp("targets")
    site = make_venv(folder / "env")
    files = {f"pkg/{name}.py": b"x = 1\n" for name in ("kept", "changed", "removed", "twin")}
    install(site, "pkg", files=files)
    install(site, "gone")
    (site / "pkg" / "linked.py").hardlink_to(site / "pkg" / "kept.py")
    (folder / "env" / "bin" / "python").symlink_to("/usr/bin/python3")
    # Workers that run at the same time have folders of the same name.
    tag = f"mooring-test/targets:{folder.parent.name}-{folder.name}"
    made = docker_cli.run("create", base_image, "true")
    docker_cli.run("cp", f"{folder}/env", f"{made}:/opt/env")
    label = "LABEL dev.mooring.environment-root=/opt/env"
    docker_cli.run("commit", "--change", label, made, f"{tag}-low")
    inside = "/opt/env/lib/python3.11/site-packages"
    script = (
        f"cd {inside} && echo y > pkg/changed.py && rm -r pkg/removed.py gone* && "
        "echo z > pkg/added.py && mkdir -p /srv && mv /opt/env /srv/env && ln -s /srv/env /opt/env"
    )
    changed = docker_cli.run("create", f"{tag}-low", "sh", "-c", script)
    docker_cli.run("start", "--attach", changed)
    docker_cli.run("commit", changed, tag)
    running = docker_cli.run("run", "--detach", "--network=none", tag, "sleep", "600")
    (site / "pkg" / "changed.py").write_text("y\n")
    (site / "pkg" / "removed.py").unlink()
    (site / "pkg" / "added.py").write_text("z\n")
    for path in sorted(site.glob("gone*/*")):
        path.unlink()
    for path in sorted(site.glob("gone*")):
        path.rmdir()
    yield Drifted(image=tag, container=running, expected=looked_at("path", str(folder / "env")))
    docker_cli.run("rm", "--force", "--volumes", made, changed, running)
    docker_cli.run("rmi", tag, f"{tag}-low")


def same(found: Inventory, expected: Inventory) -> None:
    assert found.distributions == expected.distributions
    assert found.strays == expected.strays
    assert [stray.path for stray in found.strays] != []


@pytest.mark.engine
def test_a_saved_image(docker_cli: DockerCli, drifted: Drifted, tmp_path: Path) -> None:
    docker_cli.run("save", "--output", str(tmp_path / "image.tar"), drifted.image)
    for name in (f"{tmp_path}/image.tar", f"docker-archive:{tmp_path}/image.tar:{drifted.image}"):
        found = looked_at("image", name)
        same(found, drifted.expected)
        assert (found.kind, found.root) == ("image", "/srv/env")


@pytest.mark.engine
def test_an_exported_container(docker_cli: DockerCli, drifted: Drifted, tmp_path: Path) -> None:
    docker_cli.run("export", "--output", str(tmp_path / "root.tar"), drifted.container)
    for root in ("/srv/env", "/opt/env"):
        same(looked_at("tar", str(tmp_path / "root.tar"), root), drifted.expected)
    with pytest.raises(MooringError, match="more than the folder"):
        looked_at("tar", str(tmp_path / "root.tar"))


@pytest.mark.engine
@pytest.mark.parametrize("trust", [None, "none", "probe"])
def test_a_running_container(docker_cli: DockerCli, drifted: Drifted, trust: Trust | None) -> None:
    before = docker_cli.run("diff", drifted.container)
    found = looked_at("container", drifted.container, trust=trust)
    same(found, drifted.expected)
    assert (found.kind, found.root) == ("container", "/srv/env")
    assert docker_cli.run("diff", drifted.container) == before == ""


@pytest.mark.engine
def test_a_python_in_a_container_writes_nothing(docker_cli: DockerCli, drifted: Drifted) -> None:
    from mooring.verify.collectors.probe import ProbeCollector
    from mooring.verify.collectors.transports import exec_transport

    python = "/opt/env/bin/python"
    transport = exec_transport(str(docker_cli.path), drifted.container, python, "web")
    found = ProbeCollector(transport, "container", "web", "/opt/env").collect()
    same(found, drifted.expected)
    assert docker_cli.run("diff", drifted.container) == ""


@pytest.mark.engine
def test_a_container_without_python(docker_cli: DockerCli, drifted: Drifted) -> None:
    from mooring.verify.collectors.probe import NoPythonError, ProbeCollector
    from mooring.verify.collectors.transports import exec_transport

    transport = exec_transport(str(docker_cli.path), drifted.container, "/no/python", "web")
    with pytest.raises(NoPythonError):
        ProbeCollector(transport, "container", "web", "/opt/env").collect()


@pytest.mark.engine
def test_what_is_absent(docker_cli: DockerCli, drifted: Drifted) -> None:
    for form, name, root in (
        ("container", "mooring-none", None),
        ("image", "mooring-test/none:1", None),
        ("image", drifted.image, "/nowhere"),
        ("container", drifted.container, "/nowhere"),
    ):
        with pytest.raises(MooringError) as caught:
            looked_at(form, name, root)  # type: ignore[arg-type]
        assert caught.value.exit_code == 3


@pytest.mark.engine
def test_an_image_of_the_engine(drifted: Drifted) -> None:
    found = looked_at("image", drifted.image)
    same(found, drifted.expected)
    assert (found.kind, found.root) == ("image", "/opt/env")
