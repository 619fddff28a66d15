"""A container that was never started, read as the engine streams it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import DockerCli
from tests.environments import install, locked, make_venv, record_row, selection

from mooring.manifest.model import VerifyPolicy
from mooring.process import ProcessError, streamed
from mooring.verify.collectors.path import PathCollector
from mooring.verify.collectors.tar import TarCollector
from mooring.verify.collectors.tar_stream import TarError
from mooring.verify.compare import compare

pytestmark = pytest.mark.engine


@pytest.fixture
def container(docker_cli: DockerCli, base_image: str) -> Iterator[str]:
    name = docker_cli.run("create", base_image, "true")
    yield name
    docker_cli.run("rm", "--force", name)


@pytest.mark.parametrize("verb", ["cp", "export"])
def test_as_on_disk(docker_cli: DockerCli, container: str, tmp_path: Path, verb: str) -> None:
    site = make_venv(tmp_path / "env")
    rows = [record_row("twin.py", b"x"), record_row("link.py", b"x")]
    files = {"a/" * 60 + "deep.py": b"", "naïve.py": b"1", "first.py": b"x", "drift.py": b"old"}
    install(site, "pkg", files=files, rows=rows)
    (site / "twin.py").hardlink_to(site / "first.py")
    (site / "link.py").symlink_to("first.py")
    (tmp_path / "env" / "lib64").symlink_to("lib")
    (site / "drift.py").write_bytes(b"new")
    docker_cli.run("cp", f"{tmp_path}/env", f"{container}:/opt/env")
    words = ["cp", f"{container}:/opt/env", "-"] if verb == "cp" else ["export", container]
    collector = TarCollector(
        lambda: streamed([docker_cli.path, *words]), "container", container, "/opt/env"
    )
    inventory = collector.collect()
    assert inventory.distributions == PathCollector(tmp_path / "env").collect().distributions
    verification = compare(selection(locked("pkg")), inventory, VerifyPolicy())
    [finding] = verification.findings
    assert (finding.rule.id, finding.path) == (
        "MOR106",
        "lib/python3.11/site-packages/drift.py",
    )
    assert docker_cli.run("diff", container).splitlines()[0] == "C /opt"


def test_a_folder_that_is_not_there(docker_cli: DockerCli, container: str) -> None:
    words = [str(docker_cli.path), "cp", f"{container}:/nowhere", "-"]
    collector = TarCollector(lambda: streamed(words), "container", container, "/nowhere")
    with pytest.raises((TarError, ProcessError)) as caught:
        collector.collect()
    assert caught.value.exit_code == 3
