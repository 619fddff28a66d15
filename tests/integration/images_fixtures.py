"""Real registries with authorisation, and the means to fill them without an engine."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from tests.engines import absent

from mooring.oci.model import OCI_INDEX, OCI_MANIFEST

STARTUP_SECONDS = 20.0
USER, PASSWORD = "ann", "se:cret"
# bcrypt of PASSWORD; the only kind that the registry takes.
_HTPASSWD = f"{USER}:$2b$04$5FsNhTIHLeDortU8kvr/NOdm48wBf2ShHUC5SboD9156wxEl11dt2\n"


def call(
    address: str,
    method: str,
    path: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, Mapping[str, str]]:
    """Send one request to a server of this machine; return status and headers."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        with connection.getresponse() as response:
            response.read()
            return response.status, {k.lower(): v for k, v in response.getheaders()}
    finally:
        connection.close()


def digest_of(data: bytes) -> str:
    """Return the digest of bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Filler:
    """Puts small images into a registry."""

    address: str
    headers: Mapping[str, str]

    def blob(self, repository: str, data: bytes) -> dict[str, object]:
        """Upload a blob; return its descriptor."""
        digest = digest_of(data)
        status, answer = call(
            self.address, "POST", f"/v2/{repository}/blobs/uploads/", headers=self.headers
        )
        assert status == 202, status
        where = urlsplit(answer["location"])
        status, _ = call(
            self.address,
            "PUT",
            f"{where.path}?{where.query}&digest={digest}",
            body=data,
            headers={**self.headers, "Content-Type": "application/octet-stream"},
        )
        assert status == 201, status
        return {"mediaType": "application/octet-stream", "digest": digest, "size": len(data)}

    def manifest(self, repository: str, tag: str, kind: str, document: object) -> str:
        """Upload a manifest under a tag; return its digest."""
        body = json.dumps(document).encode()
        status, _ = call(
            self.address,
            "PUT",
            f"/v2/{repository}/manifests/{tag}",
            body=body,
            headers={**self.headers, "Content-Type": kind},
        )
        assert status == 201, status
        return digest_of(body)

    def image(self, repository: str, tag: str, architecture: str) -> str:
        """Upload an image without layers for one architecture of Linux; return its digest."""
        config = json.dumps({"os": "linux", "architecture": architecture, "rootfs": {}}).encode()
        return self.manifest(
            repository,
            tag,
            OCI_MANIFEST,
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": self.blob(repository, config)
                | {"mediaType": "application/vnd.oci.image.config.v1+json"},
                "layers": [],
            },
        )

    def index(self, repository: str, tag: str) -> dict[str, str]:
        """Upload images for two platforms and their index; return platform to digest."""
        found = {arch: self.image(repository, f"{tag}-{arch}", arch) for arch in ("amd64", "arm64")}
        entries = [
            {
                "mediaType": OCI_MANIFEST,
                "digest": digest,
                "size": 1,
                "platform": {"os": "linux", "architecture": arch},
            }
            for arch, digest in found.items()
        ]
        self.manifest(
            repository,
            tag,
            OCI_INDEX,
            {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries},
        )
        return {f"linux/{arch}": digest for arch, digest in found.items()}


@contextlib.contextmanager
def running_registry(folder: Path, auth: str) -> Iterator[str]:
    """Run a registry with the `auth` section of its settings; give its `host:port`."""
    program = shutil.which("docker-registry")
    if program is None:
        absent("there is no docker-registry command")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = folder / "config.yml"
    settings.write_text(
        "version: 0.1\n"
        "log: {level: warn, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder / 'data'}'}}}}\n"
        f"http: {{addr: '{address}'}}\n"
        f"auth: {auth}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", settings], stdout=log, stderr=log)
        try:
            _wait_for(address, process, folder / "log")
            yield address
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait(10)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            call(address, "GET", "/v2/")
        except OSError:
            time.sleep(0.05)
        else:
            return
    absent(f"the registry does not answer: {log.read_text()[-500:]}")


@contextlib.contextmanager
def running_password_registry(folder: Path) -> Iterator[str]:
    """Run a registry that wants `USER` and `PASSWORD` (Basic); give its `host:port`."""
    (folder / "htpasswd").write_text(_HTPASSWD)
    with running_registry(
        folder, f"{{htpasswd: {{realm: test, path: '{folder / 'htpasswd'}'}}}}"
    ) as address:
        yield address


@dataclass(kw_only=True)
class TokenServer:
    """Makes bearer tokens for a registry, and keeps what was asked of it.

    Attributes:
        anonymous: Actions that somebody without a password may do.
        lifetime: Seconds that a token is valid.
        scopes: The scopes that were asked for, in order.
    """

    folder: Path
    anonymous: frozenset[str] = frozenset({"pull"})
    lifetime: int = 300
    scopes: list[tuple[str | None, str]]

    def token(self, query: Mapping[str, list[str]], authorization: str | None) -> str | None:
        """Return a signed token (RS256), or None for a wrong password."""
        user = None
        if authorization:
            pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            if pair != f"{USER}:{PASSWORD}":
                return None
            user = USER
        access = []
        for scope in query.get("scope", []):
            self.scopes.append((user, scope))
            kind, name, actions = scope.split(":")
            granted = [a for a in actions.split(",") if user or a in self.anonymous]
            access.append({"type": kind, "name": name, "actions": granted})
        now = int(time.time())
        return self._signed(
            {
                "iss": "mooring-tests",
                "aud": query["service"][0],
                "sub": user or "",
                "iat": now,
                "nbf": now - 5,
                "exp": now + self.lifetime,
                "jti": str(time.time_ns()),
                "access": access,
            }
        )

    def _signed(self, claims: Mapping[str, object]) -> str:
        pem = (self.folder / "cert.pem").read_text()
        certificate = "".join(pem.splitlines()[1:-1])
        header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate]}
        text = (
            f"{_base64url(json.dumps(header).encode())}.{_base64url(json.dumps(claims).encode())}"
        )
        key = serialization.load_pem_private_key(
            (self.folder / "key.pem").read_bytes(), None, unsafe_skip_rsa_key_validation=True
        )
        assert isinstance(key, rsa.RSAPrivateKey)
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_base64url(signature)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


Respond = Callable[[str, str, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]]


@contextlib.contextmanager
def http_server(respond: Respond) -> Iterator[str]:
    """Serve (method, path, headers) -> (status, headers, body) on loopback; give `host:port`.

    A `Content-Length` among the answer's headers stays as it is, and may be a lie.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        wbufsize = 64 << 10  # head and body in one packet: the second would wait for the first

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its base's
            """Say nothing."""

        def do_GET(self) -> None:
            status, headers, body = respond(self.command, self.path, dict(self.headers.items()))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            self.close_connection = True

        def do_HEAD(self) -> None:
            self.do_GET()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _write_certificate(folder: Path) -> None:
    """Write a key and a certificate of its own, with which a registry knows the tokens' maker."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mooring-tests")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@contextlib.contextmanager
def running_token_registry(folder: Path) -> Iterator[tuple[str, TokenServer]]:
    """Run a registry that wants bearer tokens; give its `host:port` and its token server."""
    _write_certificate(folder)
    tokens = TokenServer(folder=folder, scopes=[])

    def respond(
        method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        token = tokens.token(parse_qs(urlsplit(path).query), headers.get("Authorization"))
        if token is None:
            return 401, {}, b""
        return 200, {}, json.dumps({"token": token}).encode()

    with http_server(respond) as server:
        auth = (
            f"{{token: {{realm: 'http://{server}/token', service: test, issuer: mooring-tests, "
            f"rootcertbundle: '{folder / 'cert.pem'}'}}}}"
        )
        with running_registry(folder, auth) as address:
            yield address, tokens


def log_in(folder: Path, address: str, password: str = PASSWORD) -> None:
    """Write what `docker login` stores; the test sets `DOCKER_CONFIG` to the folder."""
    pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {address: {"auth": pair}}}))
