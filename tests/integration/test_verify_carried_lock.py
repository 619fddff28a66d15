"""Images and containers of a real engine, verified by nothing but the lock that they carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.engines import DockerCli
from tests.environments import install, locked, make_venv, selection
from tests.functional.command import Mooring, in_process

from mooring.build.embedded.plan.lock_entries import lock_digest, lock_text
from mooring.platforms import Platform, PythonVersion

pytestmark = pytest.mark.engine

INSIDE = "/opt/env/lib/python3.11/site-packages"


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """An image with a lock in it, one whose lock was changed, and containers of the first."""

    image: str
    forged: str
    running: str
    drifted: str


@pytest.fixture(scope="module")
def made(
    docker_cli: DockerCli, base_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("carried")
    install(make_venv(folder / "env"), "alpha")
    (folder / "env" / "bin" / "python").symlink_to("/usr/bin/python3")
    machine = Platform.current().oci or "linux/amd64"
    chosen = selection(
        locked("alpha", sdist=False),
        python=PythonVersion(minor=11),
        platform=Platform.from_oci(machine),
    )
    lock = folder / "env" / "share" / "mooring" / "pylock.toml"
    lock.parent.mkdir(parents=True)
    lock.write_text(lock_text(chosen))
    tag = f"mooring-test/carried:{folder.name}"
    base = docker_cli.run("create", base_image, "true")
    docker_cli.run("cp", f"{folder}/env", f"{base}:/opt/env")
    labels = (
        f"LABEL dev.mooring.environment-root=/opt/env dev.mooring.lock-digest={lock_digest(chosen)}"
    )
    docker_cli.run("commit", "--change", labels, base, tag)
    start = ("run", "--detach", "--network=none")
    running = docker_cli.run(*start, tag, "sleep", "600")
    drifted = docker_cli.run(
        *start, tag, "sh", "-c", f"echo y > {INSIDE}/alpha/__init__.py && sleep 600"
    )
    lock.write_text(lock_text(chosen).replace("a" * 64, "b" * 64))
    docker_cli.run("cp", f"{folder}/env/share", f"{base}:/opt/env")
    docker_cli.run("commit", "--change", labels, base, f"{tag}-forged")
    yield Made(image=tag, forged=f"{tag}-forged", running=running, drifted=drifted)
    docker_cli.run("rm", "--force", "--volumes", base, running, drifted)
    docker_cli.run("rmi", tag, f"{tag}-forged")


@pytest.fixture
def mooring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Mooring:
    """Return the command in a folder without any project."""
    monkeypatch.chdir(tmp_path)
    return in_process(capsys)


def test_an_image_of_the_engine(mooring: Mooring, made: Made) -> None:
    told = mooring("verify", "--format", "json", "--image", made.image)
    assert told.code == 0, told.err
    assert told.document["counts"]["checked"] == 1
    assert told.document["findings"] == []
    assert "lock that is in the image itself" in told.err


def test_containers(mooring: Mooring, docker_cli: DockerCli, made: Made) -> None:
    assert mooring("verify", "--container", made.running).code == 0
    told = mooring("verify", "--container", made.drifted)
    assert told.code == 1, told.err
    assert "alpha/__init__.py" in told.out
    stopped = docker_cli.run("create", made.image, "true")
    try:
        assert mooring("verify", "--container", stopped).code == 0
    finally:
        docker_cli.run("rm", stopped)


def test_saved_and_exported(
    mooring: Mooring, docker_cli: DockerCli, made: Made, tmp_path: Path
) -> None:
    docker_cli.run("save", "--output", str(tmp_path / "image.tar"), made.image)
    assert mooring("verify", "--image", "image.tar").code == 0
    docker_cli.run("export", "--output", str(tmp_path / "root.tar"), made.running)
    assert mooring("verify", "--tar", "root.tar", "--root", "/opt/env").code == 0


def test_the_label_tells_of_a_forged_lock(mooring: Mooring, made: Made) -> None:
    told = mooring("verify", "--image", made.forged)
    assert told.code == 3
    assert "was changed" in told.err
