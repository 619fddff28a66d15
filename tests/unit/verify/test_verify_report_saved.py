"""A saved JSON report read again: the same document, or an error that names the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.verify.reports import finding, hostile, report

from mooring.errors import InputError
from mooring.verify import rules
from mooring.verify.report.formats import FORMATS, render
from mooring.verify.report.json_report import json_text
from mooring.verify.report.saved import parse_report

DRIFTED = report(finding("alpha", "a.py", count=3), finding(None, rule=rules.STRAY))


@pytest.mark.parametrize("document", [report(), report(started=None), DRIFTED])
def test_a_report_comes_back(document: Any) -> None:
    assert parse_report(json_text(document), "x") == document


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_made_from_it(form: Any) -> None:
    assert render(parse_report(json_text(DRIFTED), "x"), form) == render(DRIFTED, form)


@pytest.mark.parametrize("form", FORMATS)
def test_a_hostile_one_is_rendered(form: Any) -> None:
    assert render(parse_report(json_text(hostile()), "x"), form).encode()


def test_an_older_one_means_what_it_meant() -> None:
    old = json.loads(json_text(DRIFTED))
    del old["repair"]
    for row in old["findings"]:
        del row["count"]
    old["novelty"] = 1
    read = parse_report(json.dumps(old), "x")
    assert read["repair"] is None
    assert [row["count"] for row in read["findings"]] == [1, 1]
    assert "novelty" not in read


def _set(*path: str | int, to: object) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (_set("findings", 0, "rule", to="../../x"), "x: findings[0].rule"),
        (_set("findings", 0, "rule", to=None), "x: findings[0].rule"),
        (_set("findings", 0, "failing", to=1), "x: findings[0].failing"),
        (_set("findings", 0, "severity", to="fatal"), "x: findings[0].severity"),
        (_set("findings", 0, "fingerprint", to="sha256:"), "x: findings[0].fingerprint"),
        (_set("findings", 0, "count", to=-1), "x: findings[0].count"),
        (_set("findings", to={}), "x: findings"),
        (_set("started", to="yesterday"), "x: started"),
        (_set("duration_s", to=1e300), "x: duration_s"),
        (_set("tiers", to={"T0": "done"}), "x: tiers"),
        (_set("tiers", "T9", to="done"), "x: tiers"),
        (_set("target", to=[]), "x: target"),
        (_set("repair", to={}), "x: repair.reinstalled"),
        (_set("schema", to="report/2"), "x"),
    ],
)
def test_what_is_refused(change: Callable[[Any], None], place: str) -> None:
    document = json.loads(json_text(DRIFTED))
    change(document)
    with pytest.raises(InputError) as caught:
        parse_report(json.dumps(document), "x")
    assert caught.value.where == place


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"schema": NaN}'])
def test_what_is_no_report(text: str) -> None:
    with pytest.raises(InputError):
        parse_report(text, "x")


def test_lone_surrogates_do_not_come_through() -> None:
    text = json_text(DRIFTED).replace("the content differs", "\\ud800")
    assert render(parse_report(text, "x"), "json").encode("utf-8")
