"""CycloneDX 1.6, judged by the official schema."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.unit.build.documents.made import SUBJECT, components

from mooring import __version__
from mooring.build.documents import cyclonedx
from mooring.build.documents.components import Component


def written(*parts: Component) -> dict[str, Any]:
    data = cyclonedx.write(SUBJECT, parts or components())
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(data.decode()) is None
    document: dict[str, Any] = json.loads(data)
    return document


def test_the_validator_refuses() -> None:
    broken = written()
    broken["components"][0]["hashes"] = [{"alg": "SHA-256", "content": "zz"}]
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(broken)) is not None


def test_the_image_is_the_root() -> None:
    document = written()
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    root = document["metadata"]["component"]
    assert (root["type"], root["purl"]) == ("container", SUBJECT.purl)
    assert root["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    [base] = root["pedigree"]["ancestors"]
    assert (base["name"], base["version"]) == SUBJECT.base
    assert document["metadata"]["timestamp"] == "2026-01-01T00:00:00+00:00"


def test_components() -> None:
    parts = {part["name"]: part for part in written()["components"]}
    assert len(parts) == len(components())
    assert parts["alpha"]["licenses"] == [{"license": {"id": "MIT", "acknowledgement": "declared"}}]
    assert parts["beta"]["licenses"][0]["expression"] == "MIT OR Apache-2.0"
    assert parts["gamma"]["licenses"][0]["license"]["name"] == "BSD License"
    assert "licenses" not in parts["libc6"]
    assert parts["alpha"]["hashes"] == [{"alg": "SHA-256", "content": "c" * 64}]
    [place] = parts["alpha"]["externalReferences"]
    assert place["url"] == "https://packages.example.org/alpha-1.0-py3-none-any.whl"
    assert (parts["churn"]["type"], parts["alpha"]["type"]) == ("application", "library")


def test_the_graph_reaches_everything() -> None:
    document = written()
    edges = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    waiting, reached = [SUBJECT.purl], set()
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += edges[ref]
    assert reached == {SUBJECT.purl, *(part["bom-ref"] for part in document["components"])}


def test_the_same_bytes_in_any_order() -> None:
    parts = components()
    data = cyclonedx.write(SUBJECT, parts)
    assert data == cyclonedx.write(SUBJECT, parts[::-1])
    other = replace(SUBJECT, digest="sha256:" + "9" * 64)
    assert (
        json.loads(cyclonedx.write(other, parts))["serialNumber"]
        != json.loads(data)["serialNumber"]
    )


def test_golden() -> None:
    # A change of these bytes makes every registry that has the document get a second one: it needs
    # an entry in the changelog.
    data = cyclonedx.write(SUBJECT, components()).replace(f'"{__version__}"'.encode(), b'"VERSION"')
    assert (
        hashlib.sha256(data).hexdigest()
        == "e4e3a5357bb5c9c480182753f203936c68910a957fb10ffd339a7e79e393ed52"
    )


def test_an_image_of_nothing() -> None:
    document = json.loads(cyclonedx.write(replace(SUBJECT, base=None), ()))
    assert "components" not in document
    assert "pedigree" not in document["metadata"]["component"]
