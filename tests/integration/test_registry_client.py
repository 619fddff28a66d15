"""The registry client against docker-registry: open, with passwords, and with tokens."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes import RecordingReporter
from tests.integration.images_fixtures import (
    PASSWORD,
    USER,
    Filler,
    TokenServer,
    log_in,
    running_password_registry,
    running_token_registry,
)

from mooring.oci.model import ImageNotFound, RegistryUnreachable, Unauthorised
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.platforms import Platform
from mooring.resolve.base_image import BaseImageError, resolve_base

pytestmark = pytest.mark.registry


@pytest.fixture(scope="module")
def password_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_password_registry(tmp_path_factory.mktemp("password-registry")) as address:
        yield address


@pytest.fixture(scope="module")
def token_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, TokenServer]]:
    with running_token_registry(tmp_path_factory.mktemp("token-registry")) as served:
        yield served


@pytest.fixture
def filler(registry: str) -> Filler:
    return Filler(address=registry, headers={})


def test_look_ups_in_an_open_registry(filler: Filler) -> None:
    digests = filler.index("client/base", "1")
    base = ImageReference.parse(f"{filler.address}/client/base:1")
    with RegistryClient() as client:
        assert client.exists(base)
        assert not client.exists(base.with_tag("2"))
        assert not client.exists(ImageReference.parse(f"{filler.address}/client/none:1"))
        assert client.platform_digests(base, ["linux/amd64", "linux/arm64/v8", "linux/s390x"]) == {
            "linux/amd64": digests["linux/amd64"],
            "linux/arm64/v8": digests["linux/arm64"],
        }
        index = client.head(base)
        assert index is not None
        assert client.manifest(base.with_digest(index)).is_index
        single = base.with_tag("1-arm64")
        assert client.manifest_digest(single, "linux/arm64") == digests["linux/arm64"]
        with pytest.raises(ImageNotFound):
            client.manifest_digest(single, "linux/amd64")
        with pytest.raises(ImageNotFound):
            client.manifest(base.with_tag("2"))


def test_tags_move_without_a_blob(filler: Filler) -> None:
    old, new = (filler.image("client/app", tag, "amd64") for tag in ("old", "new"))
    new = filler.image("client/app", "new", "arm64")
    app = ImageReference.parse(f"{filler.address}/client/app:new")
    with RegistryClient(push=True) as client:
        assert client.retag(app, ["latest", "old"]) == new
        assert client.head(app.with_tag("latest")) == new
        assert client.head(app.with_tag("old")) == new
        assert client.exists(app.with_digest(old))


def test_base_images_are_pinned(filler: Filler, reporter: RecordingReporter) -> None:
    digests = filler.index("client/python", "3.12")
    reference = f"{filler.address}/client/python:3.12"
    platforms = [Platform.parse(name) for name in ("linux-64", "linux-aarch64", "osx-arm64")]
    found = resolve_base(reference, platforms, reporter=reporter)
    assert [(entry.platform.oci, entry.digest) for entry in found] == list(digests.items())
    with pytest.raises(BaseImageError, match="other platforms only"):
        resolve_base(reference, [Platform.parse("linux-s390x")])


def test_a_password(
    password_registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("default login eve password wrong\n")
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    filler = Filler(address=password_registry, headers={"Authorization": f"Basic {basic}"})
    digest = filler.image("client/secret", "1", "amd64")
    image = ImageReference.parse(f"{password_registry}/client/secret:1")
    with RegistryClient() as client, pytest.raises(Unauthorised) as caught:
        client.exists(image)
    assert f"docker login {password_registry}" in (caught.value.hint or "")
    log_in(tmp_path, password_registry, "wrong-one")
    with RegistryClient() as client, pytest.raises(Unauthorised) as caught:
        client.exists(image)
    assert "wrong-one" not in f"{caught.value} {caught.value.hint}"
    log_in(tmp_path, password_registry)
    with RegistryClient() as client:
        assert client.head(image) == digest
        assert client.retag(image, ["latest"]) == digest


def test_tokens(
    token_registry: tuple[str, TokenServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, tokens = token_registry
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    scope = {"service": ["test"], "scope": ["repository:client/app:pull,push"]}
    basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    filler = Filler(
        address=address, headers={"Authorization": f"Bearer {tokens.token(scope, basic)}"}
    )
    digest = filler.image("client/app", "1", "amd64")
    image = ImageReference.parse(f"{address}/client/app:1")
    tokens.scopes.clear()

    with RegistryClient() as client:  # an anonymous token, once
        assert client.manifest_digest(image, "linux/amd64") == digest
        assert client.exists(image)
    assert tokens.scopes == [(None, "repository:client/app:pull")]

    with RegistryClient(push=True) as client, pytest.raises(Unauthorised):
        client.retag(image, ["latest"])

    log_in(tmp_path, address)
    tokens.scopes.clear()
    with RegistryClient(push=True) as client:
        assert client.retag(image, ["latest"]) == digest
        assert not client.exists(image.with_tag("none"))
    assert tokens.scopes == [(USER, "repository:client/app:pull,push")]

    log_in(tmp_path, address, "wrong-one")
    with RegistryClient() as client, pytest.raises(Unauthorised, match="credentials are wrong"):
        client.exists(image)


def test_a_registry_that_is_not_there(registry: str) -> None:
    begun = time.monotonic()
    with RegistryClient() as client, pytest.raises(RegistryUnreachable) as caught:
        client.exists(ImageReference.parse("127.0.0.1:1/base:1"))
    assert "127.0.0.1:1" in str(caught.value)
    assert "refused" in str(caught.value)
    assert time.monotonic() - begun < 3
