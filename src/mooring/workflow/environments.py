"""Sync a virtual environment with the lock, and verify any environment against it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mooring.errors import AnswerIsNo
from mooring.files import one_writer
from mooring.install.venv import SyncResult, sync_venv
from mooring.lock.model import Selection
from mooring.manifest.model import VerifyPolicy
from mooring.platforms import Platform, PythonVersion
from mooring.reporting import SILENT, Reporter
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare
from mooring.verify.findings import Verification
from mooring.verify.inventory import Inventory
from mooring.workflow.selecting import (
    LockedProject,
    fitting_platform,
    host_platform,
    python_of,
    select_environment,
)

VENV_NAME = ".venv"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verified:
    """A verification with what was compared."""

    selection: Selection
    inventory: Inventory
    verification: Verification


@dataclass(frozen=True, kw_only=True, slots=True)
class Synced:
    """What a sync did, and that the result was verified."""

    result: SyncResult
    reinstalled: tuple[str, ...]
    verified: Verified


def sync_project(
    project: LockedProject,
    *,
    environment: str = "default",
    path: Path | None = None,
    offline: bool = False,
    reporter: Reporter = SILENT,
) -> Synced:
    """Make a virtual environment match the lock, until verification is clean.

    What is installed already is verified by its content: distributions that drifted are
    reinstalled fresh, not from the cache that may have caused it.

    Raises:
        AnswerIsNo: The environment still differs after the drifted packages were reinstalled.
        MooringError: uv cannot install the selection.
    """
    where = path or project.root / VENV_NAME
    selection = select_environment(project, environment, host_platform(project))
    indexes = project.manifest.indexes if project.manifest else ()
    with one_writer(where):
        reporter.step(f"Syncing {where} with {len(selection.packages)} packages")
        result = sync_venv(where, selection, indexes=indexes, offline=offline, reporter=reporter)
        verified = _verified(project, selection, where)
        drifted = _reinstallable(verified.verification)
        if drifted:
            reporter.step(f"Reinstalling what drifted: {', '.join(drifted)}")
            sync_venv(
                where,
                selection,
                indexes=indexes,
                reinstall=drifted,
                offline=offline,
                reporter=reporter,
            )
            verified = _verified(project, selection, where)
    if not verified.verification.clean:
        raise AnswerIsNo(
            "the environment still differs from the lock after a sync",
            where=str(where),
            hint="see `mooring verify`; a new environment helps: remove the folder and sync again",
        )
    return Synced(result=result, reinstalled=drifted, verified=verified)


def verify_path(project: LockedProject, path: Path, *, environment: str = "default") -> Verified:
    """Compare the environment in a folder with the lock.

    Raises:
        MooringError: The folder is no environment (exit code 3).
    """
    inventory = PathCollector(path).collect()
    return verify_inventory(project, inventory, Platform.current(), environment=environment)


def verify_inventory(
    project: LockedProject, inventory: Inventory, machine: Platform, *, environment: str
) -> Verified:
    """Compare what a collector saw with the lock, for the machine it runs on."""
    platform = fitting_platform(project, machine)
    python = _python_seen(inventory, python_of(project, environment))
    selection = select_environment(project, environment, platform, python)
    return Verified(
        selection=selection,
        inventory=inventory,
        verification=compare(selection, inventory, _policy(project)),
    )


def _python_seen(inventory: Inventory, locked: PythonVersion) -> PythonVersion:
    """Return the locked Python, with the patch that was seen where only X.Y is locked.

    Markers may depend on the patch release. An environment of another X.Y is compared with the
    locked one, so that the difference is a finding and not another selection.
    """
    if locked.patch is not None or inventory.interpreter.version is None:
        return locked
    seen = PythonVersion.parse(inventory.interpreter.version, inventory.target)
    return seen if seen.minor == locked.minor else locked


def _verified(project: LockedProject, selection: Selection, path: Path) -> Verified:
    inventory = PathCollector(path).collect()
    return Verified(
        selection=selection,
        inventory=inventory,
        verification=compare(selection, inventory, _policy(project)),
    )


def _policy(project: LockedProject) -> VerifyPolicy:
    return project.manifest.verify if project.manifest else VerifyPolicy()


def _reinstallable(verification: Verification) -> tuple[str, ...]:
    return tuple(sorted({f.package for f in verification.failing if f.package}))
