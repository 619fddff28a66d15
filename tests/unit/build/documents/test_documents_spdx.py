"""SPDX 2.3, judged by the reader of the SPDX project."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from tests.unit.build.documents.made import SUBJECT, components

from mooring import __version__
from mooring.build.documents import spdx


def problems(document: dict[str, Any]) -> list[str]:
    parsed = JsonLikeDictParser().parse(document)  # type: ignore[no-untyped-call]
    return [each.validation_message for each in validate_full_spdx_document(parsed)]


def written() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(spdx.write(SUBJECT, components()))
    assert problems(document) == []
    return document


def test_the_validator_refuses() -> None:
    broken = written()
    broken["packages"][2]["licenseDeclared"] = "LicenseRef-nobody-explained"
    assert problems(broken)


def test_packages() -> None:
    packages = {package["name"]: package for package in written()["packages"]}
    assert len(packages) == len(components()) + 2
    image = packages[SUBJECT.repository]
    assert image["primaryPackagePurpose"] == "CONTAINER"
    assert image["checksums"] == [{"algorithm": "SHA256", "checksumValue": "a" * 64}]
    beta = packages["beta"]
    assert (beta["versionInfo"], beta["licenseDeclared"]) == ("2.0+cpu", "MIT OR Apache-2.0")
    assert beta["externalRefs"][0]["referenceLocator"] == "pkg:pypi/beta@2.0%2Bcpu"
    assert packages["gamma"]["licenseDeclared"] == "NOASSERTION"
    assert packages["gamma"]["licenseComments"] == "The package declares: BSD License"
    assert packages["libc6"]["downloadLocation"] == "NOASSERTION"


def test_own_licences_are_explained() -> None:
    [entry] = written()["hasExtractedLicensingInfos"]
    assert entry["licenseId"] == "LicenseRef-Own"


def test_relationships() -> None:
    document = written()
    names = {package["SPDXID"]: package["name"] for package in document["packages"]}
    names["SPDXRef-DOCUMENT"] = "document"
    found = {
        (names[each["spdxElementId"]], each["relationshipType"], names[each["relatedSpdxElement"]])
        for each in document["relationships"]
    }
    image = SUBJECT.repository
    assert ("document", "DESCRIBES", image) in found
    assert (image, "DESCENDANT_OF", "python:3.12-slim") in found
    assert ("alpha", "DEPENDS_ON", "beta") in found
    assert (image, "DEPENDS_ON", "alpha") in found
    assert (image, "DEPENDS_ON", "beta") not in found
    assert {row[2] for row in found if row[:2] == (image, "CONTAINS")} == {
        component.name for component in components()
    }


def test_the_same_bytes_in_any_order() -> None:
    assert spdx.write(SUBJECT, components()) == spdx.write(SUBJECT, components()[::-1])


def test_golden() -> None:
    data = spdx.write(SUBJECT, components()).replace(
        f"mooring-{__version__}".encode(), b"mooring-VERSION"
    )
    assert (
        hashlib.sha256(data).hexdigest()
        == "ee2baf599d9764743e5ff6ffdffdff5a4dc651bbc4b79ae3bb13f84ed4ac2539"
    )


def test_an_image_of_nothing() -> None:
    document = json.loads(spdx.write(replace(SUBJECT, base=None), ()))
    assert problems(document) == []
    assert document["creationInfo"]["created"] == "2026-01-01T00:00:00Z"
