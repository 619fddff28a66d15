from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from mooring.oci.credentials import Credentials, NoCredentials, StoredCredentials
from mooring.oci.model import RegistryError
from mooring.oci.reference import ImageReference

BASE = ImageReference.parse("registry.example.com:5000/team/base")
HUB = ImageReference.parse("python:3.12")


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def docker(folder: Path, config: object) -> StoredCredentials:
    (folder / "config.json").write_text(json.dumps(config))
    return StoredCredentials({"DOCKER_CONFIG": str(folder)})


@pytest.mark.parametrize(
    ("key", "reference"),
    [
        ("registry.example.com:5000", BASE),
        ("https://registry.example.com:5000", BASE),
        ("https://registry.example.com:5000/v1/", BASE),
        ("registry.example.com:5000/v2/", BASE),
        ("registry.example.com:5000/team", BASE),
        ("https://index.docker.io/v1/", HUB),
        ("docker.io", HUB),
    ],
)
def test_an_entry_is_found_by_every_spelling(
    tmp_path: Path, key: str, reference: ImageReference
) -> None:
    found = docker(tmp_path, {"auths": {key: auth("ann", "se:cret")}}).find(reference)
    assert found == Credentials(username="ann", password="se:cret")


@pytest.mark.parametrize(
    "key",
    [
        "registry.example.com",
        "https://registry.example.com/v1/",
        "other.registry.example.com:5000",
        "registry.example.com:5000/other",
        "https://index.docker.io/v1/",
    ],
)
def test_entries_of_others_are_not_used(tmp_path: Path, key: str) -> None:
    assert docker(tmp_path, {"auths": {key: auth("ann", "secret")}}).find(BASE) is None


def test_the_longest_path_wins(tmp_path: Path) -> None:
    auths = {
        "registry.example.com:5000": auth("host", "x"),
        "registry.example.com:5000/team/base": auth("repository", "x"),
        "registry.example.com:5000/team": auth("team", "x"),
    }
    found = docker(tmp_path, {"auths": auths}).find(BASE)
    assert found is not None
    assert found.username == "repository"


def test_an_identity_token(tmp_path: Path) -> None:
    entry = {**auth("ann", ""), "identitytoken": "refresh"}
    found = docker(tmp_path, {"auths": {BASE.registry: entry}}).find(BASE)
    assert found == Credentials(identity_token="refresh")
    assert found.basic is None


@pytest.mark.parametrize("config", [{}, {"auths": None}, {"auths": {BASE.registry: {}}}])
def test_nothing_stored(tmp_path: Path, config: object) -> None:
    assert docker(tmp_path, config).find(BASE) is None


def test_absent_files_and_no_variables() -> None:
    assert StoredCredentials({}).find(BASE) is None
    assert StoredCredentials({"HOME": "/nonexistent/home"}).find(BASE) is None
    assert NoCredentials().find(BASE) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": "secret', "\ufeff{}x"])
def test_a_broken_file_is_named_and_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(RegistryError) as caught:
        StoredCredentials({"DOCKER_CONFIG": str(tmp_path)}).find(BASE)
    assert caught.value.where == str(tmp_path / "config.json")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("value", ["!!!", base64.b64encode(b"no colon").decode(), "/w=="])
def test_a_broken_entry_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(RegistryError, match="base64"):
        docker(tmp_path, {"auths": {BASE.registry: {"auth": value}}}).find(BASE)


@pytest.mark.parametrize("variable", ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR"])
def test_podman_comes_second(tmp_path: Path, variable: str) -> None:
    folder = tmp_path / "containers"
    folder.mkdir()
    (folder / "auth.json").write_text(
        json.dumps({"auths": {BASE.registry: auth("podman", "x"), "docker.io": auth("pod", "x")}})
    )
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"docker.io": auth("dock", "x")}}))
    named = folder / "auth.json" if variable == "REGISTRY_AUTH_FILE" else tmp_path
    source = StoredCredentials({"DOCKER_CONFIG": str(tmp_path), variable: str(named)})
    assert [found.username for ref in (BASE, HUB) if (found := source.find(ref))] == [
        "podman",
        "dock",
    ]


def test_a_helper_named_like_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="not the name of a credential helper"):
        docker(tmp_path, {"credsStore": "../../bin/sh"}).find(BASE)


def test_secrets_are_not_shown() -> None:
    shown = repr(Credentials(username="ann", password="secret", identity_token="token"))
    assert "secret" not in shown
    assert "token=" not in shown


def test_the_basic_header() -> None:
    assert Credentials(username="Aladdin", password="open sesame").basic == (
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # the example of RFC 7617
    )
    assert Credentials().basic is None
