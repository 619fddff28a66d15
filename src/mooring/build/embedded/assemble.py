"""One image from a base and a selection: layers written or found, configuration, manifest."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mooring.artifacts.store import ArtifactStore
from mooring.build.embedded.bases import links
from mooring.build.embedded.bytecode.compilers import Compiler
from mooring.build.embedded.config import image_config, image_manifest
from mooring.build.embedded.interface import BaseContent, LayerPlan, Place
from mooring.build.embedded.layers.cache import LayerCache
from mooring.build.embedded.layers.writer import WrittenLayer, write_layer
from mooring.build.embedded.plan.lock_entries import lock_digest, lock_entries, lock_path
from mooring.build.embedded.plan.plan import plan_layers
from mooring.build.embedded.plan.request import PlanRequest, surroundings
from mooring.build.embedded.recipe import EmbeddedRecipe
from mooring.build.embedded.request import EmbeddedRequest
from mooring.build.embedded.wheels import conflicts
from mooring.build.embedded.wheels.ids import record_ids_of
from mooring.build.interface import RECIPE_LABEL
from mooring.lock.carried import LOCK_DIGEST_LABEL, LOCK_LABEL
from mooring.lock.model import Selected
from mooring.oci.blob_store import BlobStore
from mooring.oci.content import Blob, ImageContent
from mooring.reporting import Reporter
from mooring.threads import Threads

_MOST_THREADS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What an image stands on: its base, and the Python found there.

    Attributes:
        compiler: Compiles byte code for it; None for an image without.
    """

    base: BaseContent
    place: Place
    compiler: Compiler | None = None


class Assembler:
    """Makes images; wheels are fetched and opened only for layers that no cache has.

    Args:
        request: What the images have in common.
        store: Keeps the blobs.
        artifacts: Keeps the wheels.
    """

    def __init__(
        self,
        request: EmbeddedRequest,
        reporter: Reporter,
        *,
        store: BlobStore,
        artifacts: ArtifactStore | None = None,
    ) -> None:
        self._request = request
        self._reporter = reporter
        self._store = store
        self._cache = LayerCache(store=store)
        self._artifacts = artifacts or ArtifactStore()

    def image(self, recipe: EmbeddedRecipe, ground: Ground) -> ImageContent:
        """Return the image of a recipe.

        Raises:
            MooringError: An artifact cannot be had, is not what is locked, or does not fit.
        """
        platform = str(recipe.selection.platform.oci)
        ids = record_ids_of(recipe.selection, partial(self.wheels, recipe))
        layers, made = self._layers(recipe, ground, ids)
        self._reporter.note(
            f"{platform}: {len(layers)} layers on {ground.base.reference}, {made} written now"
        )
        base = ground.base
        config = image_config(
            base,
            recipe.spec,
            ground.place,
            layers,
            created=recipe.epoch,
            labels=_labels(recipe, ground.place, ids),
        )
        own = tuple(
            Blob(
                descriptor=layer.descriptor,
                diff_id=layer.diff_id,
                open=partial(self._store.open, layer.descriptor.digest),
            )
            for layer, _ in layers
        )
        return ImageContent(
            platform=base.platform,
            manifest=image_manifest(base, config, layers, _annotations(base)),
            config=config,
            layers=(*base.layers, *own),
        )

    def wheels(self, recipe: EmbeddedRecipe, packages: Sequence[Selected]) -> Mapping[str, Path]:
        """Return the files of artifacts, fetched unless a cache has them, by package name."""
        return self._artifacts.fetch(
            replace(recipe.selection, packages=tuple(packages)),
            folder=self._request.root,
            indexes=self._request.indexes,
            offline=self._request.offline,
            reporter=self._reporter,
        )

    def _layers(
        self, recipe: EmbeddedRecipe, ground: Ground, ids: Mapping[str, str]
    ) -> tuple[list[tuple[WrittenLayer, str]], int]:
        plans = plan_layers(self._plan_request(recipe, ground, ids), self._reporter)
        packages = recipe.selection.packages
        if not conflicts.is_checked(packages, ground.place):
            # All at once: one download after another would wait for each other.
            conflicts.check(packages, self.wheels(recipe, packages), ground.place)
        scan = ground.base.scan
        resolve = partial(links.resolve, scan)
        write = partial(
            write_layer,
            scan_resolve=resolve,
            base_directories=scan.directories,
            store=self._store,
        )
        with Threads(min(_MOST_THREADS, os.cpu_count() or 1)) as threads:
            pending = [threads.submit(self._cache.layer, plan, write) for plan in plans]
            done = [future.result() for future in pending]
        made = sum(new for _, new in done)
        return [(layer, plan.title) for (layer, _), plan in zip(done, plans)], made

    def _plan_request(
        self, recipe: EmbeddedRecipe, ground: Ground, ids: Mapping[str, str]
    ) -> PlanRequest:
        request = self._request
        return PlanRequest(
            selection=recipe.selection,
            place=ground.place,
            version=str(ground.place.python),
            scan=ground.base.scan,
            base_layers=len(ground.base.layers),
            user=recipe.spec.user,
            workdir=recipe.spec.workdir,
            files=request.files,
            digests={file.path: file.digest for file in request.hashed},
            fetch=partial(self.wheels, recipe),
            compiler=ground.compiler,
            further=(_lock_layer(recipe, ground, ids),),
        )


def _lock_layer(recipe: EmbeddedRecipe, ground: Ground, ids: Mapping[str, str]) -> LayerPlan:
    """Return the layer of the lock that the image carries.

    Its record ids are those of the wheels: a lock may have them or not, and the image must be the
    same.
    """
    entries = lock_entries(recipe.selection, ground.place, record_ids=ids)
    return LayerPlan(
        title="the lock",
        key={
            "schema": 1,
            "kind": "lock",
            "path": lock_path(ground.place),
            "digest": lock_digest(recipe.selection, record_ids=ids),
            **surroundings(ground.base.scan, [ground.place.root]),
        },
        entries=lambda: contextlib.nullcontext(entries),
    )


def _labels(recipe: EmbeddedRecipe, place: Place, ids: Mapping[str, str]) -> dict[str, str]:
    return {
        **dict(recipe.labels),
        RECIPE_LABEL: recipe.digest,
        LOCK_LABEL: lock_path(place),
        LOCK_DIGEST_LABEL: lock_digest(recipe.selection, record_ids=ids),
    }


def _annotations(base: BaseContent) -> dict[str, str]:
    """Return what update tools read of an image: which base it stands on."""
    name = {"org.opencontainers.image.base.name": base.reference}
    if not any(layer.origin for layer in base.layers):
        return name  # no registry has a manifest of this digest
    return {**name, "org.opencontainers.image.base.digest": base.digest}
