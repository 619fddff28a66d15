"""The examples, run as their READMEs say: the real index, the real engine."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.engines import DockerCli
from tests.functional.command import Mooring, in_process

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

pytestmark = [pytest.mark.index, pytest.mark.process, pytest.mark.network]


@pytest.fixture
def mooring(capsys: pytest.CaptureFixture[str]) -> Mooring:
    return in_process(capsys)


def copy(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns(".venv", "*.lock"))
    monkeypatch.chdir(folder)
    return folder


def python(folder: Path, *arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [folder / ".venv" / "bin" / "python", *arguments],
        cwd=folder,
        env={"PYTHONPATH": "src", "PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_library_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mooring: Mooring) -> None:
    folder = copy("library-ci", tmp_path, monkeypatch)
    assert mooring("lock").code == 0
    assert mooring("lock", "--check").code == 0
    assert mooring("sync").code == 0
    assert "2 passed" in python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    verified = mooring("verify", ".venv")
    assert verified.code == 0, verified.out + verified.err
    stale = folder / "pyproject.toml"
    stale.write_text(stale.read_text().replace("regex>=2024.5", "regex>=2024.6"))
    assert mooring("lock", "--check").code == 1


def test_churn_model_gives_the_same_result_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mooring: Mooring
) -> None:
    folder = copy("churn-model", tmp_path, monkeypatch)
    assert mooring("lock", "--no-base").code == 0
    synced = mooring("sync", "--environment", "dev")
    assert synced.code == 0, synced.err
    first = json.loads(python(folder, "-m", "churn", OMP_NUM_THREADS="1"))
    assert first["auc"] > 0.6
    assert json.loads(python(folder, "-m", "churn", OMP_NUM_THREADS="1")) == first
    assert json.loads(python(folder, "-m", "churn", "--seed", "8")) != first
    document = mooring("verify", "--environment", "dev", "--format", "json").document
    assert document["findings"] == []
    assert document["counts"]["checked"] >= 10
    # The default environment has no dev group: its tools are extra there.
    extra = mooring("verify", "--format", "json")
    assert extra.code == 1
    assert {"pytest", "ruff"} <= {finding["package"] for finding in extra.document["findings"]}


@pytest.mark.engine
def test_flask_service_from_lock_to_verified_image(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mooring: Mooring,
    docker_cli: DockerCli,
    base_image: str,
) -> None:
    folder = copy("flask-service", tmp_path, monkeypatch)
    path = folder / "pyproject.toml"
    repository = f"mooring-test/greeter-{tmp_path.name}".lower()
    path.write_text(
        path.read_text()
        .replace("python:3.11-slim", base_image)
        .replace("[tool.mooring.image]\n", f'[tool.mooring.image]\nrepository = "{repository}"\n')
    )
    locked = mooring("lock")
    assert locked.code == 0, locked.err
    assert mooring("lock", "--check").code == 0
    assert mooring("sync", "--environment", "test").code == 0
    assert mooring("verify", "--environment", "test").code == 0
    page = "from greeter.app import create_app; print(create_app().test_client().get('/').text)"
    assert python(folder, "-c", page, GREETING="Moin").strip() == "Moin, world"
    try:
        built = mooring("build", "--tag", "latest", "--format", "json")
        assert built.code == 0, built.err
        assert built.document["reused"] is False
        again = mooring("build", "--tag", "latest", "--format", "json").document
        assert again["reused"] is True
        assert again["reference"] == built.document["reference"]
        clean = mooring("verify", "--image", f"{repository}:latest", "--format", "json")
        assert clean.code == 0, clean.out
        assert clean.document["counts"]["checked"] >= 8
        _drift_in_a_container(docker_cli, mooring, f"{repository}:latest")
    finally:
        names = docker_cli.run("images", "--quiet", repository).split()
        for name in set(names):
            docker_cli.run("rmi", "--force", name, check=False)


def _drift_in_a_container(docker_cli: DockerCli, mooring: Mooring, image: str) -> None:
    """Edit a file in a container that never leaves it, and let Mooring find it."""
    name = "mooring-test-drift-" + image.rpartition("-")[2].partition(":")[0]
    edit = (
        "import flask, pathlib; p = pathlib.Path(flask.__file__); p.write_text(p.read_text() + '#')"
    )
    docker_cli.run(
        "run", "--name", name, "--user", "0", "--entrypoint", "python", image, "-c", edit
    )
    try:
        before = docker_cli.run("diff", name)
        drifted = mooring("verify", "--container", name, "--format", "json")
        assert drifted.code == 1, drifted.out + drifted.err
        [finding] = drifted.document["findings"]
        assert (finding["rule"], finding["package"]) == ("MOR106", "flask")
        assert docker_cli.run("diff", name) == before
    finally:
        docker_cli.run("rm", "--force", name)
