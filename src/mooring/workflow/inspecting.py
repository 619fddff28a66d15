"""Inspect: from whatever a user names to the inventory of the environment in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, assert_never

from mooring.build.engines import EngineFiles, first_with, known_engines
from mooring.build.reading import (
    DEFAULT_ROOT,
    ENVIRONMENT_LABEL,
    ROOT_LABEL,
    EngineTarget,
    NoTargetError,
)
from mooring.errors import InputError, MooringError
from mooring.lock.carried import LOCK_DIGEST_LABEL
from mooring.manifest.model import DEFAULT_ENVIRONMENT
from mooring.oci.archive import open_saved_image
from mooring.oci.layers import open_layer
from mooring.oci.model import same_platform
from mooring.oci.saved import SavedImage
from mooring.oci.saved_names import is_saved_image
from mooring.oci.store import open_regular
from mooring.platforms import Platform
from mooring.reporting import SILENT, Reporter
from mooring.verify.collectors.entries import collect_entries
from mooring.verify.collectors.image import (
    FolderTarCollector,
    LayersCollector,
    folder_in_layers,
    read_top_folder,
)
from mooring.verify.collectors.path import NoEnvironmentError, PathCollector
from mooring.verify.collectors.probe import NoPythonError, ProbeCollector
from mooring.verify.collectors.process import PROC, ProcessCollector
from mooring.verify.collectors.surroundings import Surroundings
from mooring.verify.collectors.tar_tree import TarTree
from mooring.verify.collectors.transports import exec_transport, ssh_tar, ssh_transport
from mooring.verify.inventory import Inventory
from mooring.verify.policy import Terms
from mooring.verify.tiers import CONTENT, Tiers
from mooring.workflow.selecting import LockedProject, platforms_of
from mooring.workflow.target import Target
from mooring.workflow.verifying import Verified, tiers_for, verify_inventory

_MACHINES = {
    ("linux", "x86_64"): "linux-64",
    ("linux", "aarch64"): "linux-aarch64",
    ("darwin", "x86_64"): "osx-64",
    ("darwin", "arm64"): "osx-arm64",
}
"""What `sys.platform` and `os.uname().machine` of a probe mean."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inspected:
    """What was found, and what the target says of itself.

    Attributes:
        oci: OCI `os/arch` of an image or container.
        machine: Of another host. Without `oci` and `machine` it is taken to be like this one.
        environment: Name of the locked environment that an image was made of, when it says so.
        lock_digest: Of the lock that an image carries, when it says so.
        which: Of an image for several platforms the one that was looked at, in words.
    """

    inventory: Inventory
    oci: str | None = None
    machine: Platform | None = None
    environment: str | None = None
    lock_digest: str | None = None
    which: str | None = None


def verify_target(
    project: LockedProject,
    target: Target,
    *,
    environment: str | None = None,
    tiers: Tiers = CONTENT,
    terms: Terms | None = None,
    reporter: Reporter = SILENT,
) -> Verified:
    """Compare any target with the lock.

    Raises:
        MooringError: The target is absent, or cannot be read (exit code 3).
        InputError: The lock is for other platforms.
    """
    wanted = tuple(platform.oci for platform in platforms_of(project) if platform.oci)
    tiers = tiers_for(project, tiers)
    inspected = inspect_target(target, tiers=tiers, wanted=wanted, reporter=reporter)
    machine = inspected.machine or Platform.current()
    declared = None
    if inspected.oci is not None:
        machine = _locked_platform(project, inspected.oci, target.name)
        image = project.manifest.image if project.manifest else None
        declared = image.environment if image else None
    verified = verify_inventory(
        project,
        inspected.inventory,
        machine,
        environment=environment or inspected.environment or declared or DEFAULT_ENVIRONMENT,
        terms=terms,
    )
    return replace(verified, which=inspected.which)


def inspect_target(
    target: Target,
    *,
    tiers: Tiers = CONTENT,
    wanted: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Inspected:
    """Read a target.

    Args:
        target: What to look at.
        tiers: How deep.
        wanted: OCI platforms to choose from an image for several; this machine's comes first.
        reporter: Hears how the target is read, where there is a choice.

    Raises:
        MooringError: The target is absent, or cannot be read (exit code 3).
    """
    match target.form:
        case "path":
            return Inspected(inventory=PathCollector(Path(target.name), tiers=tiers).collect())
        case "python":
            prefix = prefix_of(Path(target.name))
            return Inspected(inventory=PathCollector(prefix, tiers=tiers).collect())
        case "container":
            return _container(target, tiers, reporter)
        case "image" if is_saved_image(target.name):
            return _saved_image(target, tiers, wanted)
        case "image":
            engines = known_engines(target.engine)
            engine, found = first_with(engines, lambda each: each.find_image(target.name))
            _require_platform(target, found.platform)
            return _streamed(engine, found, target, tiers)
        case "tar":
            return Inspected(inventory=_tar(target, tiers))
        case "pid":
            return Inspected(inventory=_process(target, tiers))
        case "host":
            return _host(target, tiers, reporter)
        case _:
            assert_never(target.form)


def prefix_of(python: Path) -> Path:
    """Return the prefix of an interpreter by where it lies; it is not started.

    A virtual environment is told by the pyvenv.cfg beside or above its Python (site.py does the
    same); any other Python is in the `bin` folder of its prefix, behind all links.

    Raises:
        NoEnvironmentError: There is no such file.
    """
    if not python.is_file():
        raise NoEnvironmentError("there is no such Python", where=str(python))
    folder = python.absolute().parent
    for candidate in (folder, folder.parent):
        if (candidate / "pyvenv.cfg").is_file():
            return candidate
    real = python.resolve().parent
    return real.parent if real.name in ("bin", "Scripts") else real


def _container(target: Target, tiers: Tiers, reporter: Reporter) -> Inspected:
    engines = known_engines(target.engine)
    engine, found = first_with(engines, lambda each: each.find_container(target.name))
    root = target.root or found.root
    if found.pid and is_process_of(found):
        inventory = ProcessCollector(
            found.pid, root, kind="container", target=target.name, tiers=tiers
        ).collect()
        return _of_engine(found, inventory)
    if found.pid and target.trust == "probe":
        transport = exec_transport(engine.command, found.id, f"{root}/bin/python", found.name)
        surroundings = Surroundings(environ=found.variables)
        try:
            inventory = ProbeCollector(
                transport, "container", found.name, root, tiers=tiers, surroundings=surroundings
            ).collect()
            return _of_engine(found, inventory)
        except NoPythonError as error:
            reporter.note(f"{error}; its files are streamed instead")
    return _streamed(engine, found, target, tiers)


def _host(target: Target, tiers: Tiers, reporter: Reporter) -> Inspected:
    if target.root is None:
        raise InputError(
            "it must be said where the environment is there",
            where=target.name,
            hint="--root /srv/app/.venv, or relative to the folder that ssh begins in",
        )
    collector = ProbeCollector(
        ssh_transport(target.name), "host", target.name, target.root, tiers=tiers
    )
    try:
        inventory = collector.collect()
    except NoPythonError as error:
        reporter.note(f"{error}; its files are streamed instead")
        opened = partial(ssh_tar, target.name, target.root)
        inventory = FolderTarCollector(
            opened, target.name, kind="host", root=target.root, tiers=tiers
        ).collect()
    return Inspected(inventory=inventory, machine=machine_of(collector.system, target.name))


def machine_of(system: tuple[str, str] | None, where: str) -> Platform | None:
    """Return the platform for what a Python elsewhere says of it, None when it was not asked.

    Raises:
        InputError: It is none of the known platforms.
    """
    if system is None:
        return None
    name = _MACHINES.get(system)
    if name is None:
        raise InputError("this machine is of a kind that is not supported", where=where)
    return Platform.parse(name)


def is_process_of(found: EngineTarget, proc: str = PROC) -> bool:
    """Whether a container's process id means a process here that we may look into.

    With an engine elsewhere the same id is any process; the container's own mounts name it.
    """
    if sys.platform != "linux":
        return False
    try:
        mounts = Path(f"{proc}/{found.pid}/mountinfo").read_text("utf-8", "surrogateescape")
        list(Path(f"{proc}/{found.pid}/root/").iterdir())
    except OSError:
        return False
    return found.id in mounts


def _streamed(engine: EngineFiles, found: EngineTarget, target: Target, tiers: Tiers) -> Inspected:
    root = target.root or found.root

    def elsewhere(path: str) -> TarTree | None:
        try:
            return read_top_folder(partial(engine.folder_stream, found, path), path, found.name)
        except NoTargetError:
            return TarTree({})
        except MooringError:
            return None

    inventory = FolderTarCollector(
        partial(engine.folder_stream, found, root),
        found.name,
        kind=found.kind,
        root=root,
        tiers=tiers,
        surroundings=Surroundings(environ=found.variables, elsewhere=elsewhere),
    ).collect()
    return _of_engine(found, inventory)


def _of_engine(found: EngineTarget, inventory: Inventory) -> Inspected:
    return Inspected(
        inventory=inventory,
        oci=found.platform,
        environment=found.environment,
        lock_digest=found.lock_digest,
    )


def _saved_image(target: Target, tiers: Tiers, wanted: Sequence[str]) -> Inspected:
    own = Platform.current().oci
    known = [*([own] if own else []), *wanted]
    image = open_saved_image(target.name, [target.platform] if target.platform else known)
    _require_platform(target, image.platform)
    root = target.root or root_of(image)
    layers = [partial(open_layer, image.store, layer) for layer in image.layers]
    inventory = LayersCollector(
        layers,
        "image",
        target.name,
        root,
        tiers=tiers,
        surroundings=Surroundings(
            environ=image.variables, elsewhere=partial(folder_in_layers, layers, target.name)
        ),
    ).collect()
    return Inspected(
        inventory=inventory,
        oci=image.platform,
        environment=image.labels.get(ENVIRONMENT_LABEL),
        lock_digest=image.labels.get(LOCK_DIGEST_LABEL),
        which=f"{image.platform}, one of {len(image.platforms)} platforms"
        if image.platforms
        else None,
    )


def _require_platform(target: Target, found: str) -> None:
    if target.platform is not None and not same_platform(target.platform, found):
        raise NoTargetError(
            f"the image is for {found}, not for {target.platform}", where=target.name
        )


def root_of(image: SavedImage) -> str:
    """Return where the environment is: the label, `VIRTUAL_ENV`, or the default."""
    return image.labels.get(ROOT_LABEL) or image.variables.get("VIRTUAL_ENV") or DEFAULT_ROOT


def _tar(target: Target, tiers: Tiers) -> Inventory:
    stream = target.stream
    shown = target.name if stream is None else "standard input"

    def opened() -> AbstractContextManager[IO[bytes]]:
        return open_regular(Path(target.name)) if stream is None else nullcontext(stream)

    if target.root is None:
        return _without_place(FolderTarCollector(opened, shown, tiers=tiers).collect())
    if stream is not None:
        return collect_entries(opened, "tar", shown, target.root, tiers=tiers)
    elsewhere = partial(folder_in_layers, [opened], shown, whiteouts=False)
    return LayersCollector(
        [opened],
        "tar",
        shown,
        target.root,
        tiers=tiers,
        surroundings=Surroundings(elsewhere=elsewhere),
        whiteouts=False,
    ).collect()


def _without_place(inventory: Inventory) -> Inventory:
    """Leave out what depends on where the environment lies: a tar of its folder cannot tell."""
    if inventory.facts is None:
        return inventory
    facts = replace(inventory.facts, foreign_scripts=(), foreign_python=None)
    return replace(inventory, facts=facts)


def _process(target: Target, tiers: Tiers) -> Inventory:
    if not re.fullmatch(r"[1-9][0-9]{0,9}", target.name):
        raise InputError(f"{target.name!r} is no process id", where="--pid")
    return ProcessCollector(int(target.name), target.root, tiers=tiers).collect()


def _locked_platform(project: LockedProject, oci: str, where: str) -> Platform:
    """Return the locked platform of an image; its libc is not known, so the OCI name decides."""
    known = platforms_of(project)
    for platform in known:
        if platform.oci and same_platform(platform.oci, oci):
            return platform
    if known:
        raise InputError(
            f"the lock is not for {oci}",
            where=where,
            hint=f"it is for {', '.join(map(str, known))}",
        )
    return Platform.from_oci(oci)
