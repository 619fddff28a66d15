"""The published schema of `report/1`: real documents conform to it and it tells every key."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.unit.verify.reports import finding, hostile, report, schema, texts

from mooring.verify import rules
from mooring.verify.report.json_report import json_text, tier_of
from mooring.verify.report.model import Report

ROOT = Path(__file__).resolve().parents[3]


def errors(document: object) -> list[str]:
    checker = Draft202012Validator.FORMAT_CHECKER
    found = Draft202012Validator(schema(), format_checker=checker).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


def undescribed(value: object, part: dict[str, Any], at: str = "$") -> Iterator[str]:
    """Yield the keys of a document that the schema does not name."""
    if "$ref" in part:
        part = schema()["$defs"][part["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        for key, each in value.items():
            if key in part["properties"]:
                yield from undescribed(each, part["properties"][key], f"{at}.{key}")
            else:
                yield f"{at}.{key}"
    elif isinstance(value, list):
        for each in value:
            yield from undescribed(each, part["items"], f"{at}[]")


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "document",
    [report(), report(started=None), report(finding("alpha", "a.py"), finding(None)), hostile()],
    ids=["clean", "untimed", "drifted", "hostile"],
)
def test_documents_conform(document: Report) -> None:
    written = json.loads(json_text(document))
    assert errors(written) == []
    assert list(undescribed(written, schema())) == []


@pytest.mark.parametrize("key", ["schema", "clean", "counts", "findings", "packages"])
def test_a_document_without_a_key_does_not_conform(key: str) -> None:
    written = json.loads(json_text(report()))
    del written[key]
    assert errors(written)


def test_wrong_values_do_not_conform() -> None:
    written = json.loads(json_text(report(finding("alpha", "a.py"))))
    written["findings"][0] |= {"rule": "X", "severity": "bad", "fingerprint": "1", "lock_line": 0}
    written["schema"] = "report/2"
    assert len(errors(written)) == 5


def test_hostile_texts_are_fit_to_be_shown() -> None:
    text = json_text(hostile())
    text.encode("utf-8")
    for value in texts(json.loads(text)):
        assert value.isprintable()
        assert len(value) < 1000


def test_lines_and_packages() -> None:
    lines = {("alpha", None): 7, ("alpha", "1.0"): 19, ("beta", None): 30, ("stray", None): 99}
    rows = report(finding("beta"), finding("stray", rule=rules.EXTRA), lines=lines)["packages"]
    assert [(r["name"], r["locked"], r["status"], r["lock_line"]) for r in rows] == [
        ("alpha", True, "ok", 19),
        ("beta", True, "drift", 30),
        ("stray", False, "drift", None),
    ]


def test_accepted_findings_are_counted_and_fail_nothing() -> None:
    document = report(
        finding("alpha", "a", suppressed_by="known"), finding("alpha", "b", baselined=True)
    )
    assert document["clean"]
    assert document["counts"]["suppressed"] == 1
    assert document["counts"]["baselined"] == 1
    assert [row["suppressed_by"] for row in document["findings"]] == ["known", None]


def test_tiers_of_rules() -> None:
    assert tier_of("MOR115") == "T0"
    assert tier_of("MOR101") == "T1"
    assert tier_of("MOR107") == "T2"
    assert tier_of("MOR106") == "T3"
    assert tier_of("MOR112") == "T4"


def test_the_schema_is_in_the_wheel_and_in_the_documentation() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    assert "src/mooring" in packed
    page = (ROOT / "docs" / "reference" / "verify-report.md").read_text(encoding="utf-8")
    assert "report-1.schema.json" in page
    described = {*schema()["properties"], *schema()["$defs"]["finding"]["properties"]}
    assert [key for key in sorted(described) if f"`{key}`" not in page] == []
