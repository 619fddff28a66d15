"""Which findings fail: severities, ignore entries, a baseline, and nothing green by default."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase

from mooring.errors import Problem, raise_problems
from mooring.manifest.model import IgnoreEntry, VerifyPolicy
from mooring.verify import rules
from mooring.verify.findings import SEVERITIES, Finding, Severity, Verification, fingerprint

_OWN = frozenset({rules.EXPIRED.id, rules.UNUSED.id, rules.NOTHING.id})
"""Findings about the policy itself; no entry and no baseline accepts them."""

# What an editable install contradicts by its nature: where it comes from, and as what.
_EDITABLE = frozenset({rules.EDITABLE.id, rules.ORIGIN.id, rules.ARTIFACT.id, rules.COMMIT.id})


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What one run asks beyond the declared policy.

    Attributes:
        today: Decides which ignore entries have expired.
        strict: Warnings fail as well, and every ignore entry must expire.
        baseline: Fingerprints of findings that do not fail.
    """

    today: date
    strict: bool = False
    baseline: frozenset[str] = frozenset()


def judge(verification: Verification, policy: VerifyPolicy, terms: Terms) -> Verification:
    """Decide anew which findings of a comparison fail; judging twice is judging once.

    Suppressed and baselined findings stay among the findings.

    Raises:
        InputError: An ignore entry names an unknown rule, or has no end although it is strict.
    """
    _check_entries(policy.ignore, strict=policy.strict or terms.strict)
    active = [entry for entry in policy.ignore if not _expired(entry, terms.today)]
    findings = [
        _accepted(finding, active, terms.baseline)
        for finding in _at_severity(_compared(verification), policy)
    ]
    findings += _notes(policy.ignore, findings, terms.today)
    fail_on = _fail_on(policy, terms)
    if verification.packages == 0 and not any(_fails(finding, fail_on) for finding in findings):
        findings.append(Finding(rule=rules.NOTHING, message="no package was compared"))
    ordered = tuple(sorted(findings, key=_order))
    return replace(
        verification,
        findings=ordered,
        failing=tuple(finding for finding in ordered if _fails(finding, fail_on)),
    )


def about_policy(finding: Finding) -> bool:
    """Whether a finding concerns the policy and not the environment."""
    return finding.rule.id in _OWN


def _compared(verification: Verification) -> list[Finding]:
    """Return the findings of the comparison, as they were before any judgement."""
    return [
        replace(finding, suppressed_by=None, baselined=False)
        for finding in verification.findings
        if not about_policy(finding)
    ]


def _at_severity(findings: Sequence[Finding], policy: VerifyPolicy) -> Iterator[Finding]:
    """Yield the findings with the severities of the preset."""
    if policy.preset != "dev":
        yield from findings
        return
    editable = {f.package for f in findings if f.rule.id == rules.EDITABLE.id}
    for finding in findings:
        rule = finding.rule
        if rule.id == rules.EXTRA.id and rule.severity == "error":
            yield replace(finding, rule=rule.at("warning"))
        elif finding.package in editable and rule.id in _EDITABLE:
            yield replace(finding, rule=rule.at("info"))
        else:
            yield finding


def _accepted(finding: Finding, active: Iterable[IgnoreEntry], baseline: frozenset[str]) -> Finding:
    entry = next((entry for entry in active if matches(entry, finding)), None)
    return replace(
        finding,
        suppressed_by=entry.reason if entry else None,
        baselined=bool(baseline) and fingerprint(finding) in baseline,
    )


def matches(entry: IgnoreEntry, finding: Finding) -> bool:
    """Whether an ignore entry is about a finding."""
    return (
        entry.rule in (None, finding.rule.id)
        and entry.package in (None, finding.package)
        and (entry.path is None or (finding.path is not None and _like(finding.path, entry.path)))
    )


def _like(path: str, pattern: str) -> bool:
    """Match as a shell does, but `*` takes `/` as well."""
    return fnmatchcase(path, pattern)


def _notes(
    entries: Iterable[IgnoreEntry], findings: Sequence[Finding], today: date
) -> list[Finding]:
    notes = []
    for entry in entries:
        if _expired(entry, today):
            notes.append(
                Finding(
                    rule=rules.EXPIRED,
                    message=f"{entry.where} has expired: {entry.reason}",
                    expected=f"until {entry.expires}",
                    actual=str(today),
                    fix=f"decide anew about {entry.where}: remove it, or set another `expires`",
                )
            )
        elif not any(matches(entry, finding) for finding in findings):
            notes.append(
                Finding(
                    rule=rules.UNUSED,
                    message=f"{entry.where} matches nothing: {entry.reason}",
                    fix=f"remove {entry.where}",
                )
            )
    return notes


def _expired(entry: IgnoreEntry, today: date) -> bool:
    return entry.expires is not None and entry.expires < today


def _check_entries(entries: Iterable[IgnoreEntry], *, strict: bool) -> None:
    known = {rule.id for rule in rules.RULES}
    problems = []
    for entry in entries:
        if entry.rule is not None and entry.rule not in known:
            problems.append(
                Problem(
                    where=f"{entry.where}.rule",
                    message=f"there is no rule {entry.rule}",
                    hint="the rules are told in docs/reference/rules.md",
                )
            )
        if strict and entry.expires is None:
            problems.append(
                Problem(
                    where=entry.where,
                    message="what is ignored must have an end when verification is strict",
                    hint="write expires = 2030-01-31",
                )
            )
    raise_problems(problems)


def _fail_on(policy: VerifyPolicy, terms: Terms) -> Severity:
    return "warning" if terms.strict and policy.fail_on == "error" else policy.fail_on


def _fails(finding: Finding, fail_on: Severity) -> bool:
    if finding.suppressed_by is not None or finding.baselined:
        return False
    rule = finding.rule
    strictly = rule.unverifiable and not rule.lenient
    return strictly or SEVERITIES.index(rule.severity) >= SEVERITIES.index(fail_on)


def _order(finding: Finding) -> tuple[str, str, bool, str, str]:
    several = finding.count > 1
    return finding.package or "", finding.rule.id, several, finding.path or "", finding.message
