from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from tests.unit.oci.http_fake import HOST, Answer, FakeNetwork, FakeRegistry, Sent

from mooring.digests import digest_bytes
from mooring.oci.credentials import Credentials, NoCredentials
from mooring.oci.model import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_MANIFEST,
    ImageNotFound,
    RegistryError,
    Unauthorised,
)
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.oci.transport import Transport

BASE = ImageReference.parse(f"{HOST}/team/base:1")


class Ann:
    """Credentials of one user for every registry."""

    def __init__(self) -> None:
        self.asked = 0

    def find(self, reference: ImageReference) -> Credentials | None:
        self.asked += 1
        return Credentials(username="ann", password="secret")


def client(registry: FakeRegistry) -> RegistryClient:
    transport = Transport(adapter=registry.network, insecure=(), sleep=lambda _: None)
    return RegistryClient(credentials=NoCredentials(), transport=transport)


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


def test_one_head_tells_whether_an_image_exists(registry: FakeRegistry) -> None:
    digest = registry.put_image("team/base:1", "linux/amd64")
    assert client(registry).head(BASE) == digest
    assert client(registry).exists(BASE)
    assert registry.network.lines() == ["HEAD /v2/team/base/manifests/1"] * 2
    assert not client(registry).exists(BASE.with_tag("2"))


def test_without_the_digest_header_the_bytes_are_hashed(registry: FakeRegistry) -> None:
    registry.digest_header = False
    digest = registry.put_image("team/base:1", "linux/amd64")
    assert client(registry).head(BASE) == digest


@pytest.mark.parametrize("kind", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_a_single_image_is_checked_for_its_platform(registry: FakeRegistry, kind: str) -> None:
    digest = registry.put_image("team/base:1", "linux/arm64/v8", kind=kind)
    assert client(registry).manifest_digest(BASE, "linux/arm64") == digest
    with pytest.raises(ImageNotFound, match="no variant for linux/amd64"):
        client(registry).manifest_digest(BASE, "linux/amd64")


def test_an_index_gives_the_manifest_of_each_platform(registry: FakeRegistry) -> None:
    amd, arm = (
        registry.put_image(f"team/base:{arch}", f"linux/{arch}") for arch in ("amd64", "arm64")
    )
    registry.put_index("team/base:1", {"linux/amd64": amd, "linux/arm64/v8": arm})
    found = client(registry).platform_digests(
        BASE, ["linux/amd64", "linux/arm64", "linux/s390x", "unknown/unknown"]
    )
    assert found == {"linux/amd64": amd, "linux/arm64": arm}
    assert len(registry.network.sent) == 1


def test_the_first_of_two_entries_wins(registry: FakeRegistry) -> None:
    first, second = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    entry = {"size": 1, "platform": {"os": "linux", "architecture": "amd64"}}
    registry.put(
        "team/base:1",
        DOCKER_LIST,
        {"manifests": [{**entry, "digest": first}, {**entry, "digest": second}]},
    )
    assert client(registry).manifest_digest(BASE, "linux/amd64") == first


def test_an_absent_image(registry: FakeRegistry) -> None:
    with pytest.raises(ImageNotFound) as caught:
        client(registry).manifest_digest(BASE, "linux/amd64")
    assert caught.value.where == str(BASE)
    assert caught.value.exit_code == 3


def test_bytes_that_do_not_fit_their_digest(registry: FakeRegistry) -> None:
    digest = "sha256:" + "3" * 64
    registry.manifests[f"/v2/team/base/manifests/{digest}"] = (OCI_MANIFEST, b"{}")
    with pytest.raises(RegistryError, match="other bytes than"):
        client(registry).manifest(BASE.with_digest(digest))


def test_a_configuration_that_does_not_fit_its_digest(registry: FakeRegistry) -> None:
    registry.put_image("team/base:1", "linux/amd64")
    (path,) = registry.blobs
    registry.blobs[path] = b'{"os": "linux", "architecture": "arm64"}'
    with pytest.raises(RegistryError, match="other bytes than"):
        client(registry).manifest_digest(BASE, "linux/arm64")


def test_an_old_manifest_type_is_refused() -> None:
    headers = {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}
    network = FakeNetwork(lambda _: Answer(headers=headers, body=b"{}"))
    with pytest.raises(RegistryError, match="not supported"):
        RegistryClient(
            credentials=NoCredentials(),
            transport=Transport(adapter=network, insecure=(), sleep=lambda _: None),
        ).manifest(BASE)


def test_retag_puts_the_same_bytes_and_only_where_needed(registry: FakeRegistry) -> None:
    digest = registry.put_image("team/base:1", "linux/amd64")
    registry.manifests["/v2/team/base/manifests/there"] = registry.manifests[
        "/v2/team/base/manifests/1"
    ]
    assert client(registry).retag(BASE, ["latest", "there"]) == digest
    kind, body = registry.manifests["/v2/team/base/manifests/latest"]
    assert (kind, digest_bytes(body)) == (OCI_MANIFEST, digest)
    assert [line for line in registry.network.lines() if line.startswith("PUT")] == [
        "PUT /v2/team/base/manifests/latest"
    ]


def test_docker_hub_is_asked_at_its_api(registry: FakeRegistry) -> None:
    client(registry).exists(ImageReference.parse("python:3.12"))
    assert registry.network.sent[0].url == (
        "https://registry-1.docker.io/v2/library/python/manifests/3.12"
    )


@pytest.mark.parametrize(
    ("status", "error"), [(401, Unauthorised), (403, Unauthorised), (500, RegistryError)]
)
def test_refusals(status: int, error: type[RegistryError]) -> None:
    challenge = {"WWW-Authenticate": 'Basic realm="x"'}
    network = FakeNetwork(lambda _: Answer(status=status, headers=challenge))
    transport = Transport(adapter=network, insecure=(), sleep=lambda _: None)
    with pytest.raises(error):
        RegistryClient(credentials=Ann(), transport=transport).exists(BASE)
    # One answer to the challenge, and no more: repeated logins lock accounts.
    assert len(network.sent) == {401: 2, 403: 1, 500: 4}[status]


class TokenRegistry(FakeRegistry):
    """Wants a bearer token, whose text is the scope it was made for."""

    def __init__(self) -> None:
        super().__init__()
        self.expired: set[str] = set()
        self.issued = 0

    def respond(self, sent: Sent) -> Answer:
        if sent.path == "/token":
            self.issued += 1
            token = f"{self.issued} {' '.join(sent.query['scope'])}"
            return Answer(body=json.dumps({"token": token}).encode())
        token = sent.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token or token in self.expired:
            realm = f'Bearer realm="https://{HOST}/token",service="s"'
            return Answer(status=401, headers={"WWW-Authenticate": realm})
        return super().respond(sent)


@pytest.mark.parametrize(("push", "scope"), [(False, "pull"), (True, "pull,push")])
def test_a_token_is_asked_for_once(push: bool, scope: str) -> None:
    registry, ann = TokenRegistry(), Ann()
    registry.put_image("team/base:1", "linux/amd64")
    asking = RegistryClient(
        credentials=ann,
        transport=Transport(adapter=registry.network, insecure=(), sleep=lambda _: None),
        push=push,
    )
    asking.exists(BASE)
    asking.exists(BASE)
    assert (registry.issued, ann.asked) == (1, 1)
    used = registry.network.sent[-1].headers["Authorization"]
    assert used == f"Bearer 1 repository:team/base:{scope}"


def test_an_expired_token_is_renewed() -> None:
    registry = TokenRegistry()
    registry.put_image("team/base:1", "linux/amd64")
    asking = client(registry)
    assert asking.exists(BASE)
    registry.expired.add(registry.network.sent[-1].headers["Authorization"][len("Bearer ") :])
    assert asking.exists(BASE)
    assert registry.issued == 2


def test_another_repository_gets_a_token_of_its_own() -> None:
    registry = TokenRegistry()
    asking = client(registry)
    asking.exists(BASE)
    asking.exists(ImageReference.parse(f"{HOST}/team/other:1"))
    assert registry.network.sent[-1].headers["Authorization"].endswith("team/other:pull")


def test_closing_is_allowed_twice(registry: FakeRegistry) -> None:
    closed: list[Callable[[], None]] = []
    with client(registry) as asking:
        asking.exists(BASE)
        closed.append(asking.close)
    closed[0]()
