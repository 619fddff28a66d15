"""How an image was made: an in-toto statement with SLSA provenance v1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mooring import __version__
from mooring.build.documents.components import Component
from mooring.build.documents.subject import CREATOR, DocumentSubject
from mooring.digests import canonical_json

MEDIA_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"

_DOCS = "https://github.com/mooring-dev/mooring/blob/main/docs/reference/sbom.md"
BUILD_TYPE = f"{_DOCS}#build-type-1"
BUILDER_ID = f"{_DOCS}#builder"

Json = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildRun:
    """What is known of a build besides what it installed.

    Attributes:
        recipe_digest: Digest of the recipe, `sha256:<hex>`.
        lock_digest: Digest of the lock that is embedded in the image, `sha256:<hex>`.
        parameters: What the user asked for and the image depends on (JSON values): the recipe's
            document, without secrets.
        internal: What else may decide bytes: the compressor and its version, the layer format.
        files: The project's files: path and digest.
        base_digest: What identifies a base image that is in no registry, `sha256:<hex>`.
        builder_id: URI of who ran the build; a machine of one's own by default.
    """

    recipe_digest: str
    lock_digest: str
    parameters: Json = field(hash=False)
    internal: Json = field(default_factory=dict, hash=False)
    files: tuple[tuple[str, str], ...] = ()
    base_digest: str | None = None
    builder_id: str = BUILDER_ID


def write(image: DocumentSubject, components: Sequence[Component], build: BuildRun) -> bytes:
    """Return the statement; the same build gives the same bytes, on every machine.

    No time is in it: the build says nothing about the clock.

    Args:
        image: The subject.
        components: What was installed into it.
        build: How.
    """
    internal: dict[str, object] = {**build.internal, "recipeDigest": build.recipe_digest}
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": image.repository, "digest": {"sha256": image.sha256}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": dict(build.parameters),
                    "internalParameters": internal,
                    "resolvedDependencies": _dependencies(image, components, build),
                },
                "runDetails": {
                    "builder": {"id": build.builder_id, "version": {CREATOR: __version__}}
                },
            },
        }
    )


def _dependencies(
    image: DocumentSubject, components: Sequence[Component], build: BuildRun
) -> list[Json]:
    """Return a resource descriptor for the base, the lock, each artifact and each file."""
    found: list[Json] = []
    if image.base is not None and image.base_purl is not None:
        found.append(_resource(image.base[0], image.base[1], uri=image.base_purl))
    elif build.base_digest is not None:
        # Not its reference: that may be a path on the machine of the build.
        found.append(_resource("base image", build.base_digest))
    found.append(_resource("pylock.toml", build.lock_digest))
    for component in sorted(components, key=lambda each: each.purl):
        digest = f"sha256:{component.sha256}" if component.sha256 else None
        found.append(
            _resource(
                component.file_name or component.name,
                digest,
                uri=component.purl,
                location=component.url,
            )
        )
    found += [_resource(path, digest) for path, digest in sorted(build.files)]
    return found


def _resource(
    name: str, digest: str | None, *, uri: str | None = None, location: str | None = None
) -> Json:
    resource: dict[str, object] = {"name": name}
    if uri is not None:
        resource["uri"] = uri
    if digest is not None:
        resource["digest"] = {"sha256": digest.removeprefix("sha256:")}
    if location is not None:
        resource["downloadLocation"] = location
    return resource
