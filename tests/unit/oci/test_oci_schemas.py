"""What is written, judged by the JSON schemas of the OCI image specification."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4, Schema
from tests.contents import blob, image, index, packed, top
from tests.registries import MemoryRegistry

from mooring.oci.credentials import NoCredentials
from mooring.oci.layout_writer import write_layout
from mooring.oci.model import OCI_INDEX
from mooring.oci.push import push
from mooring.oci.reference import ImageReference
from mooring.oci.referrers import attach
from mooring.oci.registry import RegistryClient
from mooring.oci.transport import Transport
from mooring.reporting import SILENT

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases.tar.xz"


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    if not CASES.is_file():
        pytest.skip("the case files are not here")
    found = {}
    with tarfile.open(CASES) as archive:
        for member in archive:
            if "vectors/oci/schema/" in member.name and member.name.endswith(".json"):
                stream = archive.extractfile(member)
                assert stream is not None
                found[Path(member.name).name] = json.loads(stream.read())
    return found


def check(schemas: dict[str, Any], name: str, document: object) -> None:
    def retrieve(uri: str) -> Resource[Schema]:
        return DRAFT4.create_resource(schemas[uri.rpartition("/")[2]])

    registry: Registry[Schema] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    Draft4Validator(schemas[name], registry=registry).validate(document)


def test_layouts(schemas: dict[str, Any], tmp_path: Path) -> None:
    content = index([image([packed("a", b"1")]), image([packed("a", b"2")], "linux/arm64/v8")])
    write_layout(tmp_path, content, ["registry.example.com/team/app:1", "latest"])
    write_layout(tmp_path, content.images[0], ["one"])
    check(schemas, "image-layout-schema.json", json.loads((tmp_path / "oci-layout").read_text()))
    check(schemas, "image-index-schema.json", json.loads((tmp_path / "index.json").read_text()))


@pytest.mark.parametrize("api", [True, False])
def test_referrers(schemas: dict[str, Any], *, api: bool) -> None:
    registry, content = MemoryRegistry(referrers_api=api), image([blob(b"one")])
    target = ImageReference.parse("registry.example.com/team/app:1")
    transport = Transport(adapter=registry.network, insecure=())
    with RegistryClient(credentials=NoCredentials(), transport=transport, push=True) as client:
        push(client, target, content, reporter=SILENT)
        attach(
            client,
            target,
            top(content),
            artifact_type="application/spdx+json",
            payload=b"{}",
            annotations={"org.example.key": "value"},
        )
    kinds = set()
    for kind, body in registry.manifests.values():
        kinds.add(kind)
        name = "image-index-schema.json" if kind == OCI_INDEX else "image-manifest-schema.json"
        check(schemas, name, json.loads(body))
    assert (OCI_INDEX in kinds) is not api


def test_the_judge_can_say_no(schemas: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="'schemaVersion' is a required property"):
        check(schemas, "image-index-schema.json", {"manifests": []})
