"""Puts SBOM, provenance and signature beside the images of a registry, as referrers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mooring.build.documents import cyclonedx, dsse, provenance, spdx
from mooring.build.documents.components import Component, application, of_debs, of_selection
from mooring.build.documents.provenance import BuildRun
from mooring.build.documents.subject import DocumentSubject
from mooring.build.embedded.interface import LAYER_FORMAT
from mooring.build.embedded.layers.gzip_stream import compressor
from mooring.build.embedded.recipe import EmbeddedRecipe
from mooring.build.embedded.wheels.facts import facts_of
from mooring.digests import DIGEST_PATTERN
from mooring.lock.carried import LOCK_DIGEST_LABEL
from mooring.lock.formats.system_lock import SystemLock
from mooring.oci.content import Content, ImageContent, images_of
from mooring.oci.model import OCI_MANIFEST, Descriptor
from mooring.oci.reference import ImageReference
from mooring.oci.referrers import Document, attach_all, fetch, list_referrers
from mooring.oci.saved_names import is_saved_image
from mooring.render.interface import BaseImage
from mooring.reporting import Reporter

if TYPE_CHECKING:
    from mooring.oci.registry import RegistryClient

PASSWORD_VARIABLE = "MOORING_SIGN_PASSWORD"  # noqa: S105 (the name of a variable)
"""Environment variable that holds the password of an encrypted key."""

_TITLE = "org.opencontainers.image.title"
_VERSION = "org.opencontainers.image.version"

WheelsOf = Callable[[EmbeddedRecipe], Mapping[str, Path]]
"""Gives the wheels of a recipe by package name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attestation:
    """What is put beside images.

    Attributes:
        wheels_of: For licences and requirements, which only the wheels tell.
        bases: What the images stand on, by OCI platform.
        sign_key: PEM file; None for no signature.
    """

    wheels_of: WheelsOf
    bases: Mapping[str, BaseImage | SystemLock]
    sign_key: Path | None = None


def check_sign_key(key: Path, reporter: Reporter) -> None:
    """Refuse a key that cannot sign; warn of one that others can read.

    Raises:
        MooringError: `cryptography` is not installed.
        InputError: The key is absent, of another kind, or its password is wrong.
    """
    dsse.check_key(key, password_variable=PASSWORD_VARIABLE, reporter=reporter)


def is_signed(client: RegistryClient, reference: ImageReference, digest: str, key: Path) -> bool:
    """Return whether a statement about an image lies beside it, signed with this private key.

    Raises:
        MooringError: The registry refuses, or the key cannot be used.
    """
    for referrer in list_referrers(client, reference, digest):
        if referrer.artifact_type != dsse.MEDIA_TYPE:
            continue
        envelope = fetch(client, reference, referrer)
        payload = dsse.signed_with(envelope, key, password_variable=PASSWORD_VARIABLE)
        # A statement about another image, put beside this one, says nothing of it.
        if payload is not None and _subject_of(payload) == digest:
            return True
    return False


def _subject_of(statement: bytes) -> str | None:
    """Return the digest of what a statement is about, or None when it is no statement."""
    try:
        return f"sha256:{json.loads(statement)['subject'][0]['digest']['sha256']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def attach_documents(
    client: RegistryClient,
    reference: ImageReference,
    content: Content,
    recipes: tuple[EmbeddedRecipe, ...],
    wanted: Attestation,
    reporter: Reporter,
) -> None:
    """Attach the documents of every image to its manifest, which is in the registry.

    A document that is there already is not sent again.

    Raises:
        MooringError: The registry refuses, or the key cannot be used.
    """
    reporter.step("Attaching SBOM and provenance")
    for image, recipe in zip(images_of(content), recipes):
        manifest = image.manifest
        subject = Descriptor(
            media_type=OCI_MANIFEST, digest=manifest.digest, size=len(manifest.body)
        )
        documents = [
            Document(artifact_type=kind, payload=payload)
            for kind, payload in _documents(reference, image, recipe, wanted)
        ]
        attach_all(client, reference, subject, documents)


def _documents(
    reference: ImageReference,
    image: ImageContent,
    recipe: EmbeddedRecipe,
    wanted: Attestation,
) -> Iterator[tuple[str, bytes]]:
    """Yield artifact type and content of each document."""
    base = wanted.bases[str(recipe.selection.platform.oci)]
    subject = DocumentSubject(
        repository=reference.name,
        tag=recipe.content_tag,
        digest=image.manifest.digest,
        platform=image.platform,
        created=recipe.epoch,
        base=_registry_base(base),
    )
    components = _components(recipe, base, wanted)
    yield cyclonedx.MEDIA_TYPE, cyclonedx.write(subject, components)
    yield spdx.MEDIA_TYPE, spdx.write(subject, components)
    statement = provenance.write(subject, components, _run(recipe, image))
    yield provenance.MEDIA_TYPE, statement
    if wanted.sign_key is not None:
        yield (
            dsse.MEDIA_TYPE,
            dsse.sign(wanted.sign_key, statement, password_variable=PASSWORD_VARIABLE),
        )


def _registry_base(base: BaseImage | SystemLock) -> tuple[str, str] | None:
    """Return reference and digest of a base that a registry has."""
    if isinstance(base, SystemLock) or base.digest is None or is_saved_image(base.reference):
        return None
    return base.reference, base.digest


def _components(
    recipe: EmbeddedRecipe, base: BaseImage | SystemLock, wanted: Attestation
) -> tuple[Component, ...]:
    found = of_selection(recipe.selection, facts_of(wanted.wheels_of(recipe)))
    if recipe.files:
        labels = dict(recipe.labels)
        name = labels.get(_TITLE) or "application"
        found = (application(name, labels.get(_VERSION)), *found)
    if not isinstance(base, SystemLock):
        return found
    return (
        *found,
        *of_debs(base.packages, distribution=base.base.distribution, suite=base.base.suite),
    )


def _run(recipe: EmbeddedRecipe, image: ImageContent) -> BuildRun:
    return BuildRun(
        recipe_digest=recipe.digest,
        lock_digest=json.loads(image.config)["config"]["Labels"][LOCK_DIGEST_LABEL],
        parameters=recipe.document(),
        internal={"compressor": compressor(), "layerFormat": LAYER_FORMAT},
        files=tuple((file.path, file.digest) for file in recipe.files),
        base_digest=recipe.base if DIGEST_PATTERN.fullmatch(recipe.base) else None,
    )
