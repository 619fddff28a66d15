"""Configuration, manifest and index of an image, as canonical JSON.

What is set and reset follows what BuildKit does with the instructions of `templates/image.j2`, so
that the images of both builders behave alike.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from mooring.build.embedded.interface import BaseContent, EmbeddedBuildError, Place
from mooring.build.embedded.layers.writer import WrittenLayer
from mooring.build.embedded.plan.account import HOME, account_of
from mooring.build.embedded.plan.project import absolute
from mooring.digests import canonical_json, digest_bytes
from mooring.manifest.model import ImageSpec
from mooring.oci.content import OCI_CONFIG, ImageContent
from mooring.oci.model import OCI_INDEX, OCI_MANIFEST, Descriptor, RawManifest

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What engines search where an image sets no PATH."""

_NANOSECONDS = 1_000_000_000
# The rest of what engines wrote there describes the container that a layer was made in.
_KEPT_SETTINGS: Mapping[str, type] = {
    "Cmd": list,
    "Entrypoint": list,
    "Env": list,
    "ExposedPorts": dict,
    "Healthcheck": dict,
    "Labels": dict,
    "Shell": list,
    "StopSignal": str,
    "StopTimeout": int,
    "User": str,
    "Volumes": dict,
    "WorkingDir": str,
}
_KEPT_FIELDS: Mapping[str, type] = {
    "architecture": str,
    "author": str,
    "os": str,
    "os.features": list,
    "os.version": str,
    "variant": str,
}
_LARGEST, _DEEPEST = 1 << 63, 100  # engines read numbers of 64 bits

Layers = Sequence[tuple[WrittenLayer, str]]
"""Written layers, lowest first, each with the title for the image's history."""


def image_config(
    base: BaseContent,
    spec: ImageSpec,
    place: Place,
    layers: Layers,
    *,
    created: int,
    labels: Mapping[str, str] | Iterable[tuple[str, str]],
) -> bytes:
    """Return the image configuration (OCI image specification, config.md).

    Args:
        base: Its settings survive where nothing replaces them.
        spec: What is declared.
        place: Where the environment is.
        layers: Ours.
        created: Seconds since 1970, for every `created` field that is ours.
        labels: All that are added to those of the base.

    Raises:
        EmbeddedBuildError: The base needs what only an engine can do, or contradicts itself.
    """
    _require_usable(base)
    document = _fitting(base.config, _KEPT_FIELDS)
    document |= platform_fields(base.platform)
    document["created"] = _date_time(created)
    document["config"] = _settings(_settings_of(base), spec, place, dict(labels))
    document["rootfs"] = {
        "type": "layers",
        "diff_ids": [*(blob.diff_id for blob in base.layers), *(one.diff_id for one, _ in layers)],
    }
    document["history"] = [
        *_history_of(base),
        *({"created": _date_time(created), "created_by": f"mooring: {t}"} for _, t in layers),
    ]
    if problem := _unwritable(document):
        raise EmbeddedBuildError(
            f"the configuration of the base image holds {problem}, which no engine can read",
            where=base.reference,
            hint="choose another base",
        )
    return canonical_json(document)


def image_manifest(
    base: BaseContent, config: bytes, layers: Layers, annotations: Mapping[str, str] | None = None
) -> RawManifest:
    """Return the image manifest (OCI image specification, manifest.md).

    Args:
        base: Its layers come first.
        config: The bytes of the configuration.
        layers: Ours.
        annotations: Of the manifest.
    """
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": OCI_CONFIG,
            "digest": digest_bytes(config),
            "size": len(config),
        },
        "layers": [
            *(_described(blob.descriptor) for blob in base.layers),
            *(_described(layer.descriptor) for layer, _ in layers),
        ],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return _raw(OCI_MANIFEST, document)


def image_index(
    images: Sequence[ImageContent], annotations: Mapping[str, str] | None = None
) -> RawManifest:
    """Return the index of images for several platforms (OCI image specification, image-index.md).

    Args:
        images: In any order; the index has them sorted by platform.
        annotations: Of the index.
    """
    document: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                "mediaType": image.manifest.media_type,
                "digest": image.manifest.digest,
                "size": len(image.manifest.body),
                "platform": platform_fields(image.platform),
            }
            for image in sorted(images, key=lambda image: image.platform)
        ],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return _raw(OCI_INDEX, document)


def platform_fields(platform: str) -> dict[str, str]:
    """Return os, architecture and variant; `arm64` is `v8` where no variant is written."""
    system, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    fields = {"os": system, "architecture": architecture}
    variant = variant or ("v8" if architecture == "arm64" else "")
    return fields | ({"variant": variant} if variant else {})


def _settings(
    base: Mapping[str, object], spec: ImageSpec, place: Place, labels: Mapping[str, str]
) -> dict[str, object]:
    """Return the part that says how a container is started."""
    settings = {name: value for name, value in _fitting(base, _KEPT_SETTINGS).items() if value}
    settings["Env"] = _environment(_strings(base, "Env"), spec, place)
    settings["User"] = spec.user
    settings["WorkingDir"] = absolute(spec.workdir)
    known = {name: text for name, text in _mapping(base, "Labels").items() if type(text) is str}
    if all_labels := {**known, **labels}:
        settings["Labels"] = all_labels
    if ports := _mapping(base, "ExposedPorts") | {f"{port}/tcp": {} for port in spec.ports}:
        settings["ExposedPorts"] = ports
    if spec.healthcheck:
        settings["Healthcheck"] = {
            "Test": ["CMD", *spec.healthcheck],
            "Interval": 30 * _NANOSECONDS,
            "Timeout": 5 * _NANOSECONDS,
            "Retries": 3,
        }
    if spec.entrypoint:
        settings["Entrypoint"] = list(spec.entrypoint)
        # An ENTRYPOINT takes away the arguments that were meant for another one.
        settings.pop("Cmd", None)
    if spec.cmd:
        settings["Cmd"] = list(spec.cmd)
    return settings


def _environment(base: Sequence[str], spec: ImageSpec, place: Place) -> list[str]:
    """Return the variables: a known one keeps its place in the list, as with ENV."""
    # A text without `=` is no variable that could be set.
    found = dict(text.split("=", 1) for text in base if "=" in text)
    path = found.setdefault("PATH", DEFAULT_PATH)
    if account_of(spec.user) is not None:
        found["HOME"] = HOME
    scripts = posixpath.join(place.root, "bin")
    others = [each for each in path.split(":") if each != scripts]
    found["PATH"] = ":".join([scripts, *others])
    found["VIRTUAL_ENV"] = place.root
    found["PYTHONUNBUFFERED"] = "1"
    found |= dict(spec.env)
    return [f"{name}={value}" for name, value in found.items()]


def _history_of(base: BaseContent) -> list[object]:
    """Return the base's history, in step with its layers as readers of images expect it."""
    history = base.config.get("history")
    entries = [one for one in history if isinstance(one, dict)] if isinstance(history, list) else []
    filled = sum(1 for one in entries if not one.get("empty_layer"))
    if filled > len(base.layers):
        entries, filled = [], 0
    missing = len(base.layers) - filled
    return [*entries, *({"created_by": f"layer of {base.reference}"} for _ in range(missing))]


def _require_usable(base: BaseContent) -> None:
    settings = _settings_of(base)
    if settings.get("OnBuild"):
        raise EmbeddedBuildError(
            "the base image has ONBUILD instructions, which only an engine can carry out",
            where=base.reference,
            hint="use `--engine docker`, or another base",
        )
    rootfs = base.config.get("rootfs")
    listed = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if listed is not None and listed != [blob.diff_id for blob in base.layers]:
        raise EmbeddedBuildError(
            "the configuration of the base image names other layers than its manifest",
            where=base.reference,
        )


def _settings_of(base: BaseContent) -> Mapping[str, object]:
    settings = base.config.get("config")
    return settings if isinstance(settings, dict) else {}


def _fitting(document: Mapping[str, object], kinds: Mapping[str, type]) -> dict[str, object]:
    """Return the values that are kept, without those that are not what the specification says."""
    found = {}
    for name, kind in kinds.items():
        value = document.get(name)
        if type(value) is not kind:
            continue
        if not isinstance(value, list) or all(isinstance(each, str) for each in value):
            found[name] = value
    return found


def _unwritable(document: object) -> str | None:
    """Return what of a base's document would make JSON that others cannot read, or None."""
    waiting = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            return "values in values without end"
        if isinstance(value, (dict, list)):
            keys = list(value) if isinstance(value, dict) else []
            inner = value.values() if isinstance(value, dict) else value
            waiting += [(each, depth + 1) for each in (*keys, *inner)]
        elif isinstance(value, str) and not value.isascii() and not _is_text(value):
            return "text that is not Unicode"
        elif isinstance(value, float) and not math.isfinite(value):
            return f"the number {value}"
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            return "a number of more than 64 bits"
    return None


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _strings(settings: Mapping[str, object], key: str) -> list[str]:
    value = settings.get(key)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _mapping(settings: Mapping[str, object], key: str) -> dict[str, object]:
    value = settings.get(key)
    return dict(value) if isinstance(value, dict) else {}


def _described(descriptor: Descriptor) -> dict[str, object]:
    return {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }


def _raw(media_type: str, document: Mapping[str, object]) -> RawManifest:
    body = canonical_json(document)
    return RawManifest(media_type=media_type, digest=digest_bytes(body), body=body)


def _date_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
