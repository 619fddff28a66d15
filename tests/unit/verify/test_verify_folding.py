"""Findings beyond a sensible number become one that counts them; nothing that fails hides in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from mooring.manifest.model import IgnoreEntry, VerifyPolicy
from mooring.verify import rules
from mooring.verify.findings import Finding, Verification, fingerprint
from mooring.verify.folding import MOST_OF_PACKAGE, MOST_OF_RULE, folded
from mooring.verify.policy import Terms, judge
from mooring.verify.report.table import summary, table


def gone(number: int, package: str = "alpha") -> Iterator[Finding]:
    for n in range(number):
        yield Finding(rule=rules.REMOVED, message="gone", package=package, path=f"{package}/{n}.py")


def entry(**values: str) -> IgnoreEntry:
    return IgnoreEntry(reason="known", where="ignore[0]", **values)  # type: ignore[arg-type]


def judged(findings: list[Finding], *ignore: IgnoreEntry) -> Verification:
    verification = Verification(
        findings=tuple(findings), packages=1, checked_files=0, checked_bytes=0, failing=()
    )
    return judge(verification, VerifyPolicy(ignore=ignore), Terms(today=date(2026, 1, 1)))


def test_as_many_as_are_told_one_by_one() -> None:
    findings = list(gone(MOST_OF_PACKAGE))
    assert folded(findings, ()) == findings


def test_one_more_is_still_itself() -> None:
    findings = list(gone(MOST_OF_PACKAGE + 1))
    assert folded(findings, ()) == findings


def test_the_others_are_counted() -> None:
    findings = folded(gone(90_000), ())
    assert len(findings) == MOST_OF_PACKAGE + 1
    last = findings[-1]
    assert (last.count, last.package, last.path) == (89_000, "alpha", None)
    assert last.rule == rules.REMOVED
    assert "89,000 more" in last.message
    assert sum(finding.count for finding in findings) == 90_000


def test_rules_and_packages_are_counted_apart() -> None:
    stray = Finding(rule=rules.STRAY, message="stray", path="x")
    findings = folded([*gone(1_500), *gone(1_500, "beta"), *[stray] * 1_200], ())
    several = {(f.rule.id, f.package): f.count for f in findings if f.count > 1}
    assert several == {
        (rules.REMOVED.id, "alpha"): 500,
        (rules.REMOVED.id, "beta"): 500,
        (rules.STRAY.id, None): 200,
    }


def test_many_packages_are_counted_together() -> None:
    extra = (Finding(rule=rules.EXTRA, message="extra", package=f"p{n}") for n in range(100_000))
    findings = folded(extra, (entry(package="p99999"),))
    assert len(findings) == MOST_OF_RULE + 2
    assert {f.count for f in findings} == {1, 100_000 - MOST_OF_RULE - 1}


def test_what_an_entry_accepts_is_counted_apart() -> None:
    """Tests are often left out of images: more than a thousand of them, and one real loss."""
    tests = entry(path="alpha/tests/*")
    pruned = [
        Finding(rule=rules.REMOVED, message="gone", package="alpha", path=f"alpha/tests/{n}.py")
        for n in range(3_000)
    ]
    verification = judged(folded(pruned, (tests,)), tests)
    assert verification.clean
    assert sum(f.count for f in verification.findings) == 3_000
    lost = Finding(rule=rules.REMOVED, message="gone", package="alpha", path="alpha/api.py")
    verification = judged(folded([*pruned, lost], (tests,)), tests)
    assert [finding.path for finding in verification.failing] == ["alpha/api.py"]


def test_the_number_is_part_of_the_fingerprint() -> None:
    [*_, before], [*_, after] = folded(gone(2_000), ()), folded(gone(2_001), ())
    assert fingerprint(before) != fingerprint(after)
    assert fingerprint(before) == fingerprint(folded(gone(2_000), ())[-1])


def test_the_table_tells_the_number() -> None:
    verification = judged(folded(gone(90_000), ()))
    assert "90,000 errors" in summary(verification)
    assert table(verification).rows[-1].message == "and 89,990 more findings"
