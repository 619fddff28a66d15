from __future__ import annotations

import json

import pytest

from mooring.oci.model import (
    DOCKER_LIST,
    OCI_INDEX,
    OCI_MANIFEST,
    RawManifest,
    RegistryError,
    parse_object,
    platform_of,
    same_platform,
)

DIGEST = "sha256:" + "0" * 64


def manifest(document: object, kind: str = OCI_INDEX) -> RawManifest:
    return RawManifest(media_type=kind, digest=DIGEST, body=json.dumps(document).encode())


def entry(**more: object) -> dict[str, object]:
    return {"mediaType": OCI_MANIFEST, "digest": DIGEST, "size": 1, **more}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm64", "linux/amd64", False),
        ("windows/amd64", "linux/amd64", False),
    ],
)
def test_arm64_and_its_only_variant_are_one(one: str, other: str, same: bool) -> None:
    assert same_platform(one, other) is same


def test_platform_of_leaves_out_what_is_not_text() -> None:
    assert platform_of({"os": "linux", "architecture": "arm64", "variant": None}) == "linux/arm64"
    assert platform_of({}) == ""


@pytest.mark.parametrize("kind", [OCI_INDEX, DOCKER_LIST])
def test_attestations_are_no_images(kind: str) -> None:
    found = manifest(
        {
            "manifests": [
                entry(platform={"os": "linux", "architecture": "amd64"}),
                entry(platform={"os": "unknown", "architecture": "unknown"}),
                entry(annotations={"vnd.docker.reference.type": "attestation-manifest"}),
                entry(),
            ]
        },
        kind,
    )
    assert found.is_index
    assert [image.platform for image in found.images()] == ["linux/amd64", None]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "`manifests` is not a list"),
        ({"manifests": {}}, "`manifests` is not a list"),
        ({"manifests": [1]}, r"`manifests\[0\]` is not an object"),
        ({"manifests": [{"digest": "sha256:1", "size": 1}]}, r"manifests\[0\]\.digest"),
        ({"manifests": [entry(size=-1)]}, r"manifests\[0\]\.size"),
        ({"manifests": [entry(size=True)]}, r"manifests\[0\]\.size"),
        ({"manifests": [], "config": {}}, "an index and an image at once"),
        ({"manifests": [], "mediaType": OCI_MANIFEST}, "two media types differ"),
        ([], "not a JSON object"),
    ],
)
def test_a_broken_index_is_refused(document: object, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        manifest(document).images()


def test_the_configuration_of_a_single_image() -> None:
    assert manifest({"config": entry()}, OCI_MANIFEST).config().digest == DIGEST
    with pytest.raises(RegistryError, match="`config` is not an object"):
        manifest({}, OCI_MANIFEST).config()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'"text"'])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(RegistryError):
        parse_object(body, "token")
