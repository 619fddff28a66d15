from __future__ import annotations

from typing import Any

import pytest
from tests.unit.render.making import BASE, direct, request_for, selection_of, wheel_of

from mooring.errors import InputError, InputProblems
from mooring.lock.model import Artifact
from mooring.manifest.model import ImageSpec, Index
from mooring.render.context import UV_VERSION, dockerfile_context
from mooring.render.interface import BaseImage, RenderRequest

HASHES = (("sha256", "2" * 64),)
SDIST = direct("old", Artifact(kind="sdist", name="old-1.0.tar.gz", hashes=HASHES))


def context(request: RenderRequest, base: BaseImage = BASE) -> dict[str, Any]:
    return dockerfile_context(request, base)


def test_the_base_is_pinned() -> None:
    assert context(request_for())["base"] == "registry.example.com/base:1@" + (BASE.digest or "")


def test_labels_of_the_manifest_win_over_ours() -> None:
    image = ImageSpec(labels=(("org.opencontainers.image.title", "Mine"), ("a.b", "c")))
    labels = dict(context(request_for(image))["labels"])
    assert labels == {
        "org.opencontainers.image.title": "Mine",
        "org.opencontainers.image.version": "1.2.3",
        "org.opencontainers.image.base.name": "registry.example.com/base:1",
        "org.opencontainers.image.base.digest": BASE.digest,
        "dev.mooring.environment": "default",
        "dev.mooring.environment-root": "/opt/env",
        "a.b": "c",
    }


def test_a_local_base_has_no_digest_label() -> None:
    labels = dict(context(request_for(), BaseImage(reference="local:1"))["labels"])
    assert "org.opencontainers.image.base.digest" not in labels


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ("65532:65532", {"uid": "65532", "gid": "65532", "home": "/home/mooring"}),
        ("1000", {"uid": "1000", "gid": "1000", "home": "/home/mooring"}),
        ("1000:0", {"uid": "1000", "gid": "0", "home": "/home/mooring"}),
        ("0", None),
        ("0:0", None),
        ("app", None),
        ("1000:staff", None),
    ],
)
def test_a_numeric_user_gets_an_account(user: str, account: dict[str, str] | None) -> None:
    assert context(request_for(ImageSpec(user=user)))["account"] == account


def test_credentials_of_an_index_are_left_out() -> None:
    indexes = (
        Index(name="corp", url="https://me:secret@pkgs.example.com/simple", explicit=True),
        Index(name="main", url="https://me:secret@main.example.com/simple", default=True),
    )
    found = context(request_for(indexes=indexes))
    assert found["default_index"] == "https://main.example.com/simple"
    assert found["extra_indexes"] == ("https://pkgs.example.com/simple",)
    assert "secret" not in repr(found)


def test_seeds_are_what_the_lock_does_not_hold() -> None:
    assert context(request_for())["seeds"] == ("pip", "setuptools")
    locked = selection_of(wheel_of("setuptools"))
    assert context(request_for(None, locked))["seeds"] == ("pip",)


def test_an_sdist_on_any_image_platform_allows_builds() -> None:
    wheels = selection_of(wheel_of("old"))
    assert context(request_for(None, wheels))["only_wheels"] is True
    arm = selection_of(SDIST, platform="linux-aarch64")
    assert context(request_for(None, wheels, arm))["only_wheels"] is False
    mac = selection_of(SDIST, platform="osx-arm64")
    assert context(request_for(None, wheels, mac))["only_wheels"] is True


def test_a_wheel_by_url_is_a_wheel() -> None:
    url = "https://files.example.com/a-1.0-py3-none-any.whl"
    wheel = Artifact(kind="archive", name="a-1.0-py3-none-any.whl", url=url, hashes=HASHES)
    assert context(request_for(None, selection_of(direct("a", wheel))))["only_wheels"] is True


def test_local_artifacts_are_named() -> None:
    path = "./wheels/a-1.0-py3-none-any.whl"
    local = Artifact(kind="wheel", name="a-1.0-py3-none-any.whl", path=path, hashes=HASHES)
    found = context(request_for(None, selection_of(direct("a", local))))
    assert found["local_artifacts"] == ("wheels/a-1.0-py3-none-any.whl",)


@pytest.mark.parametrize("project", ["Demo Project", "a,b=c", "---"])
def test_the_cache_id_fits_into_a_mount(project: str) -> None:
    found = context(request_for(project=project))["cache_id"]
    assert found in ("demo-project", "a-b-c", "project")


def test_some_platform_is_an_image() -> None:
    with pytest.raises(InputError, match="can be a container image"):
        context(request_for(None, selection_of(platform="win-64")))


def test_all_problems_are_reported_together() -> None:
    git = Artifact(kind="vcs", vcs="git", url="https://example.com/a.git", commit="0" * 40)
    outside = Artifact(kind="wheel", name="b.whl", path="../b.whl", hashes=HASHES)
    request = request_for(
        ImageSpec(
            env=(("GOOD", "x"), ("BAD", "a\nb"), ("A B", "x")),
            labels=(("a.b", "\x1b"),),
            files=("src", "../up", "*.py"),
            ports=(0,),
            workdir="app",
            user="no one",
            entrypoint=("a\0",),
        ),
        selection_of(
            direct("a", git),
            direct("b", outside),
            direct("c", Artifact(kind="directory", path=".")),
        ),
    )
    with pytest.raises(InputProblems) as caught:
        context(request)
    assert [problem.where for problem in caught.value.problems] == [
        "image.env.BAD",
        "image.env.A B",
        "image.labels.a.b",
        "image.files",
        "image.files",
        "image.ports",
        "image.workdir",
        "image.user",
        "image.entrypoint",
        "package a",
        "package b",
        "package c",
    ]


def test_a_project_name_is_quoted_like_any_value() -> None:
    with pytest.raises(InputProblems, match="control character") as caught:
        context(request_for(project="a\nRUN x"))
    assert caught.value.where == "image.labels.org.opencontainers.image.title"


def test_the_pinned_uv_is_one_that_mooring_itself_accepts() -> None:
    import tomllib
    from pathlib import Path

    from packaging.requirements import Requirement

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    [uv] = [
        requirement
        for requirement in map(Requirement, project["project"]["dependencies"])
        if requirement.name == "uv"
    ]
    assert uv.specifier.contains(UV_VERSION)
