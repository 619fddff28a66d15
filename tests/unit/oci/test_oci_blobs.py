from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from tests.registries import Answer, MemoryRegistry, Sent, error

from mooring.digests import digest_bytes
from mooring.oci.credentials import Credentials, NoCredentials
from mooring.oci.model import Descriptor, RegistryError, Unauthorised
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.oci.store import Source
from mooring.oci.transport import Transport

BASE = ImageReference.parse("registry.example.com/team/base:1")
DATA = bytes(range(256)) * 20
BLOB = Descriptor(media_type="x", digest=digest_bytes(DATA), size=len(DATA))


class Ann:
    def find(self, reference: ImageReference) -> Credentials | None:
        return Credentials(username="ann", password="se:cret")


@pytest.fixture
def registry() -> MemoryRegistry:
    registry = MemoryRegistry()
    registry.blobs["team/base", BLOB.digest] = DATA
    return registry


def client(registry: MemoryRegistry, *, login: bool = False) -> RegistryClient:
    transport = Transport(adapter=registry.network, insecure=(), sleep=lambda _: None)
    return RegistryClient(credentials=Ann() if login else NoCredentials(), transport=transport)


def read(registry: MemoryRegistry, descriptor: Descriptor = BLOB, size: int = -1) -> bytes:
    with client(registry).blob(BASE, descriptor) as stream:
        return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_a_blob_is_read_in_pieces_of_the_wanted_size(registry: MemoryRegistry, size: int) -> None:
    with client(registry).blob(BASE, BLOB) as stream:
        pieces = list(iter(lambda: stream.read(size), b""))
    assert b"".join(pieces) == DATA
    assert all(len(piece) == size for piece in pieces[:-1])


def test_nothing_is_asked_before_it_is_wanted(registry: MemoryRegistry) -> None:
    with client(registry).blob(BASE, BLOB):
        assert registry.sent == []


def short(registry: MemoryRegistry, *lengths: int) -> None:
    """Let the next answers with a blob end early, without a word about their length."""
    left: Iterator[int] = iter(lengths)

    def cut(sent: Sent) -> Answer | None:
        answer = registry.answer(sent)
        if sent.method == "GET" and answer.status in (200, 206) and "/blobs/" in sent.path:
            length = next(left, None)
            if length is not None:
                return Answer(
                    status=answer.status, headers=answer.headers, body=answer.body[:length]
                )
        return None

    registry.hooks.append(cut)


@pytest.mark.parametrize("ranges", [True, False])
def test_what_breaks_off_is_resumed(registry: MemoryRegistry, ranges: bool) -> None:
    registry.ranges = ranges
    short(registry, 1000, 2000 if ranges else 3000, 0)
    assert read(registry) == DATA
    asked = [sent.headers.get("Range") for sent in registry.sent]
    assert asked == [None, "bytes=1000-", "bytes=3000-", "bytes=3000-"]


def test_resuming_ends(registry: MemoryRegistry) -> None:
    short(registry, *[0] * 100)
    with pytest.raises(RegistryError, match=f"the download of {BLOB.digest} did not end"):
        read(registry)
    assert len(registry.sent) == 4


def test_a_byte_at_a_time_is_not_enough(registry: MemoryRegistry) -> None:
    short(registry, *[1] * 10_000)
    with pytest.raises(RegistryError, match="did not end"):
        read(registry)
    assert len(registry.sent) < 25


def test_another_part_than_was_asked_for(registry: MemoryRegistry) -> None:
    short(registry, 1000)
    registry.hooks.append(
        lambda s: (
            Answer(status=206, headers={"Content-Range": "bytes 0-5119/5120"}, body=DATA)
            if s.headers.get("Range")
            else None
        )
    )
    with pytest.raises(RegistryError, match="another part"):
        read(registry)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(body=DATA[::-1]), "other bytes"),
        (Answer(body=DATA + b"!"), "more than 5120 bytes"),
        (Answer(headers={"Content-Length": "5121"}, body=DATA), "5121 bytes instead of 5120"),
        (Answer(headers={"Content-Length": "9" * 5000}, body=DATA), "instead of 5120"),
        (Answer(status=206, body=DATA), "answered 206"),
        (Answer(status=204), "answered 204"),
        (error(404, "BLOB_UNKNOWN"), "no such image"),
        (error(403, "DENIED", "not you"), "not you"),
        (error(500, "UNKNOWN", "down"), "answered 500: down"),
    ],
)
def test_bad_answers(registry: MemoryRegistry, answer: Answer, message: str) -> None:
    registry.hooks.append(lambda _: answer)
    with pytest.raises(RegistryError, match=message) as caught:
        read(registry)
    assert caught.value.exit_code == 3
    assert len(registry.sent) <= 4


@pytest.mark.parametrize("size", [1, 100, -1])
def test_wrong_bytes_never_reach_an_end(registry: MemoryRegistry, size: int) -> None:
    registry.blobs["team/base", BLOB.digest] = DATA[::-1]
    got = bytearray()

    def drain(stream: Source) -> None:
        while piece := stream.read(size):
            got.extend(piece)

    with client(registry).blob(BASE, BLOB) as stream, pytest.raises(RegistryError, match="other"):
        drain(stream)
    assert len(got) < len(DATA)  # not even the last piece is handed out


def test_an_empty_blob(registry: MemoryRegistry) -> None:
    empty = Descriptor(media_type="x", digest=digest_bytes(b""), size=0)
    assert read(registry, empty) == b""
    wrong = Descriptor(media_type="x", digest=BLOB.digest, size=0)
    with pytest.raises(RegistryError, match="other bytes"):
        read(registry, wrong)


def test_whether_a_blob_is_there(registry: MemoryRegistry) -> None:
    assert client(registry).has_blob(BASE, BLOB.digest)
    assert not client(registry).has_blob(BASE, digest_bytes(b"other"))
    assert registry.count("HEAD") == 2
    registry.hooks.append(lambda _: Answer(status=500))
    with pytest.raises(RegistryError):
        client(registry).has_blob(BASE, BLOB.digest)


def reading(registry: MemoryRegistry) -> AbstractContextManager[Source]:
    return client(registry, login=True).blob(BASE, BLOB)


def redirecting(registry: MemoryRegistry, target: str, there: Answer) -> None:
    def respond(sent: Sent) -> Answer | None:
        if sent.url.startswith("https://registry.example.com/v2/"):
            if not sent.headers.get("Authorization"):
                return Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
            return Answer(status=307, headers={"Location": target})
        return there

    registry.hooks.append(respond)


def test_a_storage_host_sees_no_credentials(registry: MemoryRegistry) -> None:
    redirecting(registry, "https://storage.example.net/b?sig=abc", Answer(body=DATA))
    with client(registry, login=True).blob(BASE, BLOB) as stream:
        assert stream.read() == DATA
    assert ["Authorization" in sent.headers for sent in registry.sent] == [False, True, False]


def test_a_storage_host_cannot_ask_for_a_password(registry: MemoryRegistry) -> None:
    """A challenge counts only when the registry itself makes it."""
    realm = {"WWW-Authenticate": 'Bearer realm="https://thief.example.net/token",service="x"'}
    redirecting(
        registry, "https://storage.example.net/b?sig=hush", Answer(status=401, headers=realm)
    )
    with client(registry, login=True).blob(BASE, BLOB) as stream, pytest.raises(Unauthorised):
        stream.read()
    assert not any("thief" in sent.url for sent in registry.sent)


@pytest.mark.parametrize(
    "target",
    [
        "http://storage.example.net/b?X-Signature=hush",
        "https://169.254.169.254/latest/meta-data?X-Signature=hush",
        "https://10.0.0.7/b?X-Signature=hush",
        "https://[fe80::1]/b?X-Signature=hush",
        "https://[::ffff:10.0.0.1]/b?X-Signature=hush",
        "https://localhost/b?X-Signature=hush",
        "https://127.0.0.1/b?X-Signature=hush",
        "https://ann:hush@storage.example.net/b",
        "file:///etc/passwd?hush",
    ],
)
def test_unsafe_redirects_are_refused_and_not_quoted(registry: MemoryRegistry, target: str) -> None:
    redirecting(registry, target, Answer(body=DATA))
    with reading(registry) as stream, pytest.raises(RegistryError, match="points to") as caught:
        stream.read()
    assert "hush" not in f"{caught.value} {caught.value.hint}"
    assert len(registry.sent) == 2


def test_a_storage_hosts_refusal_does_not_show_the_signed_url(registry: MemoryRegistry) -> None:
    said = Answer(status=400, body=b"<Error><URL>/b?sig=hush</URL></Error>")
    redirecting(registry, "https://storage.example.net/b?sig=hush", said)
    with (
        reading(registry) as stream,
        pytest.raises(RegistryError, match="storage host it points to") as caught,
    ):
        stream.read()
    assert "hush" not in str(caught.value)


def test_a_registry_that_repeats_our_password_is_not_quoted(registry: MemoryRegistry) -> None:
    def echo(sent: Sent) -> Answer:
        given = sent.headers.get("Authorization")
        if not given:
            return Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return error(403, "DENIED", f"you sent {given}, that is ann:se:cret")

    registry.hooks.append(echo)
    with reading(registry) as stream, pytest.raises(Unauthorised) as caught:
        stream.read()
    assert "you sent Basic ***" in str(caught.value)
    assert "se:cret" not in str(caught.value)
