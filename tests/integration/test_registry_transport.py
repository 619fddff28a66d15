"""Retries and broken answers, with a server that misbehaves on purpose."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from tests.engines import absent
from tests.integration.images_fixtures import http_server

from mooring.oci.model import RegistryUnreachable
from mooring.oci.transport import Reply, Transport

pytestmark = pytest.mark.network

Script = list[tuple[int, Mapping[str, str], bytes]]
WELL: tuple[int, Mapping[str, str], bytes] = (200, {}, b"well")


def ask(script: Script, method: str = "GET") -> tuple[Reply, int]:
    """Send one request to a server that answers with the script; return the number of tries."""
    rest = list(script)
    seen: list[str] = []

    def respond(
        method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        seen.append(path)
        return rest.pop(0) if len(rest) > 1 else rest[0]

    with http_server(respond) as address:
        transport = Transport(insecure=(), backoff=0.0)
        try:
            reply = transport.send(method, f"http://{address}/x", headers={}, limit=1000)
        finally:
            transport.close()
    return reply, len(seen)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_passes_is_tried_again(status: int, method: str) -> None:
    reply, tries = ask(
        [(status, {}, b"busy"), (status, {"Retry-After": "0"}, b"busy"), WELL], method
    )
    assert (reply.status, tries) == (200, 3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 416])
def test_what_stays_is_not_tried_again(status: int) -> None:
    reply, tries = ask([(status, {}, b"no"), WELL])
    assert (reply.status, reply.body, tries) == (status, b"no", 1)


def test_retries_end() -> None:
    reply, tries = ask([(503, {}, b"busy")])
    assert (reply.status, reply.body, tries) == (503, b"busy", 4)


def test_a_short_answer_is_asked_for_again() -> None:
    reply, tries = ask([(200, {"Content-Length": "100"}, b"short"), WELL])
    assert (reply.body, tries) == (b"well", 2)


def test_an_answer_that_is_always_short() -> None:
    with pytest.raises(RegistryUnreachable):
        ask([(200, {"Content-Length": "100"}, b"short")])


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A TLS server with a certificate that nobody trusts; give its URL and the certificate."""
    if shutil.which("openssl") is None:
        absent("there is no openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=test",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its base's
            """Say nothing."""

    class Server(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: clients that hang up are the point."""

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}/", folder / "cert.pem"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.process
@pytest.mark.parametrize("trusted", [True, False])
def test_certificates(
    trusted: bool, tls: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, certificate = tls
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    transport = Transport(insecure=(), backoff=0.0)
    try:
        if trusted:
            assert transport.send("GET", url, headers={}, limit=10).ok
            return
        with pytest.raises(RegistryUnreachable, match="no trusted TLS") as caught:
            transport.send("GET", url, headers={}, limit=10)
        assert "SSL_CERT_FILE" in (caught.value.hint or "")
    finally:
        transport.close()


def test_a_ca_bundle_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent/ca.pem")
    transport = Transport(insecure=())
    with pytest.raises(RegistryUnreachable, match=r"/nonexistent/ca\.pem"):
        transport.send("GET", "https://127.0.0.1:1/", headers={}, limit=10)
    transport.close()
