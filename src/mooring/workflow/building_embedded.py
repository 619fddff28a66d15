"""Build with the embedded builder: locked artifacts become layers, without any engine."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mooring.build.context import collect, hashed
from mooring.build.embedded.request import EmbeddedRequest, Output, PlatformImage
from mooring.build.interface import BuiltImage
from mooring.errors import InputError
from mooring.lock.formats.system_lock import SystemLock
from mooring.lock.model import Selection
from mooring.manifest.model import ImageSpec, Manifest
from mooring.manifest.system import SystemBase
from mooring.render.context import image_labels
from mooring.render.interface import BaseImage, RenderRequest
from mooring.reporting import Reporter
from mooring.workflow.bases import declared_base, find_system
from mooring.workflow.build_options import (
    BuildOptions,
    image_tags,
    no_base,
    repository_of,
    smoke_command,
)
from mooring.workflow.epoch import epoch_of
from mooring.workflow.locking import MOORING_LOCK_NAME, PYLOCK_NAME
from mooring.workflow.rendering import base_image, image_environment


def build_embedded(request: EmbeddedRequest, reporter: Reporter) -> BuiltImage:
    """Build the images of a request, unless their content tag is where it is wanted.

    Raises:
        InputError: The request does not describe an image.
        MooringError: A base, an artifact or a registry cannot be had, or is not what is locked.
    """
    from mooring.build.embedded.builder import EmbeddedBuilder  # zlib-ng, requests and the like

    return EmbeddedBuilder().build(request, reporter)


def embedded_request(
    manifest: Manifest, selections: Sequence[Selection], options: BuildOptions
) -> EmbeddedRequest:
    """Work out everything that is known before anything is downloaded.

    Raises:
        InputError: Manifest, lock or options do not describe an image.
    """
    if options.sign_key is not None and not (options.push and options.attest):
        raise InputError(
            "nothing would be signed: only what is put beside a pushed image is",
            where="--sign-key",
            hint="add --push, and leave --no-attest out",
        )
    spec = manifest.image or ImageSpec()
    images = tuple(_image(manifest, spec, each, options) for each in selections)
    where = f"{manifest.path or manifest.root}: image.files"
    locks = (PYLOCK_NAME, MOORING_LOCK_NAME)
    files = collect(manifest.root, spec.files, leave_out=locks, where=where)
    request = EmbeddedRequest(
        images=images,
        spec=spec,
        repository=repository_of(manifest, options),
        root=manifest.root,
        files=files,
        hashed=hashed(files),
        tags=image_tags(manifest, options),
        outputs=_outputs(manifest, spec, options),
        push=options.push,
        load=options.load,
        indexes=manifest.indexes,
        offline=options.offline,
        attest=options.attest,
        sign_key=options.sign_key,
        smoke=smoke_command(manifest) if options.smoke else None,
        overridden=frozenset(r.name for r in manifest.overrides),
    )
    request.check()
    return request


def _outputs(manifest: Manifest, spec: ImageSpec, options: BuildOptions) -> tuple[Output, ...]:
    """Return the outputs, each once; refuse those that the next image would have in it."""
    outputs = tuple(dict.fromkeys(Output.parse(text) for text in options.outputs))
    for output in outputs:
        path = output.path.resolve()
        for name in spec.files:
            if path.is_relative_to((manifest.root / name).resolve()):
                raise InputError(
                    f"{output.kind}:{output.path} lies in {name}, which the image is made of",
                    where="--output",
                    hint="write it outside of what `files` of [tool.mooring.image] names",
                )
    return outputs


def _image(
    manifest: Manifest, spec: ImageSpec, selection: Selection, options: BuildOptions
) -> PlatformImage:
    reference = declared_base(manifest, options.base)
    if reference is None:
        raise no_base(manifest)
    base: BaseImage | SystemLock
    if system := SystemBase.parse(reference):
        base = find_system(manifest.root / MOORING_LOCK_NAME, system, selection.platform)
        shown = BaseImage(reference=reference)
    else:
        base = shown = base_image(manifest, reference, selection.platform)
    named = RenderRequest(
        project=manifest.name,
        version=manifest.version,
        environment=image_environment(manifest, options.environment),
        selections=(selection,),
        image=spec,
        base=shown,
    )
    return PlatformImage(
        selection=selection,
        base=base,
        labels=tuple(sorted(image_labels(named, shown).items())),
        epoch=epoch_of(selection, os.environ.get("SOURCE_DATE_EPOCH")),
    )
