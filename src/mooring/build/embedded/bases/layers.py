"""The layers of a base as plain tars, read once for its scan; later builds find that in a cache."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from typing import IO

from mooring.build.embedded.bases.cache import ScanCache
from mooring.build.embedded.bases.scan import scan_layers
from mooring.build.embedded.bases.sources import RawBase
from mooring.build.embedded.interface import BaseScan, Interpreter
from mooring.errors import MooringError
from mooring.oci.blob_store import BlobStore
from mooring.oci.content import Blob
from mooring.oci.layers import Layer, open_layer
from mooring.oci.saved import read_config
from mooring.oci.store import Source
from mooring.platforms import PythonVersion
from mooring.reporting import Reporter
from mooring.threads import Threads

_MOST_PLAIN, _LEAST_PLAIN, _RATIO = 32 << 30, 1 << 30, 100
"""Bytes that any layer may unpack to, and a small one; and how many from each packed byte."""
_DOWNLOADS = 3
_DECLARED = "PYTHON_VERSION"
_VERSION = re.compile(r"3\.(\d{1,2})\.(\d{1,2})")


def scan_of(raw: RawBase, where: str, store: BlobStore, reporter: Reporter) -> BaseScan:
    """Return what a base holds: from the cache beside the store, or out of its layers.

    Args:
        raw: The base.
        where: How messages name it.
        store: Where its blobs are kept.
        reporter: Hears that layers are read, which takes time.

    Raises:
        EmbeddedBuildError: A layer holds what no honest tool would have made, or too much.
        MooringError: A layer cannot be had, or is damaged.
    """
    cache = ScanCache(store.root.parent / "bases")
    scan = cache.get(raw.digest)
    if scan is None:
        packed = sum(blob.descriptor.size for blob in raw.layers)
        reporter.step(f"Reading the base image {where} ({packed / 1e6:.0f} MB), this once")
        scan = _scan(raw, where)
        cache.put(raw.digest, scan)
    return _with_declared(scan, read_config(raw.config, where).variables)


def _scan(raw: RawBase, where: str) -> BaseScan:
    files = _Blobs(raw.layers, where)
    with Threads(_DOWNLOADS) as threads:
        # Opening is what downloads: the next layers come while the first is read.
        here: dict[str, Future[None]] = {}
        for blob in raw.layers:
            if blob.descriptor.digest not in here:
                here[blob.descriptor.digest] = threads.submit(_have, blob)
        try:
            return scan_layers(
                partial(_plain, blob, files, here[blob.descriptor.digest]) for blob in raw.layers
            )
        except BaseException as error:
            if isinstance(error, MooringError):
                error.where = error.where or where
            raw.stop()
            raise


def _have(blob: Blob) -> None:
    with blob.open():
        pass


@contextlib.contextmanager
def _plain(blob: Blob, files: _Blobs, here: Future[None]) -> Iterator[IO[bytes]]:
    """Give a layer unpacked; its packed bytes are checked by whoever opens the blob."""
    here.result()
    layer = Layer(name=blob.descriptor.digest, diff_id=blob.diff_id)
    most = min(_MOST_PLAIN, _LEAST_PLAIN + _RATIO * blob.descriptor.size)
    with open_layer(files, layer, most=most) as stream:
        yield stream


class _Blobs:
    """Blobs by their digest, read as the files of a saved image are."""

    def __init__(self, blobs: Sequence[Blob], where: str) -> None:
        self.where = where
        self._blobs = {blob.descriptor.digest: blob for blob in blobs}

    def open(self, name: str) -> AbstractContextManager[Source]:
        """Give the bytes of a blob."""
        return self._blobs[name].open()

    def has(self, name: str) -> bool:
        """Return whether there is such a blob."""
        return name in self._blobs


def _with_declared(scan: BaseScan, variables: Mapping[str, str]) -> BaseScan:
    """Take the patch release that official images declare, where no file tells it."""
    match = _VERSION.fullmatch(variables.get(_DECLARED, ""))
    if match is None:
        return scan
    declared = PythonVersion(minor=int(match[1]), patch=int(match[2]))

    def known(each: Interpreter) -> Interpreter:
        # The variable is about the Python in /usr/local; a distribution's own may lie beside it.
        told = each.version.patch is not None or not each.path.startswith("/usr/local/")
        if told or each.version.minor != declared.minor:
            return each
        return dataclasses.replace(each, version=declared)

    return dataclasses.replace(scan, interpreters=tuple(map(known, scan.interpreters)))
