"""hadolint, with its default rules and nothing ignored, on what the template `conda` gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.test_render_hadolint import lint
from tests.unit.render.conda_making import FULL, VARIABLES, conda_request, request_with_pypi

from mooring.render.conda import CondaRenderRequest, render_conda

pytestmark = pytest.mark.process

REQUESTS: dict[str, CondaRenderRequest] = {
    "least": conda_request(),
    "service": conda_request(FULL),
    "with pypi": request_with_pypi(),
    "variables": conda_request(FULL, variables=VARIABLES),
    "two platforms": conda_request(platforms=("linux-64", "linux-aarch64")),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_hadolint_has_nothing_to_say(name: str, tmp_path: Path) -> None:
    assert lint(render_conda(REQUESTS[name], root=tmp_path).files["Dockerfile"]) == ""


def test_hadolint_reads_the_file_to_its_end(tmp_path: Path) -> None:
    text = render_conda(REQUESTS["variables"], root=tmp_path).files["Dockerfile"]
    assert "DL4000" in lint(f"{text}MAINTAINER nobody\n")


def test_a_template_of_a_project_extends_it(tmp_path: Path) -> None:
    (tmp_path / "own.j2").write_text(
        '{% extends "conda" %}\n'
        "{% block runtime_setup %}\n"
        'RUN ["/bin/true"]\n'
        "{% endblock %}\n"
        "{% block micromamba %}\n"
        "ARG MOORING_MICROMAMBA=registry.example.com/micromamba:2\n"
        "{% endblock %}\n"
    )
    text = render_conda(REQUESTS["service"], template="own.j2", root=tmp_path).files["Dockerfile"]
    assert 'RUN ["/bin/true"]' in text
    assert "ARG MOORING_MICROMAMBA=registry.example.com/micromamba:2\n" in text
    assert lint(text) == ""
