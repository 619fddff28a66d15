"""Sync: make a virtual environment match the lock, until verification is clean."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mooring.errors import AnswerIsNo, InputError
from mooring.files import one_writer
from mooring.install.folder import look_at
from mooring.install.venv import SyncResult, SyncSettings, sync_venv
from mooring.lock.model import Selection
from mooring.platforms import PythonVersion
from mooring.reporting import SILENT, Reporter
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare
from mooring.verify.findings import Verification
from mooring.verify.policy import about_policy, judge
from mooring.workflow.selecting import (
    LockedProject,
    host_platform,
    python_here,
    select_environment,
)
from mooring.workflow.verifying import (
    Verified,
    exact_python,
    parsed_python,
    policy_of,
    terms_of_today,
)

VENV_NAME = ".venv"


@dataclass(frozen=True, kw_only=True, slots=True)
class Synced:
    """What a sync did, and that the result was verified."""

    result: SyncResult
    reinstalled: tuple[str, ...]
    verified: Verified


class StillDiffersError(AnswerIsNo):
    """The environment is not as locked after all that a sync can do (exit code 1).

    Args:
        synced: What was done, and how the result differs.
    """

    def __init__(self, synced: Synced) -> None:
        super().__init__(
            "the environment still differs from the lock after a sync",
            where=str(synced.result.path),
            hint="a new environment helps where no fix is told: remove the folder and sync again",
        )
        self.synced = synced


def sync_project(
    project: LockedProject,
    *,
    environment: str = "default",
    path: Path | None = None,
    python: PythonVersion | None = None,
    offline: bool = False,
    reporter: Reporter = SILENT,
) -> Synced:
    """Make a virtual environment match the lock, until verification is clean.

    What is installed already is verified by its content: distributions that drifted are
    reinstalled fresh, not from the cache that may have caused it.

    Args:
        project: The lock.
        environment: Name of the environment.
        path: The virtual environment; `.venv` beside the lock by default.
        python: The Python to use, where the project leaves the choice.
        offline: Use uv's cache only.
        reporter: Is told what happens.

    Raises:
        InputError: The lock is not for the Python that was asked for.
        StillDiffersError: It still differs after the drifted packages were reinstalled.
        MooringError: uv cannot install the selection.
    """
    where = path or project.root / VENV_NAME
    platform, locked = host_platform(project), _python(project, environment, where, python)
    selection = select_environment(project, environment, platform, locked)
    install = partial(
        sync_venv,
        where,
        indexes=project.manifest.indexes if project.manifest else (),
        offline=offline,
        reporter=reporter,
        settings=SyncSettings(lock_folder=project.path.parent),
    )
    with one_writer(where):
        count = len(selection.packages)
        reporter.step(f"Syncing {where} with {count} package{'s' * (count != 1)}")
        result = install(selection)
        exact = exact_python(result.python, locked)
        selection = select_environment(project, environment, platform, exact)
        verified = _verified(project, selection, where)
        drifted = _reinstallable(verified.verification)
        if drifted:
            reporter.step(f"Reinstalling what drifted: {', '.join(drifted)}")
            install(selection, reinstall=drifted)
            verified = _verified(project, selection, where)
    synced = Synced(result=result, reinstalled=drifted, verified=verified)
    if not verified.verification.clean:
        raise StillDiffersError(synced)
    return synced


def _python(
    project: LockedProject, environment: str, path: Path, asked: PythonVersion | None
) -> PythonVersion:
    """Return the Python asked for, else that of the environment that is there, else the default."""
    there = look_at(path)
    seen = parsed_python(there.version if there else None)
    kept = None if seen is None else PythonVersion(minor=seen.minor)
    chosen = python_here(project, environment, asked, kept)
    if asked is None:
        return chosen
    if asked.minor != chosen.minor or chosen.patch not in (None, asked.patch):
        raise InputError(
            f"the lock is for Python {chosen}",
            where=f"--python {asked}",
            hint="without `python` in the manifest a lock serves every Python of requires-python",
        )
    return asked


def _verified(project: LockedProject, selection: Selection, path: Path) -> Verified:
    """Verify by the declared policy; findings about the policy itself are not the sync's."""
    inventory = PathCollector(path).collect()
    policy = policy_of(project)
    judged = judge(compare(selection, inventory, policy), policy, terms_of_today())
    return Verified(
        selection=selection,
        inventory=inventory,
        verification=replace(
            judged, failing=tuple(f for f in judged.failing if not about_policy(f))
        ),
    )


def _reinstallable(verification: Verification) -> tuple[str, ...]:
    return tuple(sorted({f.package for f in verification.failing if f.package}))
