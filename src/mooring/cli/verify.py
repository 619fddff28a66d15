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
from mooring.reporting import Reporter
from mooring.verify.policy import Terms
from mooring.verify.report.model import Report
from mooring.verify.tiers import CONTENT, DEEP, QUICK, Tiers
from mooring.workflow.inspecting import Target, inspect_target, verify_target
from mooring.workflow.reporting import Timing, report_on
from mooring.workflow.selecting import LockedProject
from mooring.workflow.verifying import Verified

if TYPE_CHECKING:
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


_Result = tuple[Verified, Callable[[Timing], Report]]


@click.command("verify")
@target_options
@options.project_option
@options.lock_option
@options.target_environment_option
@options.frozen_option
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
    if quick + deep + policy.repair > 1:
        raise click.UsageError("give one of --quick, --deep and --repair")
    check_policy_options(policy, path_only=at.path_only, lock=lock_file is not None)
    asked = _Asked(
        target=at.target(Path(_VENV)),
        tiers=QUICK if quick else DEEP if deep else CONTENT,
        policy=policy,
        terms=policy.terms(began.day),
        reporter=options.reporter(quiet, verbose),
    )
    if policy.same_as is not None:
        verified, report = _against_other(asked, policy.same_as, project)
    else:
        opened = any_project(project, lock_file, frozen=frozen)
        if isinstance(opened, LockedProject):
            asked = replace(asked, target=at.target(opened.root / _VENV))
            verified, report = _against_lock(asked, opened, environment)
        else:
            verified, report = _against_conda_lock(asked, opened, environment, named=at.named)
    _tell(verified, report, outgoing, began.timing(), quiet=quiet, verbose=verbose)
    return exit_code(verified, policy)


def _against_lock(asked: _Asked, opened: LockedProject, environment: str | None) -> _Result:
    if asked.policy.repair:
        from mooring.workflow.repairing import repair_path  # loads the installer

        repaired = repair_path(
            opened,
            Path(asked.target.name),
            environment=environment or "default",
            tiers=asked.tiers,
            terms=asked.terms,
            reporter=asked.reporter,
        )
        tell_repair(repaired, asked.reporter)
        verified = repaired.verified
    else:
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

    other = comparing.other_side(named, tiers=asked.tiers, reporter=asked.reporter)
    seen = inspect_target(asked.target, tiers=asked.tiers, reporter=asked.reporter)
    verified = comparing.verify_same(
        seen.inventory, other, comparing.policy_at(project), terms=asked.terms
    )
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
