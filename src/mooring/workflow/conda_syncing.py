"""Sync: make a conda prefix match the lock, until verification is clean."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mooring.errors import AnswerIsNo
from mooring.install.prefix import PrefixResult, PrefixSettings, sync_prefix
from mooring.reporting import SILENT, Reporter
from mooring.verify.findings import Verification
from mooring.verify.policy import about_policy
from mooring.workflow.conda_access import with_credentials
from mooring.workflow.conda_selecting import (
    CondaProject,
    host_conda_platform,
    select_conda_environment,
)
from mooring.workflow.conda_verifying import verify_prefix
from mooring.workflow.verifying import Verified


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaSynced:
    """What a sync did, and that the result was verified."""

    result: PrefixResult
    reinstalled: tuple[str, ...]
    verified: Verified


def sync_conda(
    project: CondaProject,
    path: Path,
    *,
    environment: str = "default",
    offline: bool = False,
    reporter: Reporter = SILENT,
) -> CondaSynced:
    """Make a conda prefix match the lock, until verification is clean.

    Args:
        project: The lock.
        path: The prefix.
        environment: Name of the environment.
        offline: Use only what is on this machine.
        reporter: Is told what happens.

    Raises:
        InputError: The folder is no conda prefix, or the lock is for other platforms.
        AnswerIsNo: The prefix still differs after the drifted packages were put in place afresh.
        MooringError: It could not be done.
    """
    selection = select_conda_environment(project, environment, host_conda_platform(project))
    manifest = project.manifest
    declared = manifest.conda.channels if manifest and manifest.conda else ()
    settings = PrefixSettings(
        channels=with_credentials(declared, os.environ),
        lock_folder=project.path.parent,
    )
    install = partial(
        sync_prefix,
        path,
        selection,
        indexes=manifest.indexes if manifest else (),
        offline=offline,
        reporter=reporter,
    )
    count = len(selection.packages) + len(selection.pypi)
    reporter.step(f"Syncing {path} with {count} package{'s' * (count != 1)}")
    result = install(settings=settings)
    verified = _verified(project, path, environment)
    drifted = _reinstallable(verified.verification)
    if drifted:
        reporter.step(f"Putting in place afresh what drifted: {', '.join(drifted)}")
        install(settings=replace(settings, reinstall=drifted))
        verified = _verified(project, path, environment)
    if not verified.verification.clean:
        raise AnswerIsNo(
            "the prefix still differs from the lock after a sync",
            where=str(path),
            hint="see `mooring verify`; a new prefix helps: remove the folder and sync again",
        )
    return CondaSynced(result=result, reinstalled=drifted, verified=verified)


def _verified(project: CondaProject, path: Path, environment: str) -> Verified:
    """Verify by the declared policy; findings about the policy itself are not the sync's."""
    verified = verify_prefix(project, path, environment=environment)
    judged = verified.verification
    failing = tuple(each for each in judged.failing if not about_policy(each))
    return replace(verified, verification=replace(judged, failing=failing))


def _reinstallable(verification: Verification) -> tuple[str, ...]:
    return tuple(sorted({each.package for each in verification.failing if each.package}))
