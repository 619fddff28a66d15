"""Which findings fail: presets, ignore entries, a baseline; nothing checked is never green."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.environments import install, locked, make_venv, verify

from mooring.errors import InputProblems
from mooring.manifest.model import IgnoreEntry, VerifyPolicy
from mooring.verify import rules
from mooring.verify.findings import Finding, Verification, fingerprint
from mooring.verify.policy import Terms, judge
from mooring.verify.report.table import table

TODAY = date(2026, 11, 20)
TERMS = Terms(today=TODAY)
MODIFIED = Finding(
    rule=rules.MODIFIED, message="differs", package="alpha", path="lib/site/alpha/a.py"
)
EXTRA = Finding(rule=rules.EXTRA, message="extra", package="stray")
EDITABLE = Finding(rule=rules.EDITABLE, message="editable", package="mine")
ORIGIN = Finding(rule=rules.ORIGIN, message="elsewhere", package="mine")
UNKNOWN = Finding(rule=rules.UNVERIFIABLE, message="no RECORD", package="beta")


def compared(*findings: Finding, packages: int = 3) -> Verification:
    return Verification(
        findings=findings, packages=packages, checked_files=9, checked_bytes=99, failing=findings
    )


def entry(**values: Any) -> IgnoreEntry:
    return IgnoreEntry(reason="known", where="mooring.toml: verify.ignore[0]", **values)


def failing(result: Verification) -> list[str]:
    return [finding.rule.id for finding in result.failing]


def ids(result: Verification) -> list[str]:
    return [finding.rule.id for finding in result.findings]


def test_severities_decide() -> None:
    everything = compared(MODIFIED, EXTRA, EDITABLE, UNKNOWN)
    assert failing(judge(everything, VerifyPolicy(), TERMS)) == ["MOR106", "MOR109", "MOR102"]
    strict = judge(everything, VerifyPolicy(), replace(TERMS, strict=True))
    assert failing(strict) == ["MOR106", "MOR109", "MOR113", "MOR102"]
    declared = VerifyPolicy(preset="prod", fail_on="warning")
    assert failing(judge(everything, declared, TERMS)) == failing(strict)


def test_strict_leaves_a_lower_threshold_alone() -> None:
    note = Finding(rule=rules.EXTRA.at("info"), message="seed", package="pip")
    policy = VerifyPolicy(fail_on="info")
    assert failing(judge(compared(note), policy, replace(TERMS, strict=True))) == ["MOR102"]


def test_dev_lets_extras_and_editable_installs_pass() -> None:
    result = judge(compared(EXTRA, EDITABLE, ORIGIN), VerifyPolicy(preset="dev"), TERMS)
    assert result.clean
    assert {f.rule.id: f.rule.severity for f in result.findings} == {
        "MOR102": "warning",
        "MOR113": "info",
        "MOR105": "info",
    }


def test_dev_forgives_the_origin_of_editable_installs_only() -> None:
    other = replace(ORIGIN, package="other")
    result = judge(compared(EDITABLE, other, UNKNOWN), VerifyPolicy(preset="dev"), TERMS)
    assert failing(result) == ["MOR109", "MOR105"]


@pytest.mark.parametrize(
    "given",
    [
        {"rule": "MOR106"},
        {"package": "alpha"},
        {"path": "*/alpha/*.py"},
        {"path": "lib/site/alpha/a.py"},
        {"rule": "MOR106", "package": "alpha", "path": "lib/*"},
        {"rule": "MOR106", "expires": TODAY},
    ],
)
def test_an_entry_suppresses_and_the_finding_stays(given: dict[str, object]) -> None:
    result = judge(compared(MODIFIED), VerifyPolicy(ignore=(entry(**given),)), TERMS)
    assert result.clean
    assert ids(result) == ["MOR106"]
    assert result.findings[0].suppressed_by == "known"


@pytest.mark.parametrize(
    "given",
    [
        {"rule": "MOR107"},
        {"package": "alph"},
        {"path": "alpha/*.py"},
        {"path": "*/ALPHA/*"},
        {"rule": "MOR106", "package": "beta"},
    ],
)
def test_an_entry_that_matches_nothing_is_a_note(given: dict[str, object]) -> None:
    result = judge(compared(MODIFIED), VerifyPolicy(ignore=(entry(**given),)), TERMS)
    assert failing(result) == ["MOR106"]
    assert ids(result) == ["MOR191", "MOR106"]
    assert result.findings[0].rule.severity == "info"
    assert "mooring.toml: verify.ignore[0] matches nothing: known" in result.findings[0].message


def test_a_pattern_matches_no_finding_without_a_path() -> None:
    result = judge(compared(EXTRA), VerifyPolicy(ignore=(entry(path="*"),)), TERMS)
    assert failing(result) == ["MOR102"]


def test_an_expired_entry_suppresses_no_longer() -> None:
    old = entry(rule="MOR106", expires=date(2026, 11, 19))
    result = judge(compared(MODIFIED), VerifyPolicy(ignore=(old,)), TERMS)
    assert ids(result) == ["MOR190", "MOR106"]
    assert failing(result) == ["MOR106"]
    assert result.findings[0].rule.severity == "warning"
    strict = judge(compared(MODIFIED), VerifyPolicy(ignore=(old,)), replace(TERMS, strict=True))
    assert failing(strict) == ["MOR190", "MOR106"]


def test_strict_wants_an_end_of_every_entry() -> None:
    policy = VerifyPolicy(ignore=(entry(rule="MOR106"), entry(package="x", expires=TODAY)))
    with pytest.raises(InputProblems) as caught:
        judge(compared(MODIFIED), policy, replace(TERMS, strict=True))
    (problem,) = caught.value.problems
    assert problem.where == "mooring.toml: verify.ignore[0]"


def test_an_unknown_rule_is_an_error() -> None:
    with pytest.raises(InputProblems, match="there is no rule MOR999"):
        judge(compared(), VerifyPolicy(ignore=(entry(rule="MOR999"),)), TERMS)


def test_a_baseline_lets_known_findings_pass_and_new_ones_fail() -> None:
    terms = replace(TERMS, baseline=frozenset({fingerprint(MODIFIED)}))
    result = judge(compared(MODIFIED, EXTRA), VerifyPolicy(), terms)
    assert failing(result) == ["MOR102"]
    assert [finding.baselined for finding in result.findings] == [True, False]


def test_nothing_checked_is_never_green() -> None:
    for policy in (VerifyPolicy(), VerifyPolicy(preset="dev"), VerifyPolicy(preset="prod")):
        result = judge(compared(packages=0), policy, TERMS)
        assert failing(result) == ["MOR192"]
    gone = Finding(rule=rules.MISSING, message="gone", package="alpha")
    ignored = VerifyPolicy(ignore=(entry(rule="MOR101"), entry(rule="MOR192")))
    terms = replace(TERMS, baseline=frozenset({fingerprint(gone)}))
    assert failing(judge(compared(gone, packages=0), ignored, terms)) == ["MOR192"]
    assert failing(judge(compared(gone, packages=0), VerifyPolicy(), TERMS)) == ["MOR101"]


@pytest.mark.parametrize("preset", ["dev", "ci", "prod"])
def test_judging_twice_is_judging_once(preset: str) -> None:
    policy = VerifyPolicy(
        preset=preset,  # type: ignore[arg-type]
        ignore=(
            entry(rule="MOR106", expires=TODAY),
            entry(rule="MOR107", expires=TODAY),
            entry(package="x", expires=date(2020, 1, 1)),
        ),
    )
    terms = replace(TERMS, baseline=frozenset({fingerprint(EXTRA)}))
    first = judge(compared(MODIFIED, EXTRA, EDITABLE, ORIGIN, UNKNOWN), policy, terms)
    assert judge(first, policy, terms) == first
    again = judge(first, policy, TERMS)
    assert not any(finding.baselined for finding in again.findings)


def test_it_agrees_with_the_comparison(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "alpha")
    install(site, "stray")
    (site / "alpha" / "__init__.py").write_bytes(b"")
    result = verify(tmp_path, locked("alpha"), locked("gone"))
    assert judge(result, VerifyPolicy(), TERMS) == result


def test_the_table_tells_what_is_accepted_and_counts_it_apart() -> None:
    terms = replace(TERMS, baseline=frozenset({fingerprint(EXTRA)}))
    policy = VerifyPolicy(ignore=(entry(rule="MOR106"),))
    gone = Finding(rule=rules.REMOVED, message="gone", package="alpha", path="a.py")
    shown = table(judge(compared(MODIFIED, EXTRA, gone), policy, terms))
    assert [(row.rule, row.message, row.failing) for row in shown.rows] == [
        ("MOR107", "gone", True),
        ("MOR106", "differs (accepted: known)", False),
        ("MOR102", "extra (accepted: it is in the baseline)", False),
    ]
    assert shown.summary == "3 packages and 9 files compared: 1 error, 2 accepted in 1 package"
