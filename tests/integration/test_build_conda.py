"""An image with conda packages, built by a real engine with a stand-in for micromamba.

The stand-in takes the same options and the same list; it fetches, compares hashes and unpacks. What
micromamba itself does with the list is not tried here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conda_channels import CondaChannelFolder, Recipe, http_channel, library_recipe
from tests.engines import DockerCli
from tests.functional.command import Mooring, in_process

from mooring.build.daemon import EngineError
from mooring.manifest.reader import load
from mooring.platforms import Platform
from mooring.reporting import SILENT
from mooring.workflow.conda_building import CondaImage, build_conda
from mooring.workflow.conda_selecting import CondaProject, open_conda_project

pytestmark = pytest.mark.engine

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

STAND_IN = """\
#!/usr/bin/python3
import hashlib, io, os, sys, tarfile, urllib.request
words = sys.argv[1:]
assert words[0] == "create" and "--always-copy" in words, words
prefix, listed = words[words.index("--prefix") + 1], words[words.index("--file") + 1]
lines = open(listed).read().split("@EXPLICIT\\n")[1].split()
os.makedirs(f"{prefix}/conda-meta")
for line in lines:
    url, _, digest = line.partition("#sha256:")
    data = urllib.request.urlopen(url).read()
    if hashlib.sha256(data).hexdigest() != digest:
        sys.exit(f"hash mismatch: {url}")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        tar.extractall(prefix, [m for m in tar if not m.name.startswith("info/")])
open(f"{prefix}/conda-meta/history", "w").write("now")
"""


@pytest.fixture
def mooring(capsys: pytest.CaptureFixture[str]) -> Mooring:
    return in_process(capsys)


@pytest.fixture
def micromamba(docker_cli: DockerCli, base_image: str, tmp_path: Path) -> Iterator[str]:
    """Build the image of the stand-in and take it away in the end."""
    folder = tmp_path / "stand-in"
    folder.mkdir()
    (folder / "micromamba").write_text(STAND_IN)
    (folder / "Dockerfile").write_text(
        f"FROM {base_image}\nCOPY micromamba /usr/local/bin/micromamba\n"
        "RUN chmod 0755 /usr/local/bin/micromamba\nUSER 1000\n"
    )
    name = f"mooring-test/micromamba:{tmp_path.name}".lower()
    docker_cli.run("build", "--quiet", "--tag", name, str(folder), timeout=300)
    yield name
    docker_cli.run("rmi", "--force", name, check=False)


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[CondaChannelFolder]:
    with http_channel(tmp_path / "channel") as (made, _):
        made.add(library_recipe())
        made.add(Recipe(name="extra"))
        made.index()
        yield made


@pytest.fixture
def project(
    tmp_path: Path, channel: CondaChannelFolder, base_image: str, micromamba: str, mooring: Mooring
) -> CondaProject:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    (folder / "src/app.txt").write_text("app\n")
    (folder / "own.j2").write_text(
        '{% extends "conda" %}\n{% block micromamba %}\n'
        f"ARG MOORING_MICROMAMBA={micromamba}\n"
        "{% endblock %}\n"
    )
    (folder / "mooring.toml").write_text(
        'platforms = ["linux-64"]\n[conda]\n'
        f'channels = ["{channel.url}"]\ndependencies = ["libwave"]\n'
        f'[image]\nbase = "{base_image}"\ntemplate = "own.j2"\nfiles = ["src"]\n'
        'env = { A = "1" }\ncmd = ["cat", "/opt/env/share/libwave/data.txt"]\n'
    )
    said = mooring("lock", "--project", folder)
    assert said.code == 0, said.err
    return open_conda_project(load(folder), with_base=True)


@pytest.fixture
def wanted(tmp_path: Path, docker_cli: DockerCli) -> Iterator[CondaImage]:
    repository = "mooring-test/conda-" + re.sub(r"[^a-z0-9]+", "-", tmp_path.name.lower())
    yield CondaImage(
        platform=Platform.parse("linux-64"),
        repository=repository,
        tags=("latest",),
        network_host=True,
    )
    for name in set(docker_cli.run("images", "--quiet", repository).split()):
        docker_cli.run("rmi", "--force", name, check=False)


def test_an_image_is_built_once_and_runs(
    project: CondaProject, wanted: CondaImage, docker_cli: DockerCli
) -> None:
    recipe, image = build_conda(project, wanted, SILENT)
    assert image.reference == f"{wanted.repository}:{recipe.content_tag}"
    assert not image.reused
    again, found = build_conda(project, wanted, SILENT)
    assert again.digest == recipe.digest
    assert found.reused
    name = f"{wanted.repository}:latest"
    assert docker_cli.run("run", "--rm", name) == "plain"
    seen = docker_cli.run(
        "run",
        "--rm",
        name,
        "sh",
        "-c",
        "id -u; whoami; echo $CONDA_PREFIX $PATH $A $HOME; cat src/app.txt; "
        "ls /opt/env; wc -c < /opt/env/conda-meta/history; touch /opt/env/x 2>&1; "
        "command -v micromamba || echo none",
    )
    lines = [line.strip() for line in seen.splitlines()]
    assert lines[:4] == [
        "65532",
        "mooring",
        f"/opt/env /opt/env/bin:{SYSTEM_PATH} 1 /home/mooring",
        "app",
    ]
    assert {"share", "lib", "conda-meta", "0"} <= set(lines)
    assert any("ermission denied" in line for line in lines)
    assert lines[-1] == "none"


def test_the_command_builds_with_an_engine(
    project: CondaProject, wanted: CondaImage, mooring: Mooring
) -> None:
    words = ("build", "--project", project.root, "--repository", wanted.repository)
    built = mooring(*words, "--network-host", "--no-smoke", "--format", "json")
    assert built.code == 0, built.err
    assert "builder: docker (conda packages" in built.err
    assert (built.document["reused"], built.document["engine"]) == (False, "docker")
    again = mooring(*words, "--no-smoke", "--format", "json")
    assert again.document["reused"] is True
    assert again.document["recipe-digest"] == built.document["recipe-digest"]
    refused = mooring(*words, "--output", "oci:out")
    assert refused.code == 2
    assert "the embedded builder makes no images with conda packages yet" in refused.err


def test_bytes_that_are_not_the_locked_ones_make_no_image(
    project: CondaProject,
    wanted: CondaImage,
    channel: CondaChannelFolder,
    docker_cli: DockerCli,
) -> None:
    for path in channel.folder.glob("*/libwave-*"):
        path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(EngineError, match="hash mismatch"):
        build_conda(project, wanted, SILENT)
    assert docker_cli.run("images", "--quiet", wanted.repository) == ""
