"""Rendering environments with conda packages: which files, by which template, and their text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.render.conda_making import (
    CHANNEL,
    FULL,
    VARIABLES,
    conda_request,
    lock_for,
    request_with_pypi,
)

from mooring.errors import InputError
from mooring.lock.conda import select_conda
from mooring.manifest.model import ImageSpec
from mooring.platforms import Platform
from mooring.render.conda import MICROMAMBA, conda_template, list_name, render_conda


def test_every_platform_of_an_image_has_a_list(tmp_path: Path) -> None:
    request = conda_request(platforms=("linux-64", "linux-aarch64"))
    rendered = render_conda(request, root=tmp_path)
    assert list(rendered.files) == [
        "Dockerfile",
        ".dockerignore",
        "environment.yml",
        "mooring.conda.amd64.txt",
        "mooring.conda.arm64.txt",
        "mooring.requirements.txt",
    ]
    assert rendered.template == "conda"
    listed = rendered.files["mooring.conda.arm64.txt"]
    assert f"{CHANNEL}/linux-aarch64/python-3.12.4-h1_0.conda#sha256:{'2' * 64}\n" in listed
    for name in ("mooring.conda.amd64.txt", "mooring.conda.arm64.txt"):
        assert f"source={name},target=/build/{name}" in rendered.files["Dockerfile"]
        assert f"!{name}\n" in rendered.files[".dockerignore"]
    assert render_conda(request, root=tmp_path) == rendered


def test_what_comes_from_pypi_has_its_own_list(tmp_path: Path) -> None:
    files = render_conda(request_with_pypi(), root=tmp_path).files
    assert "rich" not in files["mooring.conda.amd64.txt"]
    assert "rich==2.0" in files["mooring.requirements.txt"]
    assert "--require-hashes --no-deps" in files["Dockerfile"]
    without = render_conda(conda_request(FULL), root=tmp_path).files
    assert "pip install" not in without["Dockerfile"]
    assert "venv" not in without["Dockerfile"]


def test_the_environment_is_active_without_a_shell(tmp_path: Path) -> None:
    text = render_conda(conda_request(FULL, variables=VARIABLES), root=tmp_path).files["Dockerfile"]
    runtime = text.partition("FROM base AS runtime\n")[2]
    assert 'ENV PATH="/opt/env/bin:$PATH" CONDA_PREFIX=/opt/env' in runtime
    assert runtime.count("\nENV V") == len(VARIABLES)
    assert runtime.index("\nENV V0=") < runtime.index("\nENV PYTHONHASHSEED=")
    assert f"ARG MOORING_MICROMAMBA={MICROMAMBA}\n" in text
    assert "micromamba" not in runtime
    assert "RUN" not in runtime  # the base needs no shell
    assert "\nUSER 65532:65532\n" in runtime


def test_without_a_base_there_is_no_dockerfile(tmp_path: Path) -> None:
    request = conda_request(with_base=False)
    files = render_conda(request, root=tmp_path).files
    assert "Dockerfile" not in files
    assert "mooring.conda.amd64.txt" in files
    with pytest.raises(InputError, match="base image"):
        render_conda(request, template="conda", root=tmp_path)


def test_an_environment_yml_may_be_left_out(tmp_path: Path) -> None:
    request = replace(conda_request(), environment_yml=None)
    assert "environment.yml" not in render_conda(request, root=tmp_path).files


def test_slim_means_conda_and_simple_is_refused(tmp_path: Path) -> None:
    assert conda_template(ImageSpec().template, tmp_path) == "conda"
    assert conda_template("conda", tmp_path) == "conda"
    assert conda_template(tmp_path / "docker/own.j2", tmp_path) == "docker/own.j2"
    with pytest.raises(InputError, match="installs no conda packages"):
        conda_template("simple", tmp_path)
    with pytest.raises(InputError, match="no template"):
        render_conda(conda_request(), template="cnda", root=tmp_path)


def test_no_image_runs_on_a_mac() -> None:
    lock = lock_for(("osx-arm64",))
    with pytest.raises(InputError, match="osx-arm64"):
        list_name(select_conda(lock, Platform.parse("osx-arm64")))


def test_values_that_no_dockerfile_can_carry_are_named(tmp_path: Path) -> None:
    request = conda_request(replace(FULL, env=(("A", "x\ny"),)))
    with pytest.raises(InputError, match=r"image\.env\.A"):
        render_conda(request, root=tmp_path)
    with pytest.raises(InputError, match="control character"):
        render_conda(conda_request(FULL, variables=(("B", "x\x01"),)), root=tmp_path)
