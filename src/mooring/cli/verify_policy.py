"""Options that say what fails a verification, and what it compares with besides a lock."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mooring.reporting import Reporter
from mooring.verify.policy import Terms
from mooring.verify.rules import NOTHING
from mooring.workflow.verifying import Verified

if TYPE_CHECKING:
    from mooring.workflow.repairing import Repaired

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path)


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyOptions:
    """What the options of `policy_options` say."""

    strict: bool = False
    exit_zero: bool = False
    baseline: Path | None = None
    same_as: str | None = None
    repair: bool = False

    def terms(self, today: date) -> Terms:
        """Return what this run asks beyond the declared policy.

        Raises:
            InputError: The baseline cannot be read.
        """
        known = frozenset[str]()
        if self.baseline is not None:
            from mooring.verify.baseline import read_baseline  # most runs have none

            known = read_baseline(self.baseline)
        return Terms(today=today, strict=self.strict, baseline=known)


def policy_options(function: F) -> F:
    """Add the options about what fails; the command gets them as one argument, `policy`."""

    @functools.wraps(function)
    def command(
        *args: object,
        strict: bool,
        exit_zero: bool,
        baseline: Path | None,
        same_as: str | None,
        repair: bool,
        **others: object,
    ) -> object:
        policy = PolicyOptions(
            strict=strict, exit_zero=exit_zero, baseline=baseline, same_as=same_as, repair=repair
        )
        return function(*args, policy=policy, **others)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command  # type: ignore[return-value]  # click adds to the function, it stays one


_OPTIONS = (
    click.option(
        "--strict", is_flag=True, help="Warnings fail as well, and ignore entries must expire."
    ),
    click.option(
        "--exit-zero",
        is_flag=True,
        help="Only report: differences are exit code 0. Nothing checked is 3 all the same.",
    ),
    click.option(
        "--baseline",
        type=_FILE,
        metavar="FILE",
        help="A saved JSON report, whose findings do not fail.",
    ),
    click.option(
        "--same-as",
        metavar="OTHER",
        help="Compare not with the lock but with a folder, a saved inventory, container:NAME or "
        "image:IMAGE.",
    ),
    click.option(
        "--repair",
        is_flag=True,
        help="Install afresh what drifted in the virtual environment, and verify again.",
    ),
)


def check_policy_options(policy: PolicyOptions, *, path_only: bool, lock: bool) -> None:
    """Refuse options that contradict each other.

    Args:
        policy: What was asked for.
        path_only: Whether the target is a folder on this machine.
        lock: Whether a lock file was named.

    Raises:
        UsageError: They do.
    """
    if policy.repair and not path_only:
        raise click.UsageError("--repair puts virtual environments right, and no other target")
    if policy.repair and policy.same_as:
        raise click.UsageError("--repair installs what is locked: it does not go with --same-as")
    if policy.same_as and lock:
        raise click.UsageError("give one of --lock and --same-as")


def tell_repair(repaired: Repaired, reporter: Reporter) -> None:
    """Say what a repair did."""
    for names, word in ((repaired.reinstalled, "reinstalled"), (repaired.removed, "removed")):
        if names:
            reporter.note(f"{word}: {', '.join(names)}")


def exit_code(verified: Verified, policy: PolicyOptions) -> int:
    """Return 0 when clean, 1 for drift, 3 when all that fails could not be checked.

    To report only does not make 0 of it when no package was compared.
    """
    verification = verified.verification
    failing = verification.failing
    if policy.exit_zero:
        return 3 if verification.packages == 0 else 0
    if not failing:
        return 0
    unchecked = any(finding.rule.id == NOTHING.id for finding in failing)
    return 3 if unchecked or all(finding.rule.unverifiable for finding in failing) else 1
