"""SARIF: valid by the standard, pointing into the repository, within code scanning's limits."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, Draft202012Validator
from tests.unit.verify.reports import HOSTILE, finding, hostile, report, texts

from mooring.verify import rules
from mooring.verify.report.model import Report
from mooring.verify.report.sarif import MAX_RESULTS, SOURCE, help_uri, sarif_text

ROOT = Path(__file__).resolve().parents[3]

MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
URI = {"type": "string", "pattern": r"^[A-Za-z0-9%/._~:@!$&'()*+,;=#-]+$"}


def closed(required: str, **properties: object) -> dict[str, object]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def listed(item: object, **more: object) -> dict[str, object]:
    return {"type": "array", "items": item, **more}


# What SARIF 2.1.0 says of the properties that we write; a property that is not here fails.
PART_OF_SARIF = closed(
    "$schema version runs",
    **{"$schema": URI},
    version={"const": "2.1.0"},
    runs=listed(
        closed(
            "tool results",
            tool=closed(
                "driver",
                driver=closed(
                    "name rules",
                    name={"type": "string"},
                    version={"type": "string"},
                    informationUri=URI,
                    rules=listed(
                        closed(
                            "id",
                            id={"type": "string"},
                            name={"type": "string"},
                            shortDescription=MESSAGE,
                            fullDescription=MESSAGE,
                            help=MESSAGE,
                            helpUri=URI,
                            defaultConfiguration=closed("level", level=LEVEL),
                            properties={
                                "type": "object",
                                "properties": {
                                    "tags": listed(
                                        {"type": "string"}, maxItems=20, uniqueItems=True
                                    )
                                },
                            },
                        ),
                        uniqueItems=True,
                    ),
                ),
            ),
            invocations=listed(
                closed(
                    "executionSuccessful",
                    executionSuccessful={"type": "boolean"},
                    startTimeUtc={"type": "string", "format": "date-time"},
                    endTimeUtc={"type": "string", "format": "date-time"},
                    toolExecutionNotifications=listed(
                        closed("message", message=MESSAGE, level=LEVEL)
                    ),
                )
            ),
            results=listed(
                closed(
                    "ruleId message locations partialFingerprints",
                    ruleId={"type": "string"},
                    ruleIndex={"type": "integer", "minimum": -1},
                    level=LEVEL,
                    message=MESSAGE,
                    locations=listed(
                        closed(
                            "physicalLocation",
                            physicalLocation=closed(
                                "artifactLocation region",
                                artifactLocation=closed(
                                    "uri", uri=URI, uriBaseId={"type": "string"}
                                ),
                                region=closed(
                                    "startLine", startLine={"type": "integer", "minimum": 1}
                                ),
                            ),
                            logicalLocations=listed(
                                closed(
                                    "name",
                                    name={"type": "string"},
                                    fullyQualifiedName={"type": "string"},
                                    kind={"type": "string"},
                                ),
                                uniqueItems=True,
                            ),
                        )
                    ),
                    partialFingerprints={
                        "type": "object",
                        "additionalProperties": {"type": "string"},
                    },
                    suppressions=listed(
                        closed(
                            "kind",
                            kind={"enum": ["inSource", "external"]},
                            status={"enum": ["accepted", "underReview", "rejected"]},
                            justification={"type": "string"},
                        ),
                        uniqueItems=True,
                    ),
                    properties={"type": "object"},
                )
            ),
        )
    ),
)

DOCUMENTS = {
    "clean": report(),
    "untimed": report(finding("alpha", "a.py"), started=None),
    "every rule": report(*(finding("alpha", "x/y.py", rule=rule) for rule in rules.RULES)),
    "hostile": hostile(),
}


def run(document: Report, **more: Any) -> Any:
    return json.loads(sarif_text(document, **more))["runs"][0]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_we_write_is_sarif(name: str) -> None:
    log = json.loads(sarif_text(DOCUMENTS[name]))
    checker = Draft202012Validator.FORMAT_CHECKER
    found = Draft202012Validator(PART_OF_SARIF, format_checker=checker).iter_errors(log)
    assert [f"{error.json_path}: {error.message}" for error in found] == []


@pytest.mark.skipif("SARIF_SCHEMA" not in os.environ, reason="SARIF_SCHEMA names no schema file")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_official_schema_accepts_it(name: str) -> None:
    schema = json.loads(Path(os.environ["SARIF_SCHEMA"]).read_text(encoding="utf-8"))
    log = json.loads(sarif_text(DOCUMENTS[name]))
    found = Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER).iter_errors(log)
    assert [f"{error.json_path}: {error.message}" for error in found] == []


def test_a_result_points_at_the_line_in_the_lock_file() -> None:
    document = report(
        finding("beta", "lib/python3.11/site-packages/beta.py"),
        lines={("beta", None): 42},
        path="services/a b/pylock.toml",
    )
    [result] = run(document)["results"]
    [location] = result["locations"]
    physical = location["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "services/a%20b/pylock.toml"
    assert physical["region"] == {"startLine": 42}
    [logical] = location["logicalLocations"]
    assert logical["name"] == "beta.py"
    assert logical["fullyQualifiedName"] == ("/project/.venv/lib/python3.11/site-packages/beta.py")
    assert result["partialFingerprints"]["mooring/v1"] == (
        document["findings"][0]["fingerprint"].removeprefix("sha256:")
    )
    assert result["level"] == "error"
    assert "Fix: mooring sync .venv" in result["message"]["text"]


def test_what_concerns_no_line_points_at_the_first() -> None:
    [result] = run(report(finding(None, rule=rules.PYTHON)))["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}
    assert "logicalLocations" not in result["locations"][0]


def test_rules_have_pages() -> None:
    described = run(report())["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in described] == [rule.id for rule in rules.RULES]
    for rule in described:
        assert rule["helpUri"] == help_uri(rule["id"])
        page = rule["helpUri"].removeprefix(f"{SOURCE}/blob/main/")
        assert (ROOT / page).is_file(), page
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["urls"]["Source"] == SOURCE


def test_results_name_their_rule() -> None:
    found = run(DOCUMENTS["every rule"])
    described = found["tool"]["driver"]["rules"]
    for result in found["results"]:
        assert described[result["ruleIndex"]]["id"] == result["ruleId"]


def test_accepted_findings_are_suppressed() -> None:
    results = run(
        report(
            finding("alpha", "a", suppressed_by="patched on purpose"),
            finding("alpha", "b", baselined=True),
            finding("alpha", "c"),
        )
    )["results"]
    assert "suppressions" not in results[0]
    assert [r["suppressions"][0]["justification"] for r in results[1:]] == [
        "patched on purpose",
        "it is in the baseline",
    ]


def test_too_many_results_are_cut_and_counted() -> None:
    assert MAX_RESULTS == 25_000
    mild = [finding("alpha", f"{n}.py", rule=rules.EDITABLE) for n in range(20)]
    found = run(report(*mild, finding("beta", "last.py")), most=5)
    assert len(found["results"]) == 5
    assert found["results"][0]["ruleId"] == "MOR106"
    [note] = found["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("16 results left out")


def test_times() -> None:
    [invocation] = run(report())["invocations"]
    assert invocation["startTimeUtc"] == "2026-01-02T03:04:05Z"
    assert invocation["endTimeUtc"] == "2026-01-02T03:04:06.250Z"


def test_hostile_texts() -> None:
    text = sarif_text(hostile())
    text.encode("utf-8")
    found = json.loads(text)["runs"][0]
    assert len(found["results"]) == 2 * len(HOSTILE)
    assert all(value.isprintable() for value in texts(found))
    assert all(len(value) < 5000 for value in texts(found))
    [linked] = [r for r in found["results"] if "@team" in r["message"]["text"]][:1]
    assert "\\[x\\](y)" in linked["message"]["text"]


def test_the_same_report_gives_the_same_bytes() -> None:
    assert sarif_text(hostile()) == sarif_text(hostile())
