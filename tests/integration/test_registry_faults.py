"""Registries that misbehave on the wire: each gives one clear error in bounded time, or success."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contents import blob, image, index
from tests.integration.images_fixtures import PASSWORD, USER, log_in
from tests.registries import Answer, Faults, MemoryRegistry, Sent, error, served

from mooring.oci.model import (
    OCI_MANIFEST,
    Descriptor,
    RegistryError,
    RegistryUnreachable,
    Unauthorised,
)
from mooring.oci.push import Pushed, push
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.oci.transport import Transport
from mooring.reporting import SILENT

pytestmark = pytest.mark.network

DATA = bytes(range(256)) * 40_000  # 10 MB
LAYER = blob(DATA)


def client(patience: float = 20.0) -> RegistryClient:
    return RegistryClient(
        transport=Transport(insecure=(), backoff=0.01, patience=patience), push=True
    )


def named(address: str, tag: str = "1") -> ImageReference:
    return ImageReference.parse(f"{address}/team/app:{tag}")


def pushed(address: str) -> Pushed:
    with client() as asking:
        return push(asking, named(address), image([LAYER]), reporter=SILENT)


def read(address: str, descriptor: Descriptor = LAYER.descriptor, patience: float = 20.0) -> bytes:
    with client(patience) as asking, asking.blob(named(address), descriptor) as stream:
        return stream.read()


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "forgotten"])
def test_connections_cut_in_uploads(keep: bool) -> None:
    registry = MemoryRegistry()
    cuts = [5_000_000, 1_000_000] if keep else [5_000_000, 0]
    with served(registry, Faults(cut_uploads=cuts, keep=keep)) as address:
        done = pushed(address)
    assert done.sent == 2
    assert registry.blobs["team/app", LAYER.descriptor.digest] == DATA
    assert registry.uploads == {}


def test_every_upload_is_cut() -> None:
    registry = MemoryRegistry()
    with (
        served(registry, Faults(cut_uploads=[1000] * 500, keep=False)) as address,
        pytest.raises(RegistryUnreachable, match=address),
    ):
        pushed(address)
    assert registry.tags("team/app") == set()


def test_connections_cut_in_downloads() -> None:
    registry = MemoryRegistry()
    registry.blobs["team/app", LAYER.descriptor.digest] = DATA
    with served(registry, Faults(cut_downloads=[3_000_000, 1, 0, 2_000_000])) as address:
        assert read(address) == DATA
    ranges = [sent.headers.get("Range") for sent in registry.sent]
    assert ranges[0] is None
    assert all(each and each.startswith("bytes=") for each in ranges[1:])


def test_a_download_that_is_always_cut() -> None:
    registry = MemoryRegistry()
    registry.blobs["team/app", LAYER.descriptor.digest] = DATA
    with (
        served(registry, Faults(cut_downloads=[0] * 100)) as address,
        pytest.raises(RegistryUnreachable, match="did not end"),
    ):
        read(address)
    assert len(registry.sent) < 20


def test_a_drip_is_cut_off() -> None:
    """A byte every 20 ms never lets a socket time out."""
    small = blob(DATA[:5000])
    registry = MemoryRegistry()
    registry.blobs["team/app", small.descriptor.digest] = DATA[:5000]
    begun = time.monotonic()
    with (
        served(registry, Faults(slow=0.02)) as address,
        pytest.raises(RegistryUnreachable, match="too slowly"),
    ):
        read(address, small.descriptor, patience=0.5)
    assert time.monotonic() - begun < 30


def test_bursts_of_refusals() -> None:
    registry = MemoryRegistry()
    seen: dict[str, int] = {}

    def busy(sent: Sent) -> Answer | None:
        key = f"{sent.method} {sent.path}"
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 1:
            return Answer(status=429, headers={"Retry-After": "0"}, body=b"slow down")
        return Answer(status=500, body=b"oops") if seen[key] == 2 else None

    registry.hooks.append(busy)
    with served(registry) as address:
        assert pushed(address).sent == 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(headers={"Content-Type": OCI_MANIFEST}, body=b"{" * 3_000_000), "JSON"),
        (Answer(headers={"Content-Type": OCI_MANIFEST}, body=b"garbage"), "JSON"),
        (Answer(headers={"Content-Type": "text/html"}, body=b"<html>"), "'text/html'"),
        (Answer(headers={"Content-Type": OCI_MANIFEST}, body=b" " * (100 << 20)), "sent more than"),
        (error(404, "MANIFEST_UNKNOWN"), "no such image"),
        (error(401, "UNAUTHORIZED"), "login that is not supported"),
        (error(403, "DENIED", "no"), "refused access: no"),
        (Answer(status=302, headers={"Location": "http://169.254.169.254/x"}), "private address"),
        (Answer(status=302, headers={"Location": "http://10.1.2.3/x"}), "private address"),
        (Answer(status=302, headers={"Location": "gopher://x/"}), "not https"),
        (Answer(status=302, headers={"Location": "/again"}), "more than 5 times"),
    ],
)
def test_answers_to_a_question_for_a_manifest(answer: Answer, message: str) -> None:
    registry = MemoryRegistry()
    registry.hooks.append(lambda _: answer)
    tracemalloc.start()
    try:
        with (
            served(registry) as address,
            client() as asking,
            pytest.raises(RegistryError, match=message) as caught,
        ):
            asking.platform_digests(named(address), ["linux/amd64"])
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()
    assert caught.value.exit_code == 3


def test_a_redirect_to_another_port_sees_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = MemoryRegistry()
    storage.hooks.append(lambda _: Answer(body=DATA))
    registry = MemoryRegistry()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with served(storage) as elsewhere, served(registry) as address:

        def respond(sent: Sent) -> Answer:
            if not sent.headers.get("Authorization"):
                return Answer(status=401, headers={"Www-Authenticate": 'Basic realm="x"'})
            return Answer(status=307, headers={"Location": f"http://{elsewhere}/blob?sig=1"})

        registry.hooks.append(respond)
        log_in(tmp_path, address)
        assert read(address) == DATA
    assert len(storage.sent) == 1
    assert "Authorization" not in storage.sent[0].headers


def test_a_password_is_in_no_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = MemoryRegistry()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    def echo(sent: Sent) -> Answer:
        given = sent.headers.get("Authorization", "")
        said = json.dumps({"errors": [{"message": f"{given} {USER}:{PASSWORD}"}]}).encode()
        challenge = {} if given else {"Www-Authenticate": 'Basic realm="x"'}
        return Answer(status=403 if given else 401, headers=challenge, body=said)

    registry.hooks.append(echo)
    with served(registry) as address:
        log_in(tmp_path, address)
        with pytest.raises(Unauthorised) as caught:
            pushed(address)
    text = f"{caught.value} {caught.value.hint} {caught.value!r}"
    assert PASSWORD not in text
    assert "YW5u" not in text  # base64 of the user's name and more


@contextlib.contextmanager
def talking(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """Accept connections, read a request's beginning, and let a function speak."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    over = threading.Event()

    def one(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            connection.recv(65_536)
            while not over.is_set():
                speak(connection)

    def accept() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listener.close()


class Once:
    """Says something first, and then something else again and again."""

    def __init__(self, first: bytes, rest: bytes, pause: float = 0.0) -> None:
        self._first, self._rest, self._pause = first, rest, pause
        self._begun: set[socket.socket] = set()

    def __call__(self, connection: socket.socket) -> None:
        if connection not in self._begun:
            self._begun.add(connection)
            connection.sendall(self._first)
        connection.sendall(self._rest)
        time.sleep(self._pause)


def test_a_body_without_an_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: " + OCI_MANIFEST.encode() + b"\r\n\r\n"
    with (
        talking(Once(head, b" " * 65_536)) as address,
        client(patience=2.0) as asking,
        pytest.raises(RegistryError, match="sent more than"),
    ):
        asking.manifest(named(address))
    with (
        talking(Once(head, b" " * 65_536)) as address,
        pytest.raises(RegistryError, match=r"other bytes|more than"),
    ):
        read(address, patience=2.0)


@pytest.mark.parametrize(
    "said",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"\0" * 1000, b"HTTP/1.1 200 OK\r\n" + b"X-Header: x\r\n" * 1000],
    ids=["ssh", "zeros", "headers"],
)
def test_a_server_that_is_no_registry(said: bytes) -> None:
    begun = time.monotonic()
    with (
        talking(Once(said, b"x")) as address,
        client(patience=0.7) as asking,
        pytest.raises(RegistryUnreachable, match=address),
    ):
        asking.exists(named(address))
    assert time.monotonic() - begun < 30


def test_a_server_that_says_nothing() -> None:
    begun = time.monotonic()
    with (
        talking(lambda _: time.sleep(0.05)) as address,
        client(patience=0.3) as asking,
        pytest.raises(RegistryUnreachable, match="did not answer in time"),
    ):
        asking.exists(named(address))
    assert time.monotonic() - begun < 30


def test_a_trickle_of_headers() -> None:
    begun = time.monotonic()
    trickle = Once(b"HTTP/1.1 200 OK\r\nX-Header: ", b"x", pause=0.05)
    with (
        talking(trickle) as address,
        client(patience=0.5) as asking,
        pytest.raises(RegistryUnreachable),
    ):
        asking.exists(named(address))
    assert time.monotonic() - begun < 30


def test_a_registry_that_dies_during_a_push() -> None:
    """Nothing hangs, and no name stands for a part."""
    registry = MemoryRegistry()
    content = index([image([LAYER]), image([blob(b"x" * 100)], "linux/arm64")])
    for after in (1, 4, 7, 12):
        registry.sent.clear()

        def down(sent: Sent, after: int = after) -> Answer | None:
            return error(503, "DOWN") if len(registry.sent) > after else None

        registry.hooks[:] = [down]
        with served(registry) as address, client() as asking, pytest.raises(RegistryError):
            push(asking, named(address), content, reporter=SILENT)
        assert registry.tags("team/app") == set()


_INTERRUPTED = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.contents import blob, image
from mooring.oci.push import push
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.reporting import SILENT
with RegistryClient(push=True) as client:
    print("begun", flush=True)
    push(client, ImageReference.parse(sys.argv[2]), image([blob(b"x")]), reporter=SILENT)
"""


@pytest.mark.process
def test_an_interrupted_push_does_not_wait_for_a_silent_registry() -> None:
    root = Path(__file__).resolve().parents[2]
    registry, silent, over = MemoryRegistry(), threading.Event(), threading.Event()

    def wait(sent: Sent) -> Answer | None:
        if sent.method == "POST":
            silent.set()
            over.wait(50)
        return None

    registry.hooks.append(wait)
    with served(registry) as address:
        process = subprocess.Popen(
            [sys.executable, "-c", _INTERRUPTED, str(root), f"{address}/team/app:1"],
            cwd=root,
            stderr=subprocess.PIPE,
        )
        assert silent.wait(40)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=40)
        over.set()
        assert time.monotonic() - begun < 30
    assert process.returncode != 0
    assert b"KeyboardInterrupt" in said
