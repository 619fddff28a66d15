"""Findings without number become one that counts them, so that no report is endless."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from mooring.manifest.model import IgnoreEntry
from mooring.verify.findings import Finding, Rule
from mooring.verify.policy import matches

MOST_OF_PACKAGE = 1_000
"""Findings of one rule that are told one by one for one package."""

MOST_OF_RULE = 10_000
"""Findings of one rule that are told one by one in all."""


class _Key(NamedTuple):
    """What folded findings have in common: nothing that fails hides among what is accepted."""

    rule: Rule
    package: str | None
    entries: tuple[int, ...]


def folded(findings: Iterable[Finding], ignore: Sequence[IgnoreEntry]) -> list[Finding]:
    """Return the findings; those beyond a sensible number are counted together.

    Args:
        findings: In the order in which they are made; they are not all held.
        ignore: The entries of the policy. Only what the same of them accept is counted together.
    """
    told: list[Finding] = []
    of_package: dict[tuple[str, str | None], int] = {}
    of_rule: dict[str, int] = {}
    more: dict[_Key, Finding] = {}
    for finding in findings:
        rule, package = finding.rule.id, finding.package
        of_it, in_all = of_package.get((rule, package), 0), of_rule.get(rule, 0)
        if of_it < MOST_OF_PACKAGE and in_all < MOST_OF_RULE:
            told.append(finding)
            of_package[rule, package], of_rule[rule] = of_it + 1, in_all + 1
            continue
        entries = tuple(n for n, entry in enumerate(ignore) if matches(entry, finding))
        # Beyond the second limit the package counts only where an entry may be about it.
        named = of_it >= MOST_OF_PACKAGE or any(ignore[n].package for n in entries)
        key = _Key(finding.rule, package if named else None, entries)
        first = more.get(key)
        more[key] = finding if first is None else replace(first, count=first.count + 1)
    return [*told, *(_summed(key, finding, ignore) for key, finding in more.items())]


def _summed(key: _Key, finding: Finding, ignore: Sequence[IgnoreEntry]) -> Finding:
    if finding.count == 1:
        return finding
    # The path of one of them is what an entry about paths finds them all by.
    by_path = any(ignore[number].path for number in key.entries)
    return replace(
        finding,
        message=f"{finding.count:,} more findings of this kind, which are not told one by one",
        package=key.package,
        path=finding.path if by_path else None,
        expected=None,
        actual=None,
    )
