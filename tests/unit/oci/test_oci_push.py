from __future__ import annotations

import random
import re

import pytest
import requests
from tests.contents import Opened, blob, image, index
from tests.fakes import RecordingReporter
from tests.registries import Answer, MemoryRegistry, Sent, error

from mooring.digests import digest_bytes
from mooring.oci.content import Content
from mooring.oci.credentials import NoCredentials
from mooring.oci.model import Descriptor, RegistryError, RegistryUnreachable
from mooring.oci.push import Pushed, push
from mooring.oci.reference import ImageReference
from mooring.oci.registry import RegistryClient
from mooring.oci.transport import Transport
from mooring.reporting import SILENT

HOST = "registry.example.com"
APP = ImageReference.parse(f"{HOST}/team/app:moor-1")
BASE = ImageReference.parse(f"{HOST}/team/base:1")


def client(registry: MemoryRegistry, waits: list[float] | None = None) -> RegistryClient:
    transport = Transport(
        adapter=registry.network,
        insecure=(),
        sleep=(waits if waits is not None else []).append,
    )
    return RegistryClient(credentials=NoCredentials(), transport=transport, push=True)


def pushed(
    registry: MemoryRegistry,
    content: Content,
    target: ImageReference = APP,
    *,
    tags: tuple[str, ...] = (),
) -> Pushed:
    return push(client(registry), target, content, tags=tags, reporter=SILENT)


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


def test_everything_arrives_in_the_order_that_keeps_names_whole(registry: MemoryRegistry) -> None:
    content = image([blob(b"one"), blob(b"two")])
    done = pushed(registry, content, tags=("latest",))
    assert done == Pushed(
        digest=content.manifest.digest,
        uploaded=6 + len(content.config),
        sent=3,
        mounted=0,
        there=0,
    )
    puts = registry.lines("PUT")
    assert [line.rpartition("/")[2] for line in puts[-2:]] == ["latest", "moor-1"]
    assert all("/blobs/" in line for line in puts[:-2])
    assert registry.manifests["team/app", "moor-1"][1] == content.manifest.body
    assert registry.uploads == {}


def test_a_blob_that_is_there_is_not_opened(registry: MemoryRegistry) -> None:
    opened = Opened()
    first, second = blob(b"one", opened=opened), blob(b"two", opened=opened)
    registry.blobs["team/app", first.descriptor.digest] = b"one"
    done = pushed(registry, image([first, second]))
    assert (done.sent, done.there) == (2, 1)
    assert opened.digests == [second.descriptor.digest]


def test_a_blob_that_is_listed_twice_is_sent_once(registry: MemoryRegistry) -> None:
    same = blob(b"one")
    assert pushed(registry, image([same, same])).sent == 2


def test_mounting_takes_a_head_and_a_post(registry: MemoryRegistry) -> None:
    opened = Opened()
    layers = [blob(bytes([n]), origin=BASE, opened=opened) for n in range(5)]
    for each in layers:
        registry.blobs["team/base", each.descriptor.digest] = b"there"
    done = pushed(registry, image(layers))
    assert (done.mounted, done.sent) == (5, 1)
    assert opened.digests == []
    assert registry.count("POST") == 6
    assert registry.count("HEAD") == 7  # five layers, the configuration, the manifest
    assert registry.count("PUT") == 2


@pytest.mark.parametrize(
    "origin", [f"{HOST}/team/app:1", "other.example.com/team/base:1"], ids=["itself", "elsewhere"]
)
def test_what_cannot_be_mounted_is_sent(registry: MemoryRegistry, origin: str) -> None:
    layers = [blob(b"one", origin=ImageReference.parse(origin))]
    assert pushed(registry, image(layers)).sent == 2
    assert not any("mount" in sent.query for sent in registry.sent)


def test_an_upload_opened_instead_of_a_mount_is_used(registry: MemoryRegistry) -> None:
    registry.mounts = False
    assert pushed(registry, image([blob(b"one", origin=BASE)])).sent == 2
    assert registry.count("POST") == 2
    assert registry.uploads == {}


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_a_refused_mount_is_no_end(registry: MemoryRegistry, status: int) -> None:
    registry.hooks.append(lambda s: error(status, "NO") if "mount" in s.query else None)
    assert pushed(registry, image([blob(b"one", origin=BASE)])).sent == 2


def test_pushing_again_is_a_few_heads(registry: MemoryRegistry) -> None:
    content = index([image([blob(b"one")]), image([blob(b"two")], "linux/arm64/v8")])
    pushed(registry, content, tags=("latest",))
    registry.sent.clear()
    done = pushed(registry, content, tags=("latest",))
    assert (done.sent, done.mounted, done.there, done.uploaded) == (0, 0, 4, 0)
    assert [sent.method for sent in registry.sent] == ["HEAD"] * 3


def test_a_tag_that_moved_is_moved_back(registry: MemoryRegistry) -> None:
    old, new = image([blob(b"old")]), image([blob(b"new")])
    pushed(registry, old, tags=("latest",))
    pushed(registry, new, APP.with_tag("moor-2"), tags=("latest",))
    assert registry.manifests["team/app", "latest"][1] == new.manifest.body
    pushed(registry, old, tags=("latest",))
    assert registry.manifests["team/app", "latest"][1] == old.manifest.body


def test_an_index_comes_after_its_images(registry: MemoryRegistry) -> None:
    images = [image([blob(b"one")]), image([blob(b"two")], "linux/arm64")]
    content = index(images)
    pushed(registry, content)
    manifests = [line for line in registry.lines("PUT") if "/manifests/" in line]
    assert [line.rpartition("/")[2] for line in manifests] == [
        *(each.manifest.digest for each in images),
        "moor-1",
    ]


def test_without_a_tag_nothing_gets_a_name(registry: MemoryRegistry) -> None:
    content = image([blob(b"one")])
    pushed(registry, content, ImageReference.parse(f"{HOST}/team/app"))
    assert registry.tags("team/app") == set()
    assert ("team/app", content.manifest.digest) in registry.manifests


def test_a_registry_that_lies_about_a_blob_gets_it_after_all(registry: MemoryRegistry) -> None:
    lost = blob(b"lost")

    def lie(sent: Sent) -> Answer | None:
        return Answer() if sent.method == "HEAD" and "/blobs/" in sent.path else None

    registry.hooks.append(lie)
    assert pushed(registry, image([lost])).sent == 2
    assert ("team/app", lost.descriptor.digest) in registry.blobs


def test_wrong_bytes_of_ours_leave_no_name(registry: MemoryRegistry) -> None:
    promised = Descriptor(media_type="x", digest=digest_bytes(b"good"), size=4)
    for data, message in ((b"evil", "DIGEST|digest"), (b"goo", "fewer"), (b"good!", "more")):
        wrong = blob(data, described=promised)
        with pytest.raises(RegistryError, match=message):
            pushed(registry, image([wrong]))
    assert registry.tags("team/app") == set()
    assert registry.uploads == {}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 500, 503])
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_a_refusal_is_one_error_and_leaves_no_name(
    registry: MemoryRegistry, status: int, method: str
) -> None:
    registry.hooks.append(
        lambda s: error(status, "NO", "not today") if s.method == method else None
    )
    challenge = {"WWW-Authenticate": 'Basic realm="x"'} if status == 401 else {}
    if status == 401:
        registry.hooks[:] = [
            lambda s: Answer(status=401, headers=challenge) if s.method == method else None
        ]
    if (method, status) == ("HEAD", 404):
        assert pushed(registry, image([blob(b"one")])).sent == 2
        return
    with pytest.raises(RegistryError) as caught:
        pushed(registry, image([blob(b"one")]))
    assert HOST in str(caught.value)
    assert registry.tags("team/app") == set()
    assert len(registry.sent) < 40


@pytest.mark.parametrize("seed", range(12))
def test_bursts_of_errors_are_survived(registry: MemoryRegistry, seed: int) -> None:
    """Any request may meet up to two failures in a row, of any kind that passes."""
    dice = random.Random(seed)
    left: dict[str, int] = {}

    def burst(sent: Sent) -> Answer | None:
        # An upload that is begun anew has another number.
        key = (
            f"{sent.method} {re.sub('uploads/.*', 'uploads', sent.path)} {sent.query.get('digest')}"
        )
        if left.setdefault(key, dice.choice([0, 0, 1, 2])) > 0:
            left[key] -= 1
            if dice.random() < 0.5:
                raise requests.exceptions.ConnectionError("reset")
            return Answer(status=dice.choice([429, 500, 502, 503, 504]), body=b"busy")
        return None

    registry.hooks.append(burst)
    content = index([image([blob(b"one"), blob(b"two")]), image([blob(b"three")], "linux/arm64")])
    done = pushed(registry, content)
    assert done.digest == content.index.digest
    assert registry.tags("team/app") == {"moor-1"}


@pytest.mark.parametrize("after", range(1, 16))
def test_dying_anywhere_leaves_whole_names_only(registry: MemoryRegistry, after: int) -> None:
    content = index([image([blob(b"one")]), image([blob(b"two")], "linux/arm64")])

    def die(sent: Sent) -> Answer | None:
        if len(registry.sent) > after:
            raise requests.exceptions.SSLError("the line is dead")
        return None

    registry.hooks.append(die)
    with pytest.raises(RegistryUnreachable):
        pushed(registry, content)
    # A strict registry would have refused a manifest before its blobs: none was even tried.
    assert registry.tags("team/app") == set()
    registry.hooks.clear()
    assert pushed(registry, content).digest == content.index.digest
    assert registry.tags("team/app") == {"moor-1"}


def test_what_is_said(registry: MemoryRegistry, reporter: RecordingReporter) -> None:
    push(client(registry), APP, image([blob(b"one")]), reporter=reporter)
    assert reporter.steps == [f"Pushing 2 blobs to {APP.name}"]
    assert len(reporter.details) == 2


def test_a_registry_that_stores_other_bytes(registry: MemoryRegistry) -> None:
    other = {"Docker-Content-Digest": digest_bytes(b"other")}
    registry.hooks.append(
        lambda s: (
            Answer(status=201, headers=other)
            if s.method == "PUT" and "/manifests/" in s.path
            else None
        )
    )
    with pytest.raises(RegistryError, match="stored other bytes"):
        pushed(registry, image([blob(b"one")]))


@pytest.mark.parametrize("times", [1, 2])
def test_what_another_push_is_just_writing_is_waited_for(
    registry: MemoryRegistry, times: int
) -> None:
    left = [error(400, "BLOB_UNKNOWN")] * times

    def writing(sent: Sent) -> Answer | None:
        put = sent.method == "PUT" and "/manifests/" in sent.path
        return left.pop() if put and left else None

    registry.hooks.append(writing)
    waits: list[float] = []
    done = push(client(registry, waits), APP, image([blob(b"one")]), reporter=SILENT)
    assert (done.sent, left, len(waits)) == (2, [], times)
    assert registry.count("POST") == 2  # nothing is sent again
    assert registry.tags("team/app") == {"moor-1"}
