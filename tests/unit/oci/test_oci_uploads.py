from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests
from tests.contents import Opened, blob
from tests.registries import Answer, MemoryRegistry, Sent, error

from mooring.oci import uploads
from mooring.oci.credentials import Credentials, NoCredentials
from mooring.oci.model import RegistryError
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.oci.transport import Transport
from mooring.oci.uploads import Upload

APP = ImageReference.parse("registry.example.com/team/app:1")
DATA = bytes(range(256)) * 40_000  # 10 MB: three chunks
BLOB = blob(DATA)
DIGEST = BLOB.descriptor.digest


class Ann:
    def find(self, reference: ImageReference) -> Credentials | None:
        return Credentials(username="ann", password="se:cret")


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


def upload(
    registry: MemoryRegistry, *, login: bool = False, waits: list[float] | None = None
) -> None:
    transport = Transport(
        adapter=registry.network, insecure=(), sleep=(waits if waits is not None else []).append
    )
    client = RegistryClient(credentials=Ann() if login else NoCredentials(), transport=transport)
    Upload(client.session.pushing(), APP, BLOB).run()
    assert registry.blobs["team/app", DIGEST] == DATA
    assert registry.uploads == {}


def broken_at(registry: MemoryRegistry, *sizes: int) -> None:
    """Break the next uploads after that many bytes of their bodies, which count."""
    left = list(sizes)

    def cut(sent: Sent) -> Answer | None:
        if sent.method in ("PUT", "PATCH") and "/uploads/" in sent.path and left:
            part = Sent(
                method=sent.method,
                url=sent.url,
                headers=sent.headers,
                body=sent.body[: left.pop(0)],
                proxies={},
            )
            registry.take_part(part)
            raise requests.exceptions.ConnectionError("reset")
        return None

    registry.hooks.append(cut)


def test_a_blob_is_a_post_and_a_put(registry: MemoryRegistry) -> None:
    upload(registry)
    assert [sent.method for sent in registry.sent] == ["POST", "PUT"]
    assert registry.sent[1].headers["Content-Length"] == str(len(DATA))
    assert "Content-Range" not in registry.sent[1].headers


def test_what_breaks_off_is_resumed_where_it_was(registry: MemoryRegistry) -> None:
    broken_at(registry, 3_000_000, 2_000_001)
    upload(registry)
    assert registry.count("POST") == 1
    ranges = [s.headers.get("Content-Range") for s in registry.sent if s.method == "PUT"]
    last = len(DATA) - 1
    assert ranges[0] is None
    assert f"3000000-{last}" in ranges
    assert ranges[-1] == f"5000001-{last}"


def test_progress_buys_more_tries_but_not_endless_ones(registry: MemoryRegistry) -> None:
    broken_at(registry, *[100_000] * 10)
    upload(registry)
    registry.blobs.clear()
    broken_at(registry, *[1] * 1000)
    with pytest.raises(RegistryError):
        upload(registry)
    assert len(registry.sent) < 150


def forgetful(registry: MemoryRegistry, status: int) -> Callable[[Sent], Answer | None]:
    """Forget every upload at the first request that continues one."""
    done: list[bool] = []

    def forget(sent: Sent) -> Answer | None:
        if sent.method == "PUT" and "/uploads/" in sent.path and not done:
            done.append(True)
            registry.uploads.clear()
            return error(status, "BLOB_UPLOAD_UNKNOWN", "stale")
        return None

    return forget


@pytest.mark.parametrize("status", [400, 404, 416])
def test_a_stale_location_is_begun_anew(registry: MemoryRegistry, status: int) -> None:
    registry.hooks.append(forgetful(registry, status))
    upload(registry)
    assert registry.count("POST") == 2


def test_a_registry_that_always_forgets(registry: MemoryRegistry) -> None:
    registry.hooks.append(
        lambda s: error(404, "BLOB_UPLOAD_UNKNOWN", "stale") if s.method == "PUT" else None
    )
    with pytest.raises(RegistryError, match=f"did not take the blob {DIGEST}: 404, stale"):
        upload(registry)
    assert registry.count("POST") == 4


def test_a_registry_that_gets_something_else(registry: MemoryRegistry) -> None:
    registry.hooks.append(
        lambda s: error(400, "DIGEST_INVALID", "digest invalid") if s.method == "PUT" else None
    )
    with pytest.raises(RegistryError, match="digest invalid"):
        upload(registry)


def test_a_last_answer_that_got_lost(registry: MemoryRegistry) -> None:
    def lose(sent: Sent) -> Answer | None:
        if sent.method != "PUT":
            return None
        registry.answer(sent)
        raise requests.exceptions.ConnectionError("reset")

    registry.hooks.append(lose)
    upload(registry)
    assert (registry.count("POST"), registry.count("PUT")) == (1, 1)


def small_bodies(sent: Sent) -> Answer | None:
    return Answer(status=413, body=b"too large") if len(sent.body) > 5_000_000 else None


def test_a_proxy_that_takes_only_small_requests(registry: MemoryRegistry) -> None:
    registry.hooks.append(small_bodies)
    upload(registry)
    assert registry.count("PATCH") == 2
    ranges = [s.headers.get("Content-Range") for s in registry.sent if len(s.body) <= 5_000_000]
    assert [each for each in ranges if each] == [
        "0-4194303",
        "4194304-8388607",
        f"8388608-{len(DATA) - 1}",
    ]


def test_chunks_are_resumed_too(registry: MemoryRegistry) -> None:
    registry.hooks.append(small_bodies)
    broken_at(registry, 1_000_000)
    upload(registry)


def test_a_registry_that_loses_count(registry: MemoryRegistry) -> None:
    registry.hooks.append(small_bodies)

    def stuck(sent: Sent) -> Answer | None:
        if sent.method != "PATCH":
            return None
        return Answer(status=202, headers={"Range": "0-5", "Location": sent.url})

    registry.hooks.append(stuck)
    with pytest.raises(RegistryError, match="lost count"):
        upload(registry)
    assert len(registry.sent) < 60


def test_a_busy_registry_says_how_long_to_wait(registry: MemoryRegistry) -> None:
    answers = [
        Answer(status=429, headers={"Retry-After": "7"}),
        Answer(status=503, headers={"Retry-After": "100000"}),
        Answer(status=503),
    ]
    registry.hooks.append(lambda s: answers.pop(0) if s.method == "PUT" and answers else None)
    waits: list[float] = []
    upload(registry, waits=waits)
    assert waits == [7.0, 30.0, 4.5]


@pytest.mark.parametrize("location", ["absolute", "relative", "query"])
def test_locations_in_every_form(registry: MemoryRegistry, location: str) -> None:
    def moved(sent: Sent) -> Answer | None:
        if sent.method != "POST":
            return None
        path = registry.answer(sent).headers["Location"]
        where = {
            "absolute": "https://registry.example.com" + path,
            "relative": re.sub(".*/", "", path),
            "query": path.partition("?")[0],
        }[location]
        return Answer(status=202, headers={"Location": where})

    registry.hooks.append(moved)
    upload(registry)
    (put,) = [sent for sent in registry.sent if sent.method == "PUT"]
    assert put.query["digest"] == [DIGEST]


def test_an_upload_elsewhere_goes_without_our_password(registry: MemoryRegistry) -> None:
    def respond(sent: Sent) -> Answer | None:
        if "storage.example.net" in sent.url:
            if sent.method == "PUT":
                registry.blobs["team/app", DIGEST] = sent.body
            return Answer(status=201)
        if not sent.headers.get("Authorization"):
            return Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        where = "https://storage.example.net/up?sig=abc"
        return Answer(status=202, headers={"Location": where})

    registry.hooks.append(respond)
    upload(registry, login=True)
    put = registry.sent[-1]
    assert put.url.startswith("https://storage.example.net/up?sig=abc&digest=")
    assert "Authorization" not in put.headers


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_storage_host_is_not_quoted(registry: MemoryRegistry, status: int) -> None:
    """Its errors hold the signed URL."""

    def respond(sent: Sent) -> Answer | None:
        if "storage.example.net" in sent.url:
            return Answer(status=status, body=b"<URL>/up?sig=hush</URL>")
        where = "https://storage.example.net/up?sig=hush"
        return Answer(status=202, headers={"Location": where}) if sent.method == "POST" else None

    registry.hooks.append(respond)
    with pytest.raises(RegistryError, match=f"a storage host .* answered {status}") as caught:
        upload(registry)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "location",
    [
        "http://storage.example.net/up?sig=hush",
        "https://169.254.169.254/up?sig=hush",
        "https://192.168.1.1/up?sig=hush",
        "https://ann:hush@storage.example.net/up",
        "https://[::1/hush",
        "",
    ],
)
def test_locations_that_must_not_be_used(registry: MemoryRegistry, location: str) -> None:
    registry.hooks.append(lambda _: Answer(status=202, headers={"Location": location}))
    with pytest.raises(RegistryError) as caught:
        upload(registry)
    assert "hush" not in str(caught.value)
    assert len(registry.sent) == 1


def test_a_redirected_upload_is_refused(registry: MemoryRegistry) -> None:
    registry.hooks.append(
        lambda s: (
            Answer(status=307, headers={"Location": "https://x.example.net/"})
            if s.method == "PUT"
            else None
        )
    )
    with pytest.raises(RegistryError, match="redirects a PUT"):
        upload(registry)


def test_giving_up_cancels_the_upload(registry: MemoryRegistry) -> None:
    registry.hooks.append(lambda s: error(405, "NO") if s.method == "PUT" else None)
    with pytest.raises(RegistryError):
        upload(registry)
    assert registry.sent[-1].method == "DELETE"
    assert registry.uploads == {}


def test_a_renewed_login_sends_the_whole_body_again(registry: MemoryRegistry) -> None:
    opened = Opened()
    refused: list[bool] = []

    def once(sent: Sent) -> Answer | None:
        if sent.method == "PUT" and not refused:
            refused.append(True)
            return Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        return None

    registry.hooks.append(once)
    transport = Transport(adapter=registry.network, insecure=(), sleep=lambda _: None)
    client = RegistryClient(credentials=Ann(), transport=transport)
    Upload(client.session.pushing(), APP, blob(DATA, opened=opened)).run()
    assert registry.blobs["team/app", DIGEST] == DATA
    assert len(opened.digests) == 2


def test_an_upload_that_is_not_wanted_any_more(registry: MemoryRegistry) -> None:
    transport = Transport(adapter=registry.network, insecure=(), sleep=lambda _: None)
    client = RegistryClient(credentials=NoCredentials(), transport=transport)
    with pytest.raises(uploads.Stopped):
        Upload(client.session.pushing(), APP, BLOB, stopped=lambda: True).run()
    assert ("team/app", DIGEST) not in registry.blobs
