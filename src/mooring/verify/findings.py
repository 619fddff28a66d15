"""Findings: one difference each, with the rule that found it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mooring.digests import sha256_hex

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """A kind of difference; its id never changes meaning.

    Attributes:
        unverifiable: It says that something could not be checked, which is never green.
        lenient: Unverifiable, but it fails only where a warning does: all else was checked.
    """

    id: str
    kind: str
    severity: Severity
    title: str
    unverifiable: bool = False
    lenient: bool = False

    def at(self, severity: Severity) -> Rule:
        """Return the rule with the severity that one case of it deserves."""
        return replace(self, severity=severity)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One difference between a lock and an environment.

    Attributes:
        package: Normalised name; None for facts about the whole environment.
        path: File, relative to the environment's root.
        fix: What to do, as a command where one exists.
        suppressed_by: The reason of the ignore entry that accepts it; then it does not fail.
        baselined: Whether it was there when the baseline was taken; then it does not fail.
        count: How many findings it stands for; see `folding`.
    """

    rule: Rule
    message: str
    package: str | None = None
    path: str | None = None
    expected: str | None = None
    actual: str | None = None
    fix: str | None = None
    suppressed_by: str | None = None
    baselined: bool = False
    count: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """The result of one verification.

    Attributes:
        findings: Sorted by package, rule and path.
        packages: How many locked packages were compared.
        checked_files: How many files were compared by their content.
        failing: The findings at or above the policy's `fail-on`, and the unverifiable ones, less
            what an ignore entry or a baseline accepts.
    """

    findings: tuple[Finding, ...]
    packages: int
    checked_files: int
    checked_bytes: int
    failing: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing fails."""
        return not self.failing


def fingerprint(finding: Finding) -> str:
    """Return what stays the same while a finding persists: digest of rule, package and path.

    Of several findings in one, the number counts as well: with one more of them it is another.
    """
    text = f"{finding.rule.id}|{finding.package or ''}|{finding.path or ''}"
    if finding.count > 1:
        text += f"|{finding.count}"
    return "sha256:" + sha256_hex(text.encode("utf-8", "surrogatepass"))
