"""What the builder asks of a Docker command, with a command that only writes down its arguments."""

from __future__ import annotations

import csv
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests.fakes import RecordingReporter

from mooring.build.context import hashed, with_generated
from mooring.build.daemon import RunResult
from mooring.build.docker import DockerBuilder
from mooring.build.engine import Engine
from mooring.build.interface import BuildRequest
from mooring.build.recipe import Recipe
from mooring.digests import digest_bytes
from mooring.lock.model import Selection
from mooring.oci.model import LocalImage
from mooring.oci.reference import ImageReference
from mooring.platforms import Platform, PythonVersion
from mooring.reporting import Reporter

pytestmark = pytest.mark.process

SCRIPT = """#!/usr/bin/env python3
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
log = here / "log.jsonl"
number = len(log.read_text().splitlines()) if log.exists() else 0
kept = {name: os.environ.get(name) for name in ("DOCKER_BUILDKIT", "SOURCE_DATE_EPOCH")}
with log.open("a") as stream:
    stream.write(json.dumps({"argv": sys.argv[1:], "env": kept}) + "\\n")
(here / f"stdin-{number}").write_bytes(sys.stdin.buffer.read())
print("#1 building", file=sys.stderr)
"""


class Daemon:
    """An engine that finds whatever was built, and keeps the names it is told."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def inspect(self, reference: str) -> LocalImage | None:
        fresh = "-new-" in reference
        return LocalImage(image_id="sha256:1", platform="linux/amd64") if fresh else None

    def tag(self, image: str, reference: ImageReference) -> None:
        self.calls.append(f"tag {reference.tag}")

    def untag(self, reference: ImageReference) -> None:
        self.calls.append(f"untag {str(reference.tag).rpartition('-')[0]}")

    def push(self, reference: ImageReference, reporter: Reporter) -> str | None:
        raise AssertionError

    def run(
        self, image: str, command: Sequence[str], *, timeout: float, labels: Mapping[str, str]
    ) -> RunResult:
        raise AssertionError

    def close(self) -> None:
        """There is nothing to close."""


def build(folder: Path, **engine: object) -> tuple[list[list[str]], Recipe, Daemon]:
    """Build with the writing command; return the arguments of each of its runs."""
    command = folder / "docker"
    command.write_text(SCRIPT)
    command.chmod(0o755)
    secret = folder / "a,b.pem"
    secret.write_text("x")
    dockerfile = b"FROM scratch\n"
    context = with_generated((), {"Dockerfile": dockerfile, "src/a": b"a"})
    recipe = Recipe(
        builder="docker",
        selection=Selection(
            platform=Platform.parse("linux-aarch64"),
            python=PythonVersion(minor=12),
            extras=(),
            groups=(),
            packages=(),
        ),
        base="x",
        dockerfile=digest_bytes(dockerfile),
        build_args=(("A", "1 $2"),),
        context=hashed(context),
        epoch=1767225600,
    )
    request = BuildRequest(
        recipe=recipe,
        repository="registry.example.com/app",
        context=context,
        secrets={"ca": secret},
        labels=(("title", "x=y"),),
        tags=("latest",),
        network_host=True,
        smoke=None,
    )
    found = Engine(
        cli=str(command),
        client_version="x",
        server_version="x",
        platform="linux/amd64",
        **engine,  # type: ignore[arg-type]
    )
    daemon = Daemon()
    DockerBuilder(found, daemon=daemon).build(request, RecordingReporter())
    runs = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    for run in runs:
        assert run["env"] == {"DOCKER_BUILDKIT": "1", "SOURCE_DATE_EPOCH": "1767225600"}
    with tarfile.open(folder / "stdin-0") as tar:
        assert tar.getnames() == ["Dockerfile", "src", "src/a"]
    return [run["argv"] for run in runs], recipe, daemon


def common(folder: Path, recipe: Recipe) -> list[str]:
    return [
        "--progress=plain",
        "--file=Dockerfile",
        "--platform=linux/arm64",
        f"--label=dev.mooring.recipe-digest={recipe.digest}",
        "--label=title=x=y",
        "--build-arg=A=1 $2",
        "--build-arg=SOURCE_DATE_EPOCH=1767225600",
        f'--secret=id=ca,"src={folder}/a,b.pem"',
        "--network=host",
    ]


def test_a_command_with_buildkit_inside(tmp_path: Path) -> None:
    ((*words, tag_option, tag, context),), recipe, daemon = build(tmp_path)
    assert words == ["build", *common(tmp_path, recipe)]
    assert (tag_option, context) == ("--tag", "-")
    assert tag.startswith(f"registry.example.com/app:{recipe.content_tag}-new-")
    content_tag = recipe.content_tag
    assert daemon.calls == [f"tag {content_tag}", f"untag {content_tag}-new", "tag latest"]


def test_buildx_that_cannot_rewrite_times(tmp_path: Path) -> None:
    ((*words, load, tag_option, _, context),), recipe, _ = build(
        tmp_path, buildx="0.13.1", driver="docker", buildkit=(0, 12)
    )
    assert words == ["buildx", "build", "--provenance=false", *common(tmp_path, recipe)]
    assert (load, tag_option, context) == ("--load", "--tag", "-")


def test_buildx_that_rewrites_times_goes_through_a_file(tmp_path: Path) -> None:
    (first, second), recipe, _ = build(
        tmp_path, buildx="0.29.1", driver="docker", buildkit=(0, 25), containerd_store=True
    )
    *words, option, output, context = first
    assert words == ["buildx", "build", "--provenance=false", *common(tmp_path, recipe)]
    assert (option, context) == ("--output", "-")
    (fields,) = csv.reader([output])
    values = dict(field.split("=", 1) for field in fields)
    assert values["type"] == "oci"
    assert values["rewrite-timestamp"] == "true"
    assert values["name"].startswith(f"registry.example.com/app:{recipe.content_tag}-new-")
    assert second == ["load", "--input", values["dest"]]
    assert not Path(values["dest"]).parent.exists()
