"""`mooring verify`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mooring.cli import options
from mooring.cli.project import any_project
from mooring.cli.verify_output import Outputs, deliver, output_options, wanted
from mooring.cli.verify_policy import (
    PolicyOptions,
    check_policy_options,
    exit_code,
    policy_options,
    tell_repair,
)
from mooring.cli.verify_table import show_table
from mooring.cli.verify_target import TargetOptions, target_options
from mooring.manifest.locate import NoManifestError
from mooring.manifest.model import DEFAULT_ENVIRONMENT
from mooring.reporting import Reporter
from mooring.verify.policy import Terms
from mooring.verify.tiers import CONTENT, DEEP, METADATA, QUICK, Tiers
from mooring.workflow.reporting import Timing, report_on
from mooring.workflow.selecting import LockedProject
from mooring.workflow.target import Target
from mooring.workflow.verifying import Verified, verify_path

if TYPE_CHECKING:
    from mooring.verify.report.model import Report
    from mooring.workflow.conda_selecting import CondaProject

_VENV = ".venv"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """What is verified, how deep, and by which terms."""

    target: Target
    tiers: Tiers
    policy: PolicyOptions
    terms: Terms
    reporter: Reporter


_Result = tuple[Verified, Callable[[Timing], "Report"]]


@click.command("verify")
@target_options
@options.project_option
@options.lock_option
@options.target_environment_option
@options.frozen_option
@click.option("--metadata", is_flag=True, help="Compare only metadata; look at no other file.")
@click.option("--quick", is_flag=True, help="Compare metadata and sizes; read no contents.")
@click.option("--deep", is_flag=True, help="Also compare byte code with its source.")
@output_options
@policy_options
@options.talk_options
def command(
    project: Path,
    lock_file: Path | None,
    environment: str | None,
    frozen: bool,
    metadata: bool,
    quick: bool,
    deep: bool,
    form: str | None,
    outputs: tuple[str, ...],
    policy: PolicyOptions,
    quiet: bool,
    verbose: bool,
    at: TargetOptions,
) -> int:
    """Compare an environment with the lock: names, versions, artifacts and every file's content.

    PATH is a virtual environment (default .venv), or a conda prefix where the lock holds conda
    packages. Exit code 0: it matches; 1: it drifted; 3: it
    could not be checked.
    """
    began = _Clock()
    outgoing = wanted(form, outputs)
    if metadata + quick + deep + policy.repair > 1:
        raise click.UsageError("give one of --metadata, --quick, --deep and --repair")
    if metadata and policy.same_as:
        raise click.UsageError("--metadata compares with a lock: it does not go with --same-as")
    check_policy_options(policy, path_only=at.path_only, lock=lock_file is not None)
    asked = _Asked(
        target=at.target(Path(_VENV)),
        tiers=METADATA if metadata else QUICK if quick else DEEP if deep else CONTENT,
        policy=policy,
        terms=policy.terms(began.day),
        reporter=options.reporter(quiet, verbose),
    )
    if policy.same_as is not None:
        verified, report = _against_other(asked, policy.same_as, project)
    elif (opened := _opened(project, lock_file, frozen=frozen, at=at)) is None:
        verified, report = _against_itself(asked, environment)
    elif isinstance(opened, LockedProject):
        asked = replace(asked, target=at.target(opened.root / _VENV))
        verified, report = _against_lock(asked, opened, environment)
    else:
        verified, report = _against_conda_lock(asked, opened, environment, named=at.named)
    _tell(verified, report, outgoing, began.timing(), quiet=quiet, verbose=verbose)
    return exit_code(verified, policy)


def _opened(
    project: Path, lock_file: Path | None, *, frozen: bool, at: TargetOptions
) -> LockedProject | CondaProject | None:
    """Open the lock to compare with; None where only the target itself can have one."""
    try:
        return any_project(project, lock_file, frozen=frozen)
    except NoManifestError:
        if project != Path() or not at.may_carry_lock:
            raise
        return None


def _against_itself(asked: _Asked, environment: str | None) -> _Result:
    from mooring.workflow.carried import verify_by_itself  # not needed where there is a project

    found = verify_by_itself(
        asked.target,
        environment=environment,
        tiers=asked.tiers,
        terms=asked.terms,
        reporter=asked.reporter,
    )
    return found.verified, found.report


def _against_lock(asked: _Asked, opened: LockedProject, environment: str | None) -> _Result:
    if asked.policy.repair:
        from mooring.workflow.repairing import repair_path  # loads the installer

        repaired = repair_path(
            opened,
            Path(asked.target.name),
            environment=environment or DEFAULT_ENVIRONMENT,
            tiers=asked.tiers,
            terms=asked.terms,
            reporter=asked.reporter,
        )
        tell_repair(repaired, asked.reporter)
        verified = repaired.verified
        return verified, partial(report_on, verified, opened.path, repaired=repaired)
    if asked.target.form == "path":
        verified = verify_path(
            opened,
            Path(asked.target.name),
            environment=environment or DEFAULT_ENVIRONMENT,
            tiers=asked.tiers,
            terms=asked.terms,
        )
    else:
        # A folder needs nothing of what reads containers, images and other machines.
        from mooring.workflow.inspecting import verify_target

        verified = verify_target(
            opened,
            asked.target,
            environment=environment,
            tiers=asked.tiers,
            terms=asked.terms,
            reporter=asked.reporter,
        )
    return verified, partial(report_on, verified, opened.path)


def _against_conda_lock(
    asked: _Asked, opened: CondaProject, environment: str | None, *, named: Target | None
) -> _Result:
    from mooring.workflow.conda_verifying import verify_conda_target  # most have no conda

    if named is None:
        raise click.UsageError("name the conda prefix to compare with the lock")
    if asked.policy.repair:
        raise click.UsageError("--repair is for virtual environments: `mooring sync --prefix`")
    verified = verify_conda_target(
        opened, named, environment=environment, tiers=asked.tiers, terms=asked.terms
    )
    return verified, partial(report_on, verified, opened.path)


def _against_other(asked: _Asked, named: str, project: Path) -> _Result:
    from mooring.workflow import comparing  # not needed for a lock
    from mooring.workflow.inspecting import inspect_target

    other = comparing.other_side(named, tiers=asked.tiers, reporter=asked.reporter)
    seen = inspect_target(asked.target, tiers=asked.tiers, reporter=asked.reporter)
    verified = comparing.verify_same(
        seen.inventory, other, comparing.policy_at(project), terms=asked.terms
    )
    verified = replace(verified, which=seen.which)
    return verified, partial(comparing.report_on_comparison, verified, other)


def _tell(
    verified: Verified,
    report: Callable[[Timing], Report],
    outgoing: Outputs,
    timing: Timing,
    *,
    quiet: bool,
    verbose: bool,
) -> None:
    if outgoing.stdout is None:
        show_table(verified, quiet=quiet, verbose=verbose)
    if outgoing.formats:
        deliver(report(timing), outgoing)


class _Clock:
    """When this began, and how long it took."""

    def __init__(self) -> None:
        self._started = datetime.now(UTC)
        self._at = time.perf_counter()

    @property
    def day(self) -> date:
        return self._started.date()

    def timing(self) -> Timing:
        return Timing(
            started=self._started.isoformat(timespec="seconds").replace("+00:00", "Z"),
            duration_s=round(time.perf_counter() - self._at, 3),
        )
