"""Rows for a person and the `report/1` document."""

from __future__ import annotations

import json
from pathlib import Path

from tests.environments import install, locked, make_venv, record_row, selection

import mooring
from mooring.manifest.model import VerifyPolicy
from mooring.verify import rules
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare
from mooring.verify.findings import Finding, Verification, fingerprint
from mooring.verify.inventory import Inventory
from mooring.verify.report.json_report import document
from mooring.verify.report.model import LockFile
from mooring.verify.report.table import Row, rows, summary, table
from mooring.verify.tiers import QUICK


def drifted(root: Path) -> tuple[Verification, Inventory]:
    site = make_venv(root)
    install(site, "pip")
    install(site, "alpha", files={"alpha.py": b"a"})
    (site / "alpha.py").write_bytes(b"b")
    info = install(site, "beta")
    (info / "RECORD").unlink()
    install(site, "gamma")
    inventory = PathCollector(root).collect()
    chosen = selection(*map(locked, ("alpha", "beta", "gamma", "missing")))
    return compare(chosen, inventory, VerifyPolicy()), inventory


def test_table(tmp_path: Path) -> None:
    verification, _ = drifted(tmp_path)
    shown = table(verification)
    assert [(r.package, r.rule, r.severity, r.failing) for r in shown.rows] == [
        ("alpha", "MOR106", "error", True),
        ("beta", "MOR109", "warning", True),
        ("missing", "MOR101", "error", True),
        ("pip", "MOR102", "info", False),
    ]
    assert shown.rows[0].path == "lib/python3.11/site-packages/alpha.py"
    assert len(shown.rows[0].expected) == len("sha256:") + 12
    assert shown.fixes == (f"mooring sync {tmp_path}",)
    assert shown.summary == (
        "3 packages and 8 files compared: 2 errors, 1 note, 1 not verifiable in 3 packages"
    )


def test_long_groups_are_cut() -> None:
    findings = tuple(
        Finding(rule=rules.REMOVED, message="gone", package="big", path=f"{n:03}.py")
        for n in range(25)
    )
    editable = Finding(rule=rules.EDITABLE, message="editable", package="big")
    verification = Verification(
        findings=(editable, *findings),
        packages=1,
        checked_files=0,
        checked_bytes=0,
        failing=findings,
    )
    cut = rows(verification, most=3)
    assert [row.path for row in cut] == ["000.py", "001.py", "002.py", ""]
    assert cut[-1] == Row(package="big", message="and 23 more findings")
    assert len(rows(verification, most=None)) == 26


def test_a_clean_summary() -> None:
    verification = Verification(
        findings=(), packages=1, checked_files=12345, checked_bytes=0, failing=()
    )
    text = "1 package and 12,345 files compared: nothing differs"
    assert summary(verification) == text
    assert table(verification).rows == ()


def test_document(tmp_path: Path) -> None:
    verification, inventory = drifted(tmp_path)
    chosen = selection(*map(locked, ("alpha", "beta", "gamma", "missing")))
    report = document(
        verification,
        inventory,
        lock=LockFile(path="https://user:hunter2@x.example/pylock.toml"),
        selection=chosen,
        duration_s=0.5,
    )
    text = json.dumps(report)
    assert json.loads(text) == report
    assert "hunter2" not in text
    assert report["schema"] == "report/1"
    assert report["tool"] == {"name": "mooring", "version": mooring.__version__}
    assert report["clean"] is False
    assert report["counts"] == {
        "locked": 4,
        "checked": 3,
        "ok": 1,
        "drift": 2,
        "unverifiable": 1,
        "suppressed": 0,
        "baselined": 0,
        "files": 8,
        "bytes": verification.checked_bytes,
    }
    assert report["target"] == {
        "kind": "path",
        "id": str(tmp_path),
        "prefix": str(tmp_path),
        "python": "3.11.7",
        "platform": None,
    }
    assert report["tiers"] == {
        "T0": "done",
        "T1": "done",
        "T2": "done",
        "T3": "done",
        "T4": "skipped",
    }
    findings = report["findings"]
    assert isinstance(findings, list)
    assert [f["rule"] for f in findings] == ["MOR106", "MOR109", "MOR101", "MOR102"]
    assert [f["failing"] for f in findings] == [True, True, True, False]
    again = document(
        verification,
        inventory,
        lock=LockFile(path="https://user:hunter2@x.example/pylock.toml"),
        selection=chosen,
        duration_s=0.5,
    )
    assert json.dumps(again) == text


def test_skipped_contents_are_told(tmp_path: Path) -> None:
    make_venv(tmp_path)
    inventory = PathCollector(tmp_path, tiers=QUICK).collect()
    verification = compare(selection(), inventory, VerifyPolicy())
    report = document(verification, inventory, lock=LockFile(path="x"), selection=selection())
    tiers = report["tiers"]
    assert isinstance(tiers, dict)
    assert tiers["T3"] == "skipped"


def test_fingerprints_last() -> None:
    one = Finding(rule=rules.MODIFIED, message="m", package="p", path="f", actual="sha256:1")
    two = Finding(rule=rules.MODIFIED, message="n", package="p", path="f", actual="sha256:2")
    other = Finding(rule=rules.MODIFIED, message="m", package="p", path="g")
    assert fingerprint(one) == fingerprint(two) != fingerprint(other)
    # Baselines keep these: a change of how they are made is a new schema.
    assert fingerprint(one) == (
        "sha256:f8f778ffaabda4d4c61a5d42954c5e0f17bd655e3527bd0e480cba2406029a6a"
    )


def test_names_that_are_not_utf8_can_be_written(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    info = install(site, "pkg")
    with (info / "RECORD").open("ab") as record:
        record.write(record_row("caf\udce9", b"x").encode("utf-8", "surrogateescape"))
    inventory = PathCollector(tmp_path).collect()
    verification = compare(selection(locked("pkg")), inventory, VerifyPolicy())
    report = document(
        verification, inventory, lock=LockFile(path="x"), selection=selection(locked("pkg"))
    )
    json.dumps(report, ensure_ascii=False).encode("utf-8")
    assert [f.rule.id for f in verification.findings] == ["MOR107"]


def test_every_rule_has_its_own_id() -> None:
    ids = [rule.id for rule in rules.RULES]
    assert ids == sorted(set(ids))
    assert len({rule.kind for rule in rules.RULES}) == len(ids)
    declared = {value for value in vars(rules).values() if type(value) is type(rules.MISSING)}
    assert declared == set(rules.RULES)
