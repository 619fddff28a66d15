"""hadolint, with its default rules and nothing ignored, on every Dockerfile that is rendered."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.render.making import BASE, NASTY, direct, request_for, selection_of, wheel_of

from mooring.lock.model import Artifact
from mooring.manifest.model import ImageSpec, Index
from mooring.render.engine import render
from mooring.render.interface import BaseImage, RenderRequest
from mooring.render.locate import builtin_names

pytestmark = pytest.mark.process

_SDIST = Artifact(
    kind="sdist",
    name="old-1.0.tar.gz",
    path="sdists/old-1.0.tar.gz",
    hashes=(("sha256", "2" * 64),),
)
_FULL = ImageSpec(
    files=("src", "my dir/it's", 'a "b" $c', "ü & (x)", "it's $x y"),
    env=tuple((f"E{i}", value) for i, value in enumerate(NASTY.values())),
    labels=tuple((f"com.example.l{i}", value) for i, value in enumerate(NASTY.values())),
    entrypoint=tuple(NASTY.values()),
    cmd=("a\nb\t\x01", *NASTY.values()),
    ports=(80, 8000),
    healthcheck=("python", "-c", "import demo", *NASTY.values()),
    workdir="/my app",
)
REQUESTS: dict[str, RenderRequest] = {
    "least": request_for(ImageSpec(), selection_of()),
    "service": request_for(
        ImageSpec(
            files=("src",),
            env=(("PYTHONHASHSEED", "0"),),
            entrypoint=("python", "-m", "demo"),
            ports=(8000,),
        )
    ),
    "named values": request_for(_FULL),
    "local base": request_for(base=BaseImage(reference="mooring-test/base:bookworm")),
    "group only": request_for(ImageSpec(user="1000")),
    "from source": request_for(
        None, selection_of(direct("old", _SDIST), wheel_of("setuptools"), wheel_of("pip"))
    ),
    "private indexes": request_for(
        indexes=(
            Index(name="corp", url="https://pkgs.example.com/simple?a=b&c='d'"),
            Index(name="main", url="https://main.example.com/simple", default=True),
        )
    ),
    "other python": request_for(None, selection_of(wheel_of("flask"), python="3.13")),
}


def lint(dockerfile: str) -> str:
    """Return what hadolint says about a Dockerfile, empty when it has nothing to say."""
    beside = Path(sys.executable).parent / "hadolint"
    program = str(beside) if beside.is_file() else shutil.which("hadolint")
    if program is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run(
        [program, "--no-color", "-"], input=dockerfile.encode(), capture_output=True, check=False
    )
    return (done.stdout + done.stderr).decode()


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("template", builtin_names())
def test_hadolint_has_nothing_to_say(template: str, name: str, tmp_path: Path) -> None:
    text = render(REQUESTS[name], template=template, root=tmp_path).files["Dockerfile"]
    assert lint(text) == ""


@pytest.mark.parametrize("template", builtin_names())
def test_hadolint_reads_the_file_to_its_end(template: str, tmp_path: Path) -> None:
    """A value that it cannot parse would hide everything that follows."""
    for key, value in NASTY.items():
        image = replace(_FULL, env=(("E", value),), labels=(("l", value),), cmd=(value,))
        text = render(request_for(image), template=template, root=tmp_path).files["Dockerfile"]
        assert "DL4000" in lint(f"{text}MAINTAINER nobody\n"), key


def test_a_template_of_a_project_passes_too(tmp_path: Path) -> None:
    (tmp_path / "own.j2").write_text(
        '{% extends "slim" %}\n'
        "{% block runtime_setup %}\n"
        'RUN ["/bin/true"]\n'
        "{% endblock %}\n"
        "{% block command %}\n"
        "{{ super() }}\n"
        "STOPSIGNAL SIGINT\n"
        "{% endblock %}\n"
    )
    request = request_for(_FULL, base=BASE)
    text = render(request, template="own.j2", root=tmp_path).files["Dockerfile"]
    assert text.endswith("STOPSIGNAL SIGINT\n")
    assert lint(text) == ""


def test_hadolint_is_awake() -> None:
    assert "DL3002" in lint("FROM a:1\nUSER 0:0\n")
