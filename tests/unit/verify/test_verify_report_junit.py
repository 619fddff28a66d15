"""JUnit XML: a suite a tier, a case a package, and XML whatever the target says."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tests.unit.verify.reports import HOSTILE, finding, hostile, report

from mooring.verify import rules
from mooring.verify.report.junit import MOST_LINES, junit_text
from mooring.verify.report.model import Report


def suites(document: Report) -> dict[str, dict[str, str]]:
    """Return suite to case to outcome."""
    root = ET.fromstring(junit_text(document))
    assert root.tag == "testsuites"
    return {
        suite.attrib["name"]: {
            case.attrib["name"]: next(
                (e.tag for e in case if e.tag in ("failure", "error", "skipped")), "passed"
            )
            for case in suite
        }
        for suite in root
    }


def test_a_suite_for_each_tier_that_was_looked_at() -> None:
    passed = {"alpha": "passed", "beta": "passed"}
    assert suites(report()) == {"T1 metadata": passed, "T2 files": passed, "T3 contents": passed}


def test_outcomes() -> None:
    document = report(
        finding("alpha", "a.py"),
        finding("alpha", "b.py", suppressed_by="known"),
        finding("alpha", rule=rules.UNVERIFIABLE),
        finding("beta", "c.py", baselined=True),
        finding("beta", "d.py", rule=rules.EDITABLE),
        finding("gamma", rule=rules.EXTRA),
        finding(None, rule=rules.PYTHON),
    )
    assert suites(document) == {
        "T0 facts": {"(environment)": "failure"},
        "T1 metadata": {"alpha": "error", "beta": "passed", "gamma": "failure"},
        "T2 files": {"alpha": "passed", "beta": "passed"},
        "T3 contents": {"alpha": "failure", "beta": "skipped"},
    }


def test_what_was_not_looked_at_does_not_pass() -> None:
    document = report(
        finding("alpha", rule=rules.MISSING),
        finding("beta", rule=rules.UNVERIFIABLE),
        names=("alpha", "beta", "gamma"),
    )
    assert suites(document) == {
        "T1 metadata": {"alpha": "failure", "beta": "error", "gamma": "passed"},
        "T2 files": {"gamma": "passed"},
        "T3 contents": {"gamma": "passed"},
    }


def test_counts_and_times() -> None:
    document = report(finding("alpha", "a.py"), finding("beta", "b.py", suppressed_by="known"))
    root = ET.fromstring(junit_text(document))
    counted = {key: root.attrib[key] for key in ("tests", "failures", "errors", "skipped")}
    assert counted == {"tests": "6", "failures": "1", "errors": "0", "skipped": "1"}
    assert root.attrib["time"] == "1.250"
    for suite in root:
        assert suite.attrib["tests"] == str(len(suite))
        assert suite.attrib["timestamp"] == "2026-01-02T03:04:05Z"
        names = [(case.attrib["classname"], case.attrib["name"]) for case in suite]
        assert len(set(names)) == len(names)
    [failure] = root.iter("failure")
    assert failure.attrib["type"] == "MOR106"
    assert "alpha: the content differs (a.py)" in failure.attrib["message"]
    assert failure.text is not None
    assert "fix: mooring sync .venv" in failure.text
    [skipped] = root.iter("skipped")
    assert "accepted: known" in skipped.attrib["message"]


def test_a_package_of_many_files_is_cut() -> None:
    document = report(*(finding("alpha", f"{n}.py") for n in range(MOST_LINES + 1234)))
    [failure] = ET.fromstring(junit_text(document)).iter("failure")
    assert failure.text is not None
    assert failure.text.endswith("and 1,234 more")


def test_hostile_texts_stay_texts() -> None:
    text = junit_text(hostile())
    text.encode("utf-8")
    root = ET.fromstring(text)
    assert {element.tag for element in root.iter()} <= {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "error",
        "skipped",
        "system-out",
    }
    said = [e.text or "" for e in root.iter()] + [v for e in root.iter() for v in e.attrib.values()]
    assert any("a]]>b" in each for each in said)
    assert any("<script>" in each for each in said)
    assert any(r"esc\x1b[31mred" in each for each in said)
    assert all(c.isprintable() or c == "\n" for each in said for c in each)
    # A newline of the target begins no line of ours.
    assert not any(line.startswith("break") for each in said for line in each.split("\n"))
    assert len(text) < 3000 * len(HOSTILE) * 10
