"""A baseline is a saved report, and nothing that only looks like one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mooring.errors import InputError
from mooring.verify.baseline import parse_baseline, read_baseline

ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64


def report(*findings: object, **values: object) -> str:
    return json.dumps(
        {"schema": "report/1", "command": "verify", "findings": list(findings), **values}
    )


def test_the_fingerprints() -> None:
    text = report({"fingerprint": ONE, "rule": "MOR106"}, {"fingerprint": TWO}, more=1)
    assert parse_baseline(text, "b.json") == {ONE, TWO}
    assert parse_baseline(report(), "b.json") == frozenset()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "b.json: not valid JSON"),
        ("[" * 100_000, "b.json: not valid JSON"),
        ("[]", "b.json: this is no report of the schema report/1"),
        (report(schema="report/2"), "this is no report of the schema report/1"),
        (report(schema=["report/1"]), "this is no report of the schema report/1"),
        (report(command="lock"), "b.json: command: this is no report of a verification"),
        (report(findings={}), "b.json: findings: expected a list"),
        (report(1), "b.json: findings[0]: the finding has no fingerprint"),
        (report({"fingerprint": ONE}, {}), "b.json: findings[1]: the finding has no fingerprint"),
        (report({"fingerprint": ONE + "\n"}), "findings[0]: the finding has no fingerprint"),
        (report({"fingerprint": 1}), "findings[0]: the finding has no fingerprint"),
    ],
)
def test_anything_else_is_wrong_input(text: str, wanted: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_baseline(text, "b.json")
    assert wanted in str(caught.value)
    assert caught.value.exit_code == 2


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_baseline(tmp_path / "absent.json")
