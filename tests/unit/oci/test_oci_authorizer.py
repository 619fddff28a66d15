from __future__ import annotations

import json
import threading

import pytest
from tests.unit.oci.http_fake import HOST, Answer, FakeNetwork, Sent

from mooring.oci.auth import Authorizer
from mooring.oci.connection import Reply
from mooring.oci.credentials import Credentials, NoCredentials
from mooring.oci.model import RegistryError, Unauthorised
from mooring.oci.reference import ImageReference
from mooring.oci.transport import Transport

APP = ImageReference.parse(f"{HOST}/team/app:1")
PULL, PUSH = "repository:team/app:pull", "repository:team/app:pull,push"
DONOR = "repository:team/base:pull"


class Ann:
    def find(self, reference: ImageReference) -> Credentials | None:
        return Credentials(username="ann", password="se:cret")


class Tokens:
    """A token server; what it answers, and what it was asked."""

    def __init__(self, **more: object) -> None:
        self.more = more
        self.network = FakeNetwork(self.respond)
        self.now = 1000.0

    def respond(self, sent: Sent) -> Answer:
        token = f"token-{len(self.network.sent)}"
        return Answer(body=json.dumps({"token": token, **self.more}).encode())

    @property
    def scopes(self) -> list[list[str]]:
        return [sent.query["scope"] for sent in self.network.sent]

    def authorizer(self) -> Authorizer:
        transport = Transport(adapter=self.network, insecure=(), sleep=lambda _: None)
        return Authorizer(transport, Ann(), clock=lambda: self.now)


def refused(header: str = f'Bearer realm="https://{HOST}/token",service="s"') -> Reply:
    return Reply(
        status=401, url=f"https://{HOST}/v2/", headers={"www-authenticate": header}, body=b""
    )


def test_a_token_is_kept_for_what_it_covers() -> None:
    tokens = Tokens(expires_in=300)
    authorizer = tokens.authorizer()
    assert authorizer.known(APP, [PULL]) is None
    assert authorizer.renew(APP, [PUSH], refused(), None) == "Bearer token-1"
    assert authorizer.known(APP, [PULL]) == "Bearer token-1"
    assert authorizer.known(APP, [PUSH]) == "Bearer token-1"
    # The registry's way is known by now: it need not refuse again first.
    assert authorizer.known(APP, [DONOR, PUSH]) == "Bearer token-2"
    assert tokens.scopes == [[PUSH], [DONOR, PUSH]]


@pytest.mark.parametrize(
    ("given", "lives"),
    [(300, 240.0), (None, 48.0), ("many", 48.0), (-5, 48.0), (True, 48.0), (10**9, 2880.0)],
)
def test_a_token_is_renewed_before_it_ends(given: object, lives: float) -> None:
    tokens = Tokens(**({} if given is None else {"expires_in": given}))
    authorizer = tokens.authorizer()
    authorizer.renew(APP, [PULL], refused(), None)
    tokens.now += lives - 0.1
    assert authorizer.known(APP, [PULL]) == "Bearer token-1"
    tokens.now += 0.2
    assert authorizer.known(APP, [PULL]) == "Bearer token-2"


def test_a_password_does_not_end() -> None:
    tokens = Tokens()
    authorizer = tokens.authorizer()
    given = authorizer.renew(APP, [PULL], refused('Basic realm="x"'), None)
    tokens.now += 1e9
    assert given == "Basic YW5uOnNlOmNyZXQ="
    assert authorizer.known(APP, [DONOR, PUSH]) == given
    assert tokens.network.sent == []


def test_a_refused_token_is_replaced() -> None:
    tokens = Tokens(expires_in=300)
    authorizer = tokens.authorizer()
    first = authorizer.renew(APP, [PULL], refused(), None)
    second = authorizer.renew(APP, [PULL], refused(), first)
    assert (first, second) == ("Bearer token-1", "Bearer token-2")
    # Another thread, whose request began with the first token, gets what is there.
    assert authorizer.renew(APP, [PULL], refused(), first) == second


def test_threads_share_one_token() -> None:
    tokens = Tokens(expires_in=300)
    authorizer = tokens.authorizer()
    found: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(authorizer.renew(APP, [PULL], refused(), None))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {"Bearer token-1"}
    assert len(tokens.network.sent) == 1


def test_no_message_shows_a_secret() -> None:
    tokens = Tokens(expires_in=300)
    authorizer = tokens.authorizer()
    authorizer.renew(APP, [PULL], refused(), None)
    text = authorizer.scrub("token-1 se:cret YW5uOnNlOmNyZXQ= ann")
    assert text == "*** *** *** ann"


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_token_server_that_repeats_the_password(status: int) -> None:
    body = b'{"errors": [{"message": "se:cret is wrong"}]}'
    network = FakeNetwork(lambda _: Answer(status=status, body=body))
    transport = Transport(adapter=network, insecure=(), sleep=lambda _: None)
    with pytest.raises(RegistryError) as caught:
        Authorizer(transport, Ann()).renew(APP, [PULL], refused(), None)
    assert "se:cret" not in str(caught.value)


def test_without_credentials() -> None:
    transport = Transport(adapter=FakeNetwork(lambda _: Answer()), insecure=())
    authorizer = Authorizer(transport, NoCredentials())
    with pytest.raises(Unauthorised):
        authorizer.renew(APP, [PULL], refused('Basic realm="x"'), None)
    assert authorizer.scrub("nothing to hide") == "nothing to hide"
