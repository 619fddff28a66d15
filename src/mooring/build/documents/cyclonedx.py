"""A bill of materials in CycloneDX 1.6 JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mooring import __version__
from mooring.build.documents.components import Component
from mooring.build.documents.graph import edges_of, tops_of
from mooring.build.documents.subject import CREATOR, DocumentSubject

if TYPE_CHECKING:
    from cyclonedx.model import HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component as Part
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression

MEDIA_TYPE = "application/vnd.cyclonedx+json"


def write(image: DocumentSubject, components: Sequence[Component]) -> bytes:
    """Return the document; the same image and components give the same bytes.

    Args:
        image: What the document is about: its root component.
        components: What is in the image, in any order.
    """
    # The models take a fifth of a second to import.
    from cyclonedx.output.json import JsonV1Dot6

    text = JsonV1Dot6(_bom(image, components)).output_as_string(indent=2)
    return f"{text}\n".encode()


def _bom(image: DocumentSubject, components: Sequence[Component]) -> Bom:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component as Part
    from cyclonedx.model.component import ComponentType
    from cyclonedx.model.tool import ToolRepository

    root = _root(image)
    parts = {component.purl: _part(component) for component in components}
    tool = Part(name=CREATOR, version=__version__, type=ComponentType.APPLICATION)
    bom = Bom(
        components=parts.values(),
        serial_number=image.document_id("cyclonedx"),
        metadata=BomMetaData(
            component=root, timestamp=image.time, tools=ToolRepository(components=[tool])
        ),
    )
    edges = edges_of(components)
    bom.register_dependency(root, [parts[purl] for purl in tops_of(edges)])
    for purl, needed in edges.items():
        bom.register_dependency(parts[purl], [parts[each] for each in needed])
    return bom


def _root(image: DocumentSubject) -> Part:
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component as Part
    from cyclonedx.model.component import ComponentType, Pedigree
    from packageurl import PackageURL

    ancestors = []
    if image.base is not None and image.base_purl is not None:
        reference, digest = image.base
        ancestors.append(
            Part(
                name=reference,
                version=digest,
                type=ComponentType.CONTAINER,
                bom_ref=image.base_purl,
                purl=PackageURL.from_string(image.base_purl),
                hashes=_hashes(digest.removeprefix("sha256:")),
            )
        )
    return Part(
        name=image.repository,
        version=image.tag,
        type=ComponentType.CONTAINER,
        bom_ref=image.purl,
        purl=PackageURL.from_string(image.purl),
        hashes=_hashes(image.sha256),
        properties=[Property(name="mooring:image:platform", value=image.platform)],
        pedigree=Pedigree(ancestors=ancestors) if ancestors else None,
    )


def _part(component: Component) -> Part:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, Property, XsUri
    from cyclonedx.model.component import Component as Part
    from cyclonedx.model.component import ComponentType
    from packageurl import PackageURL

    references = (
        [
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(component.url),
                hashes=_hashes(component.sha256),
            )
        ]
        if component.url
        else []
    )
    properties = (
        [Property(name="mooring:artifact:file-name", value=component.file_name)]
        if component.file_name
        else []
    )
    application = component.type == "application"
    return Part(
        name=component.name,
        version=component.version,
        type=ComponentType.APPLICATION if application else ComponentType.LIBRARY,
        bom_ref=component.purl,
        purl=PackageURL.from_string(component.purl),
        description=component.summary,
        hashes=_hashes(component.sha256),
        licenses=_licences(component),
        external_references=references,
        properties=properties,
    )


def _hashes(sha256: str | None) -> list[HashType]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else []


def _licences(component: Component) -> list[LicenseExpression | DisjunctiveLicense]:
    from cyclonedx.model.license import (
        DisjunctiveLicense,
        LicenseAcknowledgement,
        LicenseExpression,
    )
    from cyclonedx.spdx import is_supported_id

    declared = LicenseAcknowledgement.DECLARED
    if component.licence is None:
        name = component.licence_name
        return [DisjunctiveLicense(name=name, acknowledgement=declared)] if name else []
    if is_supported_id(component.licence):
        return [DisjunctiveLicense(id=component.licence, acknowledgement=declared)]
    return [LicenseExpression(component.licence, acknowledgement=declared)]
