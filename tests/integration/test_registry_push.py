"""Pushes to docker-registry: open, with passwords and with tokens; judged by skopeo and Docker."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contents import Opened, blob, image, index, packed, top
from tests.engines import DockerCli, absent, serve_registry
from tests.integration.images_fixtures import (
    USER,
    TokenServer,
    log_in,
    running_password_registry,
    running_token_registry,
)

from mooring.oci.content import Blob, Content
from mooring.oci.model import Descriptor, RegistryError, Unauthorised
from mooring.oci.push import Pushed, push
from mooring.oci.reference import ImageReference
from mooring.oci.referrers import attach, fetch, list_referrers
from mooring.oci.registry import RegistryClient
from mooring.oci.store import Source
from mooring.reporting import SILENT

pytestmark = pytest.mark.registry

LARGE = bytes(range(256)) * (24 << 12)  # 25 MB


@pytest.fixture(scope="module")
def password_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_password_registry(tmp_path_factory.mktemp("push-password")) as address:
        yield address


@pytest.fixture(scope="module")
def token_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, TokenServer]]:
    with running_token_registry(tmp_path_factory.mktemp("push-token")) as served:
        yield served


@pytest.fixture(params=["open", "password", "token"])
def address(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of each kind of registry, with a login for it."""
    name = {"open": "registry", "password": "password_registry", "token": "token_registry"}
    found = request.getfixturevalue(name[request.param])
    where = found if isinstance(found, str) else str(found[0])
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    log_in(tmp_path, where)
    return where


def named(address: str, name: str) -> ImageReference:
    return ImageReference.parse(f"{address}/{name}")


def pushed(target: ImageReference, content: Content, *tags: str) -> Pushed:
    with RegistryClient(push=True) as client:
        return push(client, target, content, tags=tags, reporter=SILENT)


def skopeo(*words: str, folder: Path | None = None) -> str:
    program = shutil.which("skopeo")
    if program is None:
        absent("there is no skopeo command")
    login = [f"--authfile={folder / 'config.json'}"] if folder else []
    done = subprocess.run(
        [program, words[0], *login, *words[1:]],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_image_arrives_and_skopeo_takes_it(address: str, tmp_path: Path) -> None:
    content = index(
        [
            image([packed("etc/a", b"one"), packed("etc/b", LARGE)]),
            image([packed("etc/a", b"two")], "linux/arm64/v8"),
        ]
    )
    target = named(address, "push/index:1")
    done = pushed(target, content, "latest")
    assert (done.digest, done.sent) == (content.index.digest, 5)
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{target}", folder=tmp_path)
    assert raw.encode() == content.index.body
    shown = skopeo(
        "inspect", "--override-arch=amd64", "--tls-verify=false", f"docker://{target}",
        folder=tmp_path,
    )  # fmt: skip
    assert json.loads(shown)["Labels"] == {"test": "yes"}
    skopeo(
        "copy", "--all", "--preserve-digests", "--src-tls-verify=false",
        f"docker://{target}", f"oci:{tmp_path / 'layout'}:1", folder=tmp_path,
    )  # fmt: skip
    copied = json.loads((tmp_path / "layout" / "index.json").read_text())
    assert copied["manifests"][0]["digest"] == content.index.digest

    again = pushed(target, content, "latest")
    assert (again.sent, again.there, again.uploaded) == (0, 5, 0)


def test_blobs_are_mounted_across_repositories(address: str) -> None:
    base, opened = named(address, "mount/base:1"), Opened()
    layers = [packed(f"etc/{number}", os.urandom(1000)) for number in range(12)]
    pushed(base, image(layers))
    given = [dataclasses.replace(each, open=_must_not_open, origin=base) for each in layers]
    own = packed("etc/own", os.urandom(1000), opened=opened)
    done = pushed(named(address, "mount/app:1"), image([*given, own]))
    assert (done.mounted, done.sent) == (12, 2)
    assert opened.digests == [own.descriptor.digest]


def _must_not_open() -> contextlib.AbstractContextManager[Source]:
    raise AssertionError("a blob that can be mounted was opened")


def test_one_client_reads_mounts_and_tags(address: str) -> None:
    base = named(address, "quick/base:1")
    layers = [packed(f"etc/{number}", os.urandom(500)) for number in range(20)]
    content = image(layers)
    pushed(base, content)
    with RegistryClient(push=True) as client:
        with client.blob(base, content.manifest.config()) as config:
            assert config.read() == content.config
        given = [dataclasses.replace(each, origin=base) for each in layers]
        target = named(address, "quick/app:1")
        done = push(client, target, image(given), tags=["latest"], reporter=SILENT)
        assert done.mounted == 20
        assert client.head(target.with_tag("latest")) == done.digest


def test_tokens_for_a_mount_hold_both_scopes(
    token_registry: tuple[str, TokenServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, tokens = token_registry
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    log_in(tmp_path, address)
    base = named(address, "scopes/base:1")
    layers = [packed(f"etc/{number}", os.urandom(100)) for number in range(6)]
    pushed(base, image(layers))
    tokens.scopes.clear()
    given = [dataclasses.replace(each, origin=base) for each in layers]
    done = pushed(named(address, "scopes/app:1"), image(given))
    assert done.mounted == 6
    # Two tokens for twenty requests: one for the target, one for the mounts.
    assert tokens.scopes == [
        (USER, "repository:scopes/app:pull,push"),
        (USER, "repository:scopes/base:pull"),
        (USER, "repository:scopes/app:pull,push"),
    ]


def test_a_token_server_that_grants_no_mount(
    token_registry: tuple[str, TokenServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = token_registry
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    log_in(tmp_path, address)
    base = named(address, "grants/base:1")
    content = image([packed("etc/a", os.urandom(100))])
    pushed(base, content)
    layer = content.layers[0]
    hidden = dataclasses.replace(layer, origin=named(address, "grants/other:1"))
    assert pushed(named(address, "grants/app:1"), image([hidden])).sent == 2


def test_short_lived_tokens_are_renewed(
    token_registry: tuple[str, TokenServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, tokens = token_registry
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    log_in(tmp_path, address)
    target = named(address, "expiry/app:1")
    with RegistryClient(push=True) as client:
        tokens.lifetime = -100  # valid for no time at all
        with pytest.raises(Unauthorised):
            client.exists(target)
        tokens.lifetime = 300
        done = push(client, target, image([packed("etc/a", b"x")]), reporter=SILENT)
    assert done.sent == 2


def test_without_the_right_to_push(
    token_registry: tuple[str, TokenServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = token_registry
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(Unauthorised) as caught:
        pushed(named(address, "denied/app:1"), image([packed("etc/a", b"x")]))
    assert f"docker login {address}" in (caught.value.hint or "")


def test_a_blob_is_downloaded(address: str) -> None:
    target = named(address, "download/app:1")
    pushed(target, image([blob(LARGE)]))
    described = blob(LARGE).descriptor
    with RegistryClient() as client:
        assert client.has_blob(target, described.digest)
        assert not client.has_blob(target, "sha256:" + "0" * 64)
        with client.blob(target, described) as stream:
            assert stream.read(1000) == LARGE[:1000]
            assert stream.read() == LARGE[1000:]
        absent_one = Descriptor(media_type="x", digest="sha256:" + "0" * 64, size=5)
        with client.blob(target, absent_one) as stream, pytest.raises(RegistryError, match="such"):
            stream.read()


def test_documents_under_the_fallback_tag(address: str) -> None:
    """docker-registry has no referrers API; skopeo shows what lies under the tag."""
    content = image([packed("etc/a", b"documents")])
    target, subject = named(address, "documents/app:1"), top(content)
    pushed(target, content)
    with RegistryClient(push=True) as client:
        assert list_referrers(client, target, subject.digest) == ()
        made = attach(
            client, target, subject, artifact_type="application/spdx+json", payload=b'{"a":1}'
        )
        assert made == attach(
            client, target, subject, artifact_type="application/spdx+json", payload=b'{"a":1}'
        )
        (found,) = list_referrers(client, target, subject.digest)
        assert found.artifact_type == "application/spdx+json"
        assert fetch(client, target, found) == b'{"a":1}'
        assert client.head(target) == content.manifest.digest


def test_pushers_at_once_lose_no_document(registry: str) -> None:
    content = image([packed("etc/a", b"race")])
    target, subject = named(registry, "race/app:1"), top(content)
    pushed(target, content)
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with RegistryClient(push=True) as client:
                for document in range(3):
                    attach(
                        client, target, subject,
                        artifact_type="application/x", payload=f"{number} {document}".encode(),
                    )  # fmt: skip
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with RegistryClient() as client:
        assert len(list_referrers(client, target, subject.digest)) == 6


def test_two_pushes_of_one_image_at_once(registry: str) -> None:
    content = image([packed(f"etc/{number}", os.urandom(100_000)) for number in range(6)])
    target = named(registry, "twice/app:1")
    results: list[str] = []

    def work() -> None:
        results.append(pushed(target, content).digest)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [content.manifest.digest] * 3


_KILLED = """
import os, sys, threading
sys.path.insert(0, sys.argv[1])
from tests.contents import blob, image
from mooring.oci.push import push
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.oci.store import Source
from mooring.reporting import SILENT
threading.Timer(float(sys.argv[3]), os._exit, [9]).start()
layers = [blob(bytes([n]) * (8 << 20)) for n in range(6)]
with RegistryClient(push=True) as client:
    push(client, ImageReference.parse(sys.argv[2]), image(layers), reporter=SILENT)
os._exit(0)
"""


def test_a_killed_push_leaves_the_registry_usable(tmp_path: Path) -> None:
    """Killed at twelve moments: the tag is absent, or stands for a whole image."""
    root = Path(__file__).resolve().parents[2]
    content = image([blob(bytes([n]) * (8 << 20)) for n in range(6)])
    with serve_registry(tmp_path) as address:
        target, codes = named(address, "killed/app:1"), []
        for step in range(12):
            done = subprocess.run(
                [sys.executable, "-c", _KILLED, str(root), str(target), str(0.05 + 0.05 * step)],
                capture_output=True,
                timeout=60,
                check=False,
                cwd=root,
            )
            codes.append(done.returncode)
            with RegistryClient() as client:
                if client.head(target) is not None:
                    assert all(
                        client.has_blob(target, each.descriptor.digest) for each in content.layers
                    )
        assert 9 in codes, codes
        assert pushed(target, content).digest == content.manifest.digest
        with RegistryClient() as client:
            assert client.head(target) == content.manifest.digest


class Zeros:
    """A long blob that takes no memory."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1, /) -> bytes:
        data = bytes(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


def zeros(size: int) -> Blob:
    found = hashlib.sha256()
    source = Zeros(size)
    while piece := source.read(1 << 20):
        found.update(piece)
    described = Descriptor(media_type="x", digest=f"sha256:{found.hexdigest()}", size=size)

    @contextlib.contextmanager
    def give() -> Iterator[Source]:
        yield Zeros(size)

    return Blob(descriptor=described, diff_id="", open=give)


def test_large_blobs_take_little_memory(registry: str) -> None:
    content = image([zeros((32 << 20) + number) for number in range(4)])
    target = named(registry, "memory/app:1")
    tracemalloc.start()
    try:
        assert pushed(target, content).uploaded > 128 << 20
        layer = content.layers[0].descriptor
        with RegistryClient() as client, client.blob(target, layer) as stream:
            while stream.read(1 << 20):
                pass
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


@contextlib.contextmanager
def cutting(address: str, cuts: list[int]) -> Iterator[str]:
    """Forward connections to a server; cut those that carry more than the next of `cuts`."""
    host, port = address.split(":")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    over = threading.Event()
    forwarders: list[threading.Thread] = []

    def forward(source: socket.socket, sink: socket.socket, *, limited: bool) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                carried += len(data)
                if limited and cuts and carried > cuts[0]:
                    cuts.pop(0)
                    break
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def both_ways(near: socket.socket) -> None:
        with near, socket.create_connection((host, int(port))) as far:
            back = threading.Thread(target=forward, args=(far, near), kwargs={"limited": False})
            back.start()
            forward(near, far, limited=True)
            back.join()

    def accept() -> None:
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                near, _ = listener.accept()
                thread = threading.Thread(target=both_ways, args=(near,))
                forwarders.append(thread)
                thread.start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        for each in (thread, *forwarders):
            each.join(10)
        listener.close()


def test_a_line_that_breaks_in_the_middle_of_uploads(registry: str) -> None:
    """docker-registry forgets an upload that broke off: it is begun anew."""
    content = image([packed("etc/a", os.urandom(12_000_000)), packed("etc/b", os.urandom(9_000))])
    cuts = [3_000_000, 9_000_000, 500]
    with cutting(registry, cuts) as address:
        done = pushed(named(address, "broken/app:1"), content)
    assert cuts == []
    assert done.digest == content.manifest.digest
    again = pushed(named(registry, "broken/app:1"), content)
    assert (again.sent, again.there) == (0, 3)


def test_a_push_to_nowhere_ends_soon() -> None:
    begun = time.monotonic()
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:1"):
        pushed(named("127.0.0.1:1", "none/app:1"), image([blob(b"x")]))
    assert time.monotonic() - begun < 30


@pytest.mark.engine
def test_docker_pulls_what_was_pushed(registry: str, docker_cli: DockerCli) -> None:
    content = image([packed("etc/greeting", b"hello from a pushed layer\n")])
    target = named(registry, "pulled/app:1")
    push_target = str(target)
    pushed(target, content)
    try:
        docker_cli.run("pull", "--quiet", push_target)
        shown = json.loads(docker_cli.run("image", "inspect", push_target))[0]
        assert shown["Id"] == content.manifest.config().digest
        assert shown["RepoDigests"] == [f"{target.name}@{content.manifest.digest}"]
        container = docker_cli.run("create", push_target, "/none")
        try:
            assert "hello from a pushed layer" in docker_cli.run(
                "cp", f"{container}:/etc/greeting", "-"
            )
        finally:
            docker_cli.run("rm", container)
    finally:
        docker_cli.run("rmi", "--no-prune", push_target, check=False)
