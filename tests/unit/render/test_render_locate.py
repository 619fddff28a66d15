from __future__ import annotations

from pathlib import Path

import pytest

from mooring.errors import InputError
from mooring.render.locate import (
    MAX_TEMPLATE_BYTES,
    builtin_names,
    load_template,
    missing_hint,
    template_root,
)


def test_the_built_in_templates_are_found() -> None:
    assert builtin_names() == ("simple", "slim")
    assert (template_root() / "environment.yml.j2").is_file()


@pytest.mark.parametrize("name", ["slim", "slim.Dockerfile.j2"])
def test_a_built_in_template_has_a_short_and_a_long_name(name: str, tmp_path: Path) -> None:
    found = load_template(name, tmp_path)
    assert found is not None
    assert found.path == template_root() / "slim.Dockerfile.j2"
    assert found.shown == "<built-in>/slim.Dockerfile.j2"


def test_a_path_is_relative_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "own.j2").write_text("FROM x\n")
    found = load_template("docker/own.j2", tmp_path)
    assert found is not None
    assert (found.text, found.shown) == ("FROM x\n", "docker/own.j2")


def test_a_path_reaches_a_file_that_is_named_like_a_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "slim.Dockerfile.j2").write_text("mine")
    found = load_template("./slim.Dockerfile.j2", tmp_path)
    assert found is not None
    assert found.text == "mine"


@pytest.mark.parametrize("name", ["slimm", "docker/none.j2", "dockerignore", "a\0b", "x" * 5000])
def test_what_is_not_there_is_none(name: str, tmp_path: Path) -> None:
    assert load_template(name, tmp_path) is None


def test_links_in_a_circle_are_no_template(tmp_path: Path) -> None:
    (tmp_path / "a.j2").symlink_to("b.j2")
    (tmp_path / "b.j2").symlink_to("a.j2")
    assert load_template("a.j2", tmp_path) is None


@pytest.mark.parametrize("name", ["../outside.j2", "/etc/hostname", "link.j2"])
def test_nothing_outside_the_project_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "outside.j2").write_text("secret")
    project = tmp_path / "project"
    project.mkdir()
    (project / "link.j2").symlink_to(tmp_path / "outside.j2")
    with pytest.raises(InputError, match="outside the project") as caught:
        load_template(name, project)
    assert caught.value.where == str(project)


def test_a_large_template_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.j2").write_bytes(b"x" * (MAX_TEMPLATE_BYTES + 1))
    with pytest.raises(InputError, match="larger than 1 MiB"):
        load_template("large.j2", tmp_path)


def test_the_hint_names_the_built_in_templates() -> None:
    assert missing_hint("slimm").startswith("built-in templates: simple, slim")
    assert missing_hint("a/b.j2").startswith("paths are relative to the project folder")
