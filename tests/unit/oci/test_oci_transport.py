from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tests.unit.oci.http_fake import Answer, FakeNetwork, Sent

from mooring.oci.model import RegistryError, RegistryUnreachable
from mooring.oci.transport import INSECURE_VARIABLE, Reply, Transport, check_outside, said

URL = "https://registry.example.com/v2/x"


def send(network: FakeNetwork, url: str = URL, *, method: str = "GET", limit: int = 1000) -> Reply:
    transport = Transport(adapter=network, insecure=(), sleep=lambda _: None)
    return transport.send(method, url, headers={"Authorization": "secret"}, limit=limit)


def redirecting(*targets: str) -> FakeNetwork:
    answers: Iterator[Answer] = iter(
        [*(Answer(status=307, headers={"Location": target}) for target in targets), Answer()]
    )
    return FakeNetwork(lambda _: next(answers))


def test_authorization_stays_with_its_origin() -> None:
    network = redirecting("/v2/y", "https://storage.example.net/blob", "https://third.example/z")
    assert send(network).ok
    assert [(sent.url, "Authorization" in sent.headers) for sent in network.sent] == [
        (URL, True),
        ("https://registry.example.com/v2/y", True),
        ("https://storage.example.net/blob", False),
        ("https://third.example/z", False),
    ]


def test_another_port_is_another_origin() -> None:
    network = redirecting("https://registry.example.com:8443/v2/x")
    send(network)
    assert "Authorization" not in network.sent[1].headers


@pytest.mark.parametrize(
    "target",
    [
        "http://registry.example.com/v2/x",
        "https://192.168.0.1/x",
        "https://[fe80::1]/x",
        "ftp://storage.example.net/x",
    ],
)
def test_unsafe_redirects_are_not_followed(target: str) -> None:
    network = redirecting(target)
    with pytest.raises(RegistryError):
        send(network)
    assert len(network.sent) == 1


@pytest.mark.parametrize(
    "target",
    [
        "https://[::1",
        "https://storage.example.net:99999/",
        "https://storage.example.net:port/",
    ],
)
def test_a_redirect_to_no_address_is_an_expected_error(target: str) -> None:
    network = redirecting(target)
    with pytest.raises(RegistryError, match="no address"):
        send(network)
    with pytest.raises(RegistryError, match="no address"):
        check_outside(target, URL)


def test_the_body_of_a_redirect_is_limited_too() -> None:
    answers = iter([Answer(status=302, headers={"Location": "/y"}, body=b"x" * 5000), Answer()])
    with pytest.raises(RegistryError, match="sent more than"):
        send(FakeNetwork(lambda _: next(answers)), limit=1000)


def test_redirects_end() -> None:
    network = FakeNetwork(lambda _: Answer(status=302, headers={"Location": "/again"}))
    with pytest.raises(RegistryError, match="more than 5 times"):
        send(network)


def test_a_redirected_put_is_refused() -> None:
    with pytest.raises(RegistryError, match="redirects a PUT"):
        send(redirecting("/v2/y"), method="PUT")


def test_a_registry_may_point_to_its_own_private_host() -> None:
    check_outside("https://10.0.0.1:8443/token", "https://10.0.0.1/v2/")
    check_outside("http://127.0.0.1:5001/token", "http://127.0.0.1:5000/v2/")
    check_outside("http://localhost:5001/token", "http://127.0.0.1:5000/v2/")
    with pytest.raises(RegistryError, match="private address"):
        check_outside("https://10.0.0.2/token", "https://10.0.0.1/v2/")
    with pytest.raises(RegistryError, match="private address"):
        check_outside("http://10.0.0.2/token", "http://127.0.0.1/v2/")


def test_large_answers_are_cut_off() -> None:
    with pytest.raises(RegistryError, match="more than 64 KiB"):
        send(FakeNetwork(lambda _: Answer(body=b"x" * 70_000)), limit=65_536)
    assert len(send(FakeNetwork(lambda _: Answer(body=b"x" * 65_536)), limit=65_536).body) == 65_536


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("registry.example.com", "https://registry.example.com"),
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("plain.example.com:80", "http://plain.example.com:80"),
        ("plain.example.com", "https://plain.example.com"),
    ],
)
def test_plain_http_is_for_loopback_and_named_hosts(host: str, url: str) -> None:
    assert Transport(insecure=["plain.example.com:80"]).base_url(host) == url


def test_insecure_hosts_by_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INSECURE_VARIABLE, "a.example.com, b.example.com:5000")
    transport = Transport()
    assert transport.base_url("b.example.com:5000") == "http://b.example.com:5000"
    assert transport.base_url("c.example.com") == "https://c.example.com"


def test_proxies_and_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login eve password stolen\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "")
    network = FakeNetwork(lambda _: Answer())
    send(network)
    send(network, "http://127.0.0.1:5000/v2/")
    assert network.sent[0].proxies["https"] == "http://proxy.example.com:3128"
    assert network.sent[1].proxies == {}
    assert [sent.headers["Authorization"] for sent in network.sent] == ["secret", "secret"]


def failing(*errors: Exception) -> FakeNetwork:
    queue = iter(errors)

    def respond(_: Sent) -> Answer:
        error = next(queue, None)
        if error is not None:
            raise error
        return Answer(body=b"whole")

    return FakeNetwork(respond)


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    broken = requests.exceptions.ChunkedEncodingError("broke off")
    assert send(failing(broken, broken)).body == b"whole"
    network = failing(*[broken] * 4)
    with pytest.raises(RegistryUnreachable):
        send(network)
    assert len(network.sent) == 4


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (requests.exceptions.ConnectTimeout("slow"), "did not answer in time", None),
        (requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), "TLS", "SSL_CERT_FILE"),
        (requests.exceptions.ConnectionError("refused"), "cannot be reached", "network"),
        (
            requests.exceptions.ProxyError("http://user:hush@proxy:1 failed"),
            "cannot be reached",
            "proxy",
        ),
    ],
)
def test_errors_are_translated(error: Exception, message: str, hint: str | None) -> None:
    with pytest.raises(RegistryUnreachable, match=message) as caught:
        send(failing(*itertools.repeat(error, 4)))
    assert "registry.example.com" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b'{"errors": [{"code": "DENIED", "message": "no\\u001b[31m access"}]}', "no [31m access"),
        (b'{"errors": [{"code": "DENIED"}, {"message": "b"}]}', "DENIED; b"),
        (b"<html>\n", "<html>"),
        (b"", "HTTP status 500"),
        (b"x" * 500, "x" * 200),
        (b'{"errors": [1]}', '{"errors": [1]}'),
    ],
)
def test_what_a_registry_says(body: bytes, line: str) -> None:
    assert said(Reply(status=500, url=URL, headers={}, body=body)) == line


def waits(*answers: Answer) -> tuple[list[float], Reply]:
    queue = iter(answers)
    slept: list[float] = []
    network = FakeNetwork(lambda _: next(queue, Answer()))
    transport = Transport(adapter=network, insecure=(), sleep=slept.append)
    return slept, transport.send("GET", URL, headers={}, limit=1000)


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("100000", 30.0),
        ("9" * 5000, 30.0),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 30.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("soon", 0.5),
        ("-5", 0.5),
        ("1.5", 0.5),
        ("", 0.5),
        ("Fri, 99 Foo 99999999 23:59:59 GMT", 0.5),
    ],
)
def test_a_server_may_say_how_long_to_wait(asked: str, wait: float) -> None:
    slept, reply = waits(Answer(status=429, headers={"Retry-After": asked}))
    assert (slept, reply.status) == ([wait], 200)


def test_waits_grow_and_end() -> None:
    slept, reply = waits(*[Answer(status=503, body=b"busy")] * 9)
    assert slept == [0.5, 1.5, 4.5]
    assert (reply.status, reply.body) == (503, b"busy")


def test_no_answer_in_time_is_waited_for_twice_only() -> None:
    network = failing(*[requests.exceptions.ReadTimeout("slow")] * 9)
    with pytest.raises(RegistryUnreachable, match="in time"):
        send(network)
    assert len(network.sent) == 2


def test_cookies_are_not_kept() -> None:
    network = FakeNetwork(lambda _: Answer(headers={"Set-Cookie": "session=1; Path=/"}))
    transport = Transport(adapter=network, insecure=())
    for _ in range(2):
        transport.send("GET", URL, headers={}, limit=1000)
    assert "Cookie" not in network.sent[1].headers


def test_a_signed_url_is_not_shown() -> None:
    with pytest.raises(RegistryError, match="not https") as caught:
        send(redirecting("http://storage.example.net/blob?X-Signature=hush"))
    assert "storage.example.net/blob" in str(caught.value)
    assert "hush" not in str(caught.value)
