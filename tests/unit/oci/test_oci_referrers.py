from __future__ import annotations

import json

import pytest
from tests.contents import blob, image, top
from tests.registries import Answer, MemoryRegistry, Sent, error

from mooring.digests import canonical_json, digest_bytes
from mooring.oci.credentials import NoCredentials
from mooring.oci.model import OCI_INDEX, Descriptor, RegistryError
from mooring.oci.push import push
from mooring.oci.reference import ImageReference
from mooring.oci.referrers import Document, attach, attach_all, fetch, list_referrers
from mooring.oci.registry import RegistryClient
from mooring.oci.transport import Transport
from mooring.reporting import SILENT

APP = ImageReference.parse("registry.example.com/team/app:1")
IMAGE = image([blob(b"one")])
SUBJECT = top(IMAGE)
TAG = SUBJECT.digest.replace(":", "-")
SBOM, PROVENANCE = "application/vnd.cyclonedx+json", "application/vnd.in-toto+json"


def client(registry: MemoryRegistry) -> RegistryClient:
    transport = Transport(adapter=registry.network, insecure=(), sleep=lambda _: None)
    return RegistryClient(credentials=NoCredentials(), transport=transport, push=True)


@pytest.fixture(params=[True, False], ids=["api", "tag"])
def registry(request: pytest.FixtureRequest) -> MemoryRegistry:
    return filled(MemoryRegistry(referrers_api=request.param))


@pytest.fixture
def old_registry() -> MemoryRegistry:
    return filled(MemoryRegistry())


def filled(registry: MemoryRegistry) -> MemoryRegistry:
    push(client(registry), APP, IMAGE, reporter=SILENT)
    registry.sent.clear()
    return registry


def attached(registry: MemoryRegistry, payload: bytes = b"{}\n", kind: str = SBOM) -> Descriptor:
    return attach(client(registry), APP, SUBJECT, artifact_type=kind, payload=payload)


def listed(registry: MemoryRegistry) -> list[tuple[str, str]]:
    found = list_referrers(client(registry), APP, SUBJECT.digest)
    return sorted((each.artifact_type, each.descriptor.digest) for each in found)


def test_a_document_is_attached_listed_and_fetched(registry: MemoryRegistry) -> None:
    assert listed(registry) == []
    sbom = attached(registry, b'{"a": 1}')
    other = attach(
        client(registry),
        APP,
        SUBJECT,
        artifact_type=PROVENANCE,
        payload=b"statement",
        annotations={"org.example.by": "mooring"},
    )
    assert listed(registry) == [(SBOM, sbom.digest), (PROVENANCE, other.digest)]
    found = {
        each.artifact_type: each for each in list_referrers(client(registry), APP, SUBJECT.digest)
    }
    assert fetch(client(registry), APP, found[SBOM]) == b'{"a": 1}'
    assert fetch(client(registry), APP, found[PROVENANCE]) == b"statement"
    assert found[PROVENANCE].annotations == {"org.example.by": "mooring"}
    assert (TAG in registry.tags("team/app")) is not registry.referrers_api
    assert registry.manifests["team/app", "1"][1] == IMAGE.manifest.body


def test_attaching_again_adds_and_writes_nothing(registry: MemoryRegistry) -> None:
    first = attached(registry)
    registry.sent.clear()
    assert attached(registry) == first
    assert {sent.method for sent in registry.sent} == {"GET"}
    assert len(registry.sent) <= 2
    assert len(listed(registry)) == 1


def test_several_documents_are_one_change_of_the_list(old_registry: MemoryRegistry) -> None:
    documents = [Document(artifact_type=SBOM, payload=bytes([n])) for n in range(3)]
    found = attach_all(client(old_registry), APP, SUBJECT, documents)
    assert len(set(found)) == len(listed(old_registry)) == 3
    assert old_registry.lines("PUT").count(f"PUT /v2/team/app/manifests/{TAG}") == 1


def test_the_manifest_is_the_same_everywhere() -> None:
    """Golden: another digest here means that every document is attached a second time."""
    assert (
        attached(filled(MemoryRegistry())).digest
        == attached(filled(MemoryRegistry(referrers_api=True))).digest
    )
    body = next(
        json.loads(body)
        for (_, name), (_, body) in sorted(with_one().manifests.items())
        if ":" in name and b"subject" in body
    )
    assert body["config"] == {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "size": 2,
    }
    assert body["subject"]["digest"] == SUBJECT.digest
    assert body["artifactType"] == SBOM


def with_one() -> MemoryRegistry:
    registry = filled(MemoryRegistry())
    attached(registry)
    return registry


def test_what_others_wrote_into_the_list_stays(old_registry: MemoryRegistry) -> None:
    theirs = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest_bytes(b"theirs"),
        "size": 6,
        "artifactType": "application/vnd.example",
        "x-unknown": {"kept": True},
    }
    body = canonical_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [theirs]})
    old_registry.strict = False
    old_registry.manifests["team/app", TAG] = (OCI_INDEX, body)
    attached(old_registry)
    entries = json.loads(old_registry.manifests["team/app", TAG][1])["manifests"]
    assert theirs in entries
    assert len(entries) == 2


def test_an_entry_that_another_pusher_overwrote_is_added_again(
    old_registry: MemoryRegistry,
) -> None:
    empty = canonical_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
    lost = 3

    def overwrite(sent: Sent) -> Answer | None:
        nonlocal lost
        if sent.method != "PUT" or not sent.path.endswith(TAG) or not lost:
            return None
        lost -= 1
        answer = old_registry.answer(sent)
        old_registry.manifests["team/app", TAG] = (OCI_INDEX, empty)
        return answer

    old_registry.hooks.append(overwrite)
    mine = attached(old_registry)
    assert listed(old_registry) == [(SBOM, mine.digest)]
    lost = 10_000
    with pytest.raises(RegistryError, match="others keep writing"):
        attached(old_registry, b"another")


def test_pages_of_the_api_are_followed_within_bounds() -> None:
    registry = filled(MemoryRegistry(referrers_api=True))
    for number in range(7):
        attached(registry, bytes([number]))
    registry.page = 3
    assert len(listed(registry)) == 7
    registry.hooks.append(
        lambda s: Answer(
            headers={"Content-Type": OCI_INDEX, "Link": f'<{s.path}>; rel="next"'},
            body=b'{"manifests": []}',
        )
    )
    with pytest.raises(RegistryError, match="has no end"):
        listed(registry)


@pytest.mark.parametrize(
    "link", ["<https://10.0.0.1/v2/x>", "<http://registry.example.com/v2/x>", "<https://[::1>"]
)
def test_a_next_page_that_must_not_be_asked(link: str) -> None:
    registry = filled(MemoryRegistry(referrers_api=True))
    headers = {"Content-Type": OCI_INDEX, "Link": f'{link}; rel="next"'}
    registry.hooks.append(lambda _: Answer(headers=headers, body=b'{"manifests": []}'))
    with pytest.raises(RegistryError):
        listed(registry)
    assert len(registry.sent) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b"{}",
        b'{"manifests": {}}',
        b'{"manifests": [1]}',
        b'{"manifests": [{"digest": "sha256:1", "size": 1}]}',
        b'{"manifests": [{"digest": "sha256:' + b"0" * 64 + b'", "size": -1}]}',
        b'{"manifests": [' + b"{}," * 20_000 + b"{}]}",
        b" " * (5 << 20),
    ],
)
def test_lists_that_are_none(registry: MemoryRegistry, body: bytes) -> None:
    headers = {"Content-Type": OCI_INDEX}

    def garbage(sent: Sent) -> Answer | None:
        wanted = "/referrers/" if registry.referrers_api else TAG
        return Answer(headers=headers, body=body) if wanted in sent.path else None

    registry.hooks.append(garbage)
    with pytest.raises(RegistryError):
        attached(registry)
    assert registry.count("PUT") == 0


def test_a_tag_that_holds_an_image_is_left_alone(old_registry: MemoryRegistry) -> None:
    old_registry.manifests["team/app", TAG] = old_registry.manifests["team/app", "1"]
    with pytest.raises(RegistryError, match="something else"):
        attached(old_registry)


@pytest.mark.parametrize(
    "answer",
    [error(400, "BAD"), error(405, "NO"), Answer(headers={"Content-Type": "text/html"}, body=b"<")],
)
def test_strange_answers_of_registries_without_the_api(
    old_registry: MemoryRegistry, answer: Answer
) -> None:
    old_registry.hooks.append(lambda s: answer if "/referrers/" in s.path else None)
    mine = attached(old_registry)
    assert listed(old_registry) == [(SBOM, mine.digest)]


def test_a_document_that_is_changed_or_too_large(registry: MemoryRegistry) -> None:
    attached(registry, b"payload")
    (found,) = list_referrers(client(registry), APP, SUBJECT.digest)
    registry.blobs["team/app", digest_bytes(b"payload")] = b"PAYLOAD"
    with pytest.raises(RegistryError, match="other bytes"):
        fetch(client(registry), APP, found)


def test_a_document_that_a_registry_lost_is_sent_again(registry: MemoryRegistry) -> None:
    payload = b"{}\n"
    lost = ("team/app", digest_bytes(payload))

    def losing(sent: Sent) -> Answer | None:
        if sent.method == "PUT" and "/manifests/" in sent.path and not found:
            found.append(registry.blobs.pop(lost))
        return None

    found: list[bytes] = []
    registry.hooks.append(losing)
    attached(registry, payload)
    assert found == [payload]
    assert registry.blobs[lost] == payload
    assert len(listed(registry)) == 1
