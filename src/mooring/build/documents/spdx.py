"""A bill of materials in SPDX 2.3 JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from mooring import __version__
from mooring.build.documents.components import Component
from mooring.build.documents.graph import edges_of, tops_of
from mooring.build.documents.subject import CREATOR, DocumentSubject
from mooring.digests import sha256_hex

MEDIA_TYPE = "application/spdx+json"
SPDX_VERSION = "SPDX-2.3"

_DOCUMENT = "SPDXRef-DOCUMENT"
_IMAGE = "SPDXRef-image"
_BASE = "SPDXRef-base-image"
_UNKNOWN = "NOASSERTION"
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9.-]+")
_OWN_LICENCE = re.compile(r"(?<![A-Za-z0-9.:-])LicenseRef-[A-Za-z0-9.-]+")

Object = dict[str, object]


def write(image: DocumentSubject, components: Sequence[Component]) -> bytes:
    """Return the document; the same image and components give the same bytes.

    Args:
        image: What the document describes.
        components: What is in the image, in any order.
    """
    listed = sorted(components, key=lambda component: component.purl)
    document: Object = {
        "spdxVersion": SPDX_VERSION,
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": f"{image.repository}:{image.tag}",
        "documentNamespace": image.document_id("spdx").urn,
        "creationInfo": {
            "created": image.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: {CREATOR}-{__version__}"],
        },
        "packages": [*_images(image), *map(_package, listed)],
        "relationships": list(_relationships(image, listed)),
    }
    if licences := list(_own_licences(listed)):
        document["hasExtractedLicensingInfos"] = licences
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def _images(image: DocumentSubject) -> Iterator[Object]:
    yield {
        "SPDXID": _IMAGE,
        "name": image.repository,
        "versionInfo": image.tag,
        "primaryPackagePurpose": "CONTAINER",
        **_facts(image.sha256, image.purl),
    }
    if image.base is not None and image.base_purl is not None:
        reference, digest = image.base
        yield {
            "SPDXID": _BASE,
            "name": reference,
            "versionInfo": digest,
            "primaryPackagePurpose": "CONTAINER",
            **_facts(digest.removeprefix("sha256:"), image.base_purl),
        }


def _package(component: Component) -> Object:
    package: Object = {
        "SPDXID": _id(component),
        "name": component.name,
        "primaryPackagePurpose": "APPLICATION" if component.type == "application" else "LIBRARY",
        **_facts(component.sha256, component.purl),
    }
    if component.version is not None:
        package["versionInfo"] = component.version
    if component.file_name is not None:
        package["packageFileName"] = component.file_name
    if component.url is not None:
        package["downloadLocation"] = component.url
    if component.summary is not None:
        package["summary"] = component.summary
    if component.licence is not None:
        package["licenseDeclared"] = component.licence
    elif component.licence_name is not None:
        package["licenseComments"] = f"The package declares: {component.licence_name}"
    return package


def _facts(sha256: str | None, purl: str) -> Object:
    """Return what every package has; what is not known is said not to be."""
    facts: Object = {
        "downloadLocation": _UNKNOWN,
        "filesAnalyzed": False,
        "supplier": _UNKNOWN,
        "licenseConcluded": _UNKNOWN,
        "licenseDeclared": _UNKNOWN,
        "copyrightText": _UNKNOWN,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": purl,
            }
        ],
    }
    if sha256 is not None:
        facts["checksums"] = [{"algorithm": "SHA256", "checksumValue": sha256}]
    return facts


def _relationships(image: DocumentSubject, components: Sequence[Component]) -> Iterator[Object]:
    ids = {component.purl: _id(component) for component in components}
    edges = edges_of(components)
    yield _relationship(_DOCUMENT, "DESCRIBES", _IMAGE)
    if image.base_purl is not None:
        yield _relationship(_IMAGE, "DESCENDANT_OF", _BASE)
    for spdx_id in ids.values():
        yield _relationship(_IMAGE, "CONTAINS", spdx_id)
    for purl in tops_of(edges):
        yield _relationship(_IMAGE, "DEPENDS_ON", ids[purl])
    for purl, needed in edges.items():
        for each in needed:
            yield _relationship(ids[purl], "DEPENDS_ON", ids[each])


def _relationship(element: str, kind: str, other: str) -> Object:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": other}


def _own_licences(components: Sequence[Component]) -> Iterator[Object]:
    """Yield an entry for each `LicenseRef-` that is used; SPDX wants every one explained."""
    names = {
        name
        for component in components
        if component.licence is not None
        for name in _OWN_LICENCE.findall(component.licence)
    }
    for name in sorted(names):
        yield {
            "licenseId": name,
            "extractedText": "The text of this licence is in the package that declares it.",
            "name": name.removeprefix("LicenseRef-"),
        }


def _id(component: Component) -> str:
    """Return an id that is legible, and unique by a digest of the package URL."""
    name = _NOT_IN_IDS.sub("-", f"{component.type}-{component.name}")
    return f"SPDXRef-{name}-{sha256_hex(component.purl.encode())[:12]}"
