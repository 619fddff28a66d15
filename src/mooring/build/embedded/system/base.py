"""A base that is assembled from locked Debian packages: one layer, no engine, nothing executed."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from mooring.artifacts.deb import Deb
from mooring.artifacts.deb_store import DebStore
from mooring.build.embedded.bases.cache import ScanCache
from mooring.build.embedded.bases.links import resolve
from mooring.build.embedded.bases.scan import scan_layers
from mooring.build.embedded.interface import BaseContent, BaseScan, Entry, LayerPlan
from mooring.build.embedded.layers.cache import LayerCache
from mooring.build.embedded.layers.writer import WrittenLayer, write_layer
from mooring.build.embedded.system.files import system_entries
from mooring.build.embedded.system.scripts import Scripts
from mooring.build.embedded.system.spool import Spool
from mooring.build.embedded.system.tree import Tree
from mooring.errors import MooringError
from mooring.files import cache_root
from mooring.lock.formats.system_lock import SystemLock, SystemPackage
from mooring.oci.blob_store import BlobStore
from mooring.oci.content import Blob
from mooring.reporting import SILENT, Reporter

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class SystemBaseError(MooringError):
    """A system base cannot be assembled (exit code 3)."""


def system_layer(
    lock: SystemLock,
    debs: DebStore,
    *,
    offline: bool = False,
    reporter: Reporter = SILENT,
    scratch: Path | None = None,
) -> LayerPlan:
    """Plan the one layer of a system base; its packages are fetched only when it must be written.

    Args:
        lock: What it consists of.
        debs: Where packages are, or are fetched to.
        offline: Whether fetching is forbidden.
        reporter: Hears what is fetched.
        scratch: Folder for a temporary file of the unpacked size; Mooring's cache by default.
    """

    @contextlib.contextmanager
    def entries() -> Iterator[Sequence[Entry]]:
        debs.fetch(lock, offline=offline, reporter=reporter)
        reporter.step(f"Unpacking {_counted(lock)} of {lock.base}")
        with Spool(scratch or cache_root() / "scratch") as spool:
            tree, scripts = Tree(spool), Scripts()
            for package in sorted(lock.packages, key=_order):
                with _opened(debs, package) as deb:
                    tree.add(deb)
                    scripts.look_at(deb)
            spool.seal()
            scripts.say(reporter)
            yield tuple(system_entries(tree, spool, lock.architecture))

    return LayerPlan(
        title=f"{lock.base} ({_counted(lock)})",
        key={"schema": 1, "kind": "system-base", "lock": lock.document()},
        entries=entries,
    )


@contextlib.contextmanager
def open_system_base(
    lock: SystemLock,
    *,
    store: BlobStore,
    cache: LayerCache | None = None,
    debs: DebStore | None = None,
    offline: bool = False,
    reporter: Reporter = SILENT,
) -> Iterator[BaseContent]:
    """Give a system base as the image that is built upon.

    Args:
        lock: What it consists of.
        store: Gets its layer.
        cache: Knows the layer when it was written before.
        debs: Where packages are, or are fetched to.
        offline: Whether fetching is forbidden.
        reporter: Hears what is done.

    Raises:
        MooringError: A package cannot be fetched, is not what is locked, or is refused; two of
            them cannot be in one base; the disk is full.
    """
    plan = system_layer(lock, debs or DebStore(), offline=offline, reporter=reporter)
    layer, _ = (cache or LayerCache(store=store)).layer(
        plan, lambda entries: write_layer(entries, _resolver(entries), (), store)
    )
    blob = Blob(
        descriptor=layer.descriptor,
        diff_id=layer.diff_id,
        open=lambda: store.open(layer.descriptor.digest),
    )
    platform = lock.platform.oci
    assert platform is not None  # the lock has no other platforms
    yield BaseContent(
        reference=str(lock.base),
        digest=lock.digest,
        platform=platform,
        config=_config(lock, layer, plan.title),
        layers=(blob,),
        scan=_scan(store, layer),
    )


def _counted(lock: SystemLock) -> str:
    count = len(lock.packages)
    return f"{count} package{'s' * (count != 1)}"


def _order(package: SystemPackage) -> tuple[bool, str]:
    """The modes of shared folders are those of the package that is about folders."""
    return package.name != "base-files", package.name


@contextlib.contextmanager
def _opened(debs: DebStore, package: SystemPackage) -> Iterator[Deb]:
    with debs.open(package) as deb:
        found = (deb.fields["Package"], deb.fields["Version"], deb.fields["Architecture"])
        if found != (package.name, package.version, package.architecture):
            raise SystemBaseError(
                f"{package} for {package.architecture} is locked, and the file says that it is "
                f"{' '.join(found)[:200]}",
                where=package.path,
                hint="run `mooring lock --upgrade-base`",
            )
        yield deb


def _resolver(entries: Sequence[Entry]) -> Callable[[str], str]:
    links = {entry.path: entry.target for entry in entries if entry.kind == "symlink"}
    scan = BaseScan(links=links, directories={}, interpreters=(), libc=None, passwd="", group="")
    return lambda path: resolve(scan, path)


def _config(lock: SystemLock, layer: WrittenLayer, title: str) -> dict[str, object]:
    """Return the image configuration (OCI image specification, config)."""
    assert lock.platform.oci is not None
    system, architecture = lock.platform.oci.split("/")
    return {
        "architecture": architecture,
        "os": system,
        "config": {"Env": [f"PATH={PATH}"]},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
        "history": [{"created_by": f"mooring: {title}"}],
    }


def _scan(store: BlobStore, layer: WrittenLayer) -> BaseScan:
    scans = ScanCache()
    scan = scans.get(layer.diff_id)
    if scan is None:
        scan = scan_layers([lambda: _plain(store, layer)])
        scans.put(layer.diff_id, scan)
    return scan


@contextlib.contextmanager
def _plain(store: BlobStore, layer: WrittenLayer) -> Iterator[IO[bytes]]:
    with store.open(layer.descriptor.digest) as packed:
        # It asks its file for nothing but `read`.
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=cast("IO[bytes]", packed), mode="rb"))
