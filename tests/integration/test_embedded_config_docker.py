"""The configuration is the one that BuildKit makes of the rendered Dockerfile."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.engines import DockerCli
from tests.unit.build.embedded.environments_made import PLACE, base, scan, text
from tests.unit.render.making import request_for, selection_of

from mooring.build.embedded.config import image_config
from mooring.build.embedded.plan.account import account_entries
from mooring.build.engine import probe
from mooring.manifest.model import ImageSpec
from mooring.manifest.reader import load
from mooring.render.engine import render
from mooring.render.interface import BaseImage

pytestmark = pytest.mark.engine

FLASK_SERVICE = Path(__file__).resolve().parents[2] / "examples" / "flask-service"

# The built-in template without its downloads: what is installed decides no setting.
TEMPLATE = """\
{% extends "slim.Dockerfile.j2" %}
{% block build %}
RUN mkdir -p /opt/account/home {{ environment_root }} \\
 && cp /etc/passwd /etc/group /opt/account
{% endblock %}
"""

COMPARED = (
    "Cmd",
    "Entrypoint",
    "Env",
    "ExposedPorts",
    "Healthcheck",
    "Labels",
    "Shell",
    "StopSignal",
    "User",
    "Volumes",
    "WorkingDir",
)

RICH_BASE = """\
FROM {base}
ENV HOME=/root LANG=C.UTF-8 GREETING="of the base"
LABEL vendor=base org.opencontainers.image.title="of the base"
EXPOSE 53/udp 8000
VOLUME /data
STOPSIGNAL SIGINT
SHELL ["/bin/bash", "-c"]
HEALTHCHECK --interval=9s CMD ["true"]
WORKDIR /of/base
USER 33
ENTRYPOINT ["/entry", "of base"]
CMD ["of base"]
"""

Build = Callable[[Mapping[str, str]], str]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """Give what builds a context with BuildKit; the images are removed again."""
    monkeypatch.setenv("DOCKER_BUILDKIT", "1")
    cli = DockerCli(path=Path(probe().cli))
    tags: list[str] = []

    def make(files: Mapping[str, str]) -> str:
        context = tmp_path / f"context-{len(tags)}"
        for path, content in files.items():
            (context / path).parent.mkdir(parents=True, exist_ok=True)
            (context / path).write_text(content)
        tag = f"mooring-test/config:{uuid.uuid4().hex[:12]}"
        cli.run("build", "--quiet", "--tag", tag, str(context), timeout=300)
        tags.append(tag)
        return tag

    yield make
    for tag in reversed(tags):
        cli.run("rmi", "--force", tag, check=False)


def settings_of(cli: DockerCli, tag: str) -> dict[str, Any]:
    [document] = json.loads(cli.run("inspect", tag))
    found = document["Config"]
    assert isinstance(found, dict)
    return found


def compared(settings: Mapping[str, Any]) -> dict[str, object]:
    """Return what decides how a container runs; nothing is the same as absent."""
    return {name: settings[name] for name in COMPARED if settings.get(name)}


def judge(cli: DockerCli, build: Build, tag: str, spec: ImageSpec, folder: Path) -> None:
    """Build with an engine and without, and compare the settings."""
    (folder / "own.j2").write_text(TEMPLATE)
    request = request_for(spec, selection_of(), base=BaseImage(reference=tag, image_id="x"))
    rendered = render(request, template="own.j2", root=folder)
    files = dict.fromkeys(spec.files, "")
    theirs = settings_of(cli, build({**files, "Dockerfile": rendered.files["Dockerfile"]}))
    theirs["Labels"] = theirs["Labels"] or {}
    labels = {
        name: value
        for name, value in theirs["Labels"].items()
        if name.startswith(("dev.mooring.", "org.opencontainers.image."))
    }
    content = base(settings_of(cli, tag))
    made = image_config(content, spec, PLACE, [], created=0, labels={**labels, **dict(spec.labels)})
    assert compared(json.loads(made)["config"]) == compared(theirs)


def test_the_flask_service_has_the_same_settings(
    docker_cli: DockerCli, base_image: str, build: Build, tmp_path: Path
) -> None:
    spec = load(FLASK_SERVICE).image
    assert spec is not None
    judge(docker_cli, build, base_image, spec, tmp_path)


@pytest.mark.parametrize(
    "spec",
    [
        ImageSpec(),
        ImageSpec(entrypoint=("a", "b c")),
        ImageSpec(cmd=("a",), user="1000", workdir="/srv/x"),
        ImageSpec(entrypoint=("a",), cmd=("b",), user="root", ports=(8000, 9000)),
        ImageSpec(
            env=(("GREETING", "Ahoy $PATH"), ("NEW", "a=b"), ("LANG", ""), ("HOME", "/x")),
            labels=(("org.opencontainers.image.title", "x"), ("vendor", ""), ("z", "1")),
            healthcheck=("python", "-c", "pass"),
            user="0:0",
        ),
    ],
    ids=["defaults", "entry point", "command", "both", "the rest"],
)
def test_the_settings_of_a_base_survive_as_they_do_in_the_engine(
    docker_cli: DockerCli, base_image: str, build: Build, tmp_path: Path, spec: ImageSpec
) -> None:
    rich = build({"Dockerfile": RICH_BASE.format(base=base_image)})
    judge(docker_cli, build, rich, spec, tmp_path)


def test_the_account_is_the_one_that_the_template_adds(
    docker_cli: DockerCli, base_image: str
) -> None:
    script = "cat /etc/passwd; echo -; cat /etc/group; mkdir /home/mooring && ls -ld /home/mooring"
    said = docker_cli.run("run", "--rm", "--entrypoint", "sh", base_image, "-c", script)
    passwd, _, rest = said.partition("-\n")
    assert "root:x:0:0" in passwd
    group = rest.rpartition("\n")[0] + "\n"
    entries = account_entries("65532:65532", scan(passwd=passwd, group=group))
    by_path = {entry.path: entry for entry in entries}
    added = "mooring:x:65532:65532::/home/mooring:/sbin/nologin\n"
    assert text(by_path["/etc/passwd"]) == passwd + added
    assert text(by_path["/etc/group"]) == group + "mooring:x:65532:\n"
