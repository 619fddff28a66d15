from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from tests.unit.oci.http_fake import HOST, Answer, FakeNetwork, Sent

from mooring.oci.auth import answer, merge_scopes, parse_challenges
from mooring.oci.connection import Reply
from mooring.oci.credentials import Credentials
from mooring.oci.model import RegistryError, Unauthorised
from mooring.oci.transport import Transport

REALM = "https://auth.example.com/token"
SCOPE = "repository:team/base:pull"
ANN = Credentials(username="ann", password="secret")


def refused(header: str) -> Reply:
    return Reply(
        status=401, url=f"https://{HOST}/v2/", headers={"www-authenticate": header}, body=b""
    )


def bearer(**parameters: str) -> Reply:
    listed = {"realm": REALM, "service": "test", **parameters}
    return refused("Bearer " + ",".join(f'{key}="{value}"' for key, value in listed.items()))


def ask(
    reply: Reply, given: Answer, credentials: Credentials | None = None
) -> tuple[str, list[Sent]]:
    network = FakeNetwork(lambda _: given)
    header, _ = answer(
        Transport(adapter=network, insecure=(), sleep=lambda _: None),
        reply,
        registry=HOST,
        credentials=credentials,
        scopes=[SCOPE],
    )
    return header, network.sent


def token(**document: object) -> Answer:
    return Answer(body=json.dumps(document).encode())


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        ("Negotiate", [("negotiate", {})]),
        ('Basic realm="a, b"', [("basic", {"realm": "a, b"})]),
        ("basic realm=bare", [("basic", {"realm": "bare"})]),
        ('Basic realm="say \\"hi\\""', [("basic", {"realm": 'say "hi"'})]),
        (
            'Bearer realm="https://a/t",service="s", Basic realm="x"',
            [("bearer", {"realm": "https://a/t", "service": "s"}), ("basic", {"realm": "x"})],
        ),
        ("realm=x", []),
    ],
)
def test_challenges(header: str, found: list[tuple[str, Mapping[str, str]]]) -> None:
    assert [(one.scheme, one.parameters) for one in parse_challenges(header)] == found


def test_scopes_of_one_resource_become_one() -> None:
    assert merge_scopes(
        ["repository:b:pull", "repository:a:pull", "repository:b:push,pull", "nonsense"]
    ) == ("repository:b:pull,push", "repository:a:pull")


def test_basic_needs_credentials() -> None:
    header, sent = ask(refused('Basic realm="x"'), Answer(), ANN)
    assert header == "Basic YW5uOnNlY3JldA=="
    assert sent == []
    with pytest.raises(Unauthorised) as caught:
        ask(refused('Basic realm="x"'), Answer())
    assert caught.value.hint is not None
    assert f"docker login {HOST}" in caught.value.hint


def test_an_anonymous_token() -> None:
    header, (sent,) = ask(bearer(), token(token="abc"))
    assert header == "Bearer abc"
    assert sent.method == "GET"
    assert sent.url.startswith(REALM + "?")
    assert sent.query == {"service": ["test"], "scope": [SCOPE]}
    assert "Authorization" not in sent.headers


def test_a_token_for_a_user() -> None:
    header, (sent,) = ask(bearer(scope="repository:team/base:push"), token(access_token="x"), ANN)
    assert header == "Bearer x"
    assert sent.headers["Authorization"] == "Basic YW5uOnNlY3JldA=="
    assert sent.query["scope"] == ["repository:team/base:pull,push"]


def test_bearer_is_preferred() -> None:
    reply = refused(f'Basic realm="x", Bearer realm="{REALM}"')
    assert ask(reply, token(token="abc"), ANN)[0] == "Bearer abc"


def test_an_identity_token_is_exchanged() -> None:
    header, (sent,) = ask(bearer(), token(access_token="x"), Credentials(identity_token="refresh"))
    assert header == "Bearer x"
    assert sent.method == "POST"
    assert sent.url == REALM
    assert b"grant_type=refresh_token" in sent.body
    assert b"refresh_token=refresh" in sent.body
    assert "Authorization" not in sent.headers


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials(status: int) -> None:
    with pytest.raises(Unauthorised, match="stored credentials are wrong"):
        ask(bearer(), Answer(status=status), ANN)
    with pytest.raises(Unauthorised, match="it wants credentials"):
        ask(bearer(), Answer(status=status))


@pytest.mark.parametrize(
    "given",
    [
        Answer(status=500, body=b"down"),
        Answer(body=b"no json"),
        token(),
        token(token=1),
        token(token="a\r\nX-Injected: 1"),
        token(token=""),
        Answer(body=b" " * (2 << 20)),
    ],
)
def test_a_token_server_that_misbehaves(given: Answer) -> None:
    with pytest.raises(RegistryError):
        ask(bearer(), given)


@pytest.mark.parametrize(
    "realm",
    [
        "",
        "http://auth.example.com/token",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/token",
        "https://[::1]/token",
        "https://localhost/token",
        "https://user:password@auth.example.com/token",
        "file:///etc/passwd",
        "//auth.example.com",
    ],
)
def test_a_realm_that_must_not_be_asked(realm: str) -> None:
    network = FakeNetwork(lambda _: token(token="x"))
    with pytest.raises(RegistryError):
        answer(
            Transport(adapter=network, insecure=()),
            bearer(realm=realm),
            registry=HOST,
            credentials=ANN,
            scopes=[SCOPE],
        )
    assert network.sent == []


def test_an_unknown_scheme() -> None:
    with pytest.raises(RegistryError, match="not supported"):
        ask(refused("Negotiate"), Answer(), ANN)
