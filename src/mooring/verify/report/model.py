"""The keys of `report/1`; docs/reference/verify-report.md says what each means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypedDict

from mooring.lock.lines import Lines
from mooring.verify.findings import Finding, Severity

SCHEMA = "report/1"

Tier = Literal["T0", "T1", "T2", "T3", "T4"]
Status = Literal["ok", "drift", "unverifiable"]

TIERS: tuple[Tier, ...] = ("T0", "T1", "T2", "T3", "T4")


@dataclass(frozen=True, kw_only=True, slots=True)
class LockFile:
    """The lock file that a report points into.

    Attributes:
        path: Relative to the repository, with `/`, where there is one.
        sha256: Digest of the file, hex.
        lines: Where its packages stand.
    """

    path: str
    sha256: str | None = None
    lines: Lines = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """What a repair did.

    Attributes:
        failed_before: The findings for which it was done.
        reinstalled, removed: Normalised names, sorted.
    """

    failed_before: tuple[Finding, ...] = ()
    reinstalled: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class ToolRow(TypedDict):
    """Who made the report."""

    name: str
    version: str


class TargetRow(TypedDict):
    """What was verified."""

    kind: str
    id: str
    prefix: str
    python: str | None
    platform: str | None


class LockRow(TypedDict):
    """What it was compared with."""

    path: str
    sha256: str | None
    platform: str
    python: str
    extras: list[str]
    groups: list[str]


class CountsRow(TypedDict):
    """How much was compared, and with which result."""

    locked: int
    checked: int
    ok: int
    drift: int
    unverifiable: int
    suppressed: int
    baselined: int
    files: int
    bytes: int


class PackageRow(TypedDict):
    """One locked package, or one that is only installed."""

    name: str
    version: str | None
    locked: bool
    status: Status
    lock_line: int | None


class FindingRow(TypedDict):
    """One difference."""

    rule: str
    kind: str
    tier: Tier
    severity: Severity
    unverifiable: bool
    failing: bool
    package: str | None
    path: str | None
    message: str
    expected: str | None
    actual: str | None
    fix: str | None
    lock_line: int | None
    fingerprint: str
    suppressed_by: str | None
    baselined: bool
    count: int


class RepairRow(TypedDict):
    """What `--repair` did, and what failed before it; the findings are those after it."""

    reinstalled: list[str]
    removed: list[str]
    failed_before: list[FindingRow]


class Report(TypedDict):
    """The whole document."""

    schema: str
    tool: ToolRow
    command: str
    started: str | None
    duration_s: float | None
    clean: bool
    target: TargetRow
    lock: LockRow
    tiers: dict[Tier, str]
    counts: CountsRow
    packages: list[PackageRow]
    findings: list[FindingRow]
    repair: RepairRow | None
