"""`[tool.mooring.verify]`: presets and ignore entries, and each wrong value with its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, loaded

from mooring.manifest.model import IgnoreEntry, VerifyPolicy

BASE = "dependencies = []\n[verify]\n"
ENTRY = "[[verify.ignore]]\nrule = 'MOR106'\n"


def policy(root: Path, text: str) -> VerifyPolicy:
    return loaded(root, {"mooring.toml": BASE + text}).verify


@pytest.mark.parametrize(
    ("text", "fail_on", "strict"),
    [
        ("", "error", False),
        ("preset = 'dev'", "error", False),
        ("preset = 'ci'", "error", False),
        ("preset = 'prod'", "warning", True),
        ("preset = 'prod'\nfail-on = 'error'", "error", True),
        ("preset = 'dev'\nfail-on = 'info'", "info", False),
    ],
)
def test_presets(tmp_path: Path, text: str, fail_on: str, strict: bool) -> None:
    found = policy(tmp_path, text)
    assert (found.fail_on, found.strict) == (fail_on, strict)


def test_an_entry_with_everything(tmp_path: Path) -> None:
    text = (
        "[[verify.ignore]]\nrule = 'MOR106'\npackage = 'Some.Package'\npath = '*/cacert.pem'\n"
        "reason = 'our own CA'\nexpires = 2030-01-31\n"
    )
    (entry,) = policy(tmp_path, text).ignore
    assert entry == IgnoreEntry(
        rule="MOR106",
        package="some-package",
        path="*/cacert.pem",
        reason="our own CA",
        expires=date(2030, 1, 31),
    )
    assert entry.where == "mooring.toml: verify.ignore[0]"


def test_the_day_may_be_a_string(tmp_path: Path) -> None:
    text = ENTRY + "reason = 'known'\nexpires = '2030-01-31'\n"
    assert policy(tmp_path, text).ignore[0].expires == date(2030, 1, 31)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("preset = 'production'", "mooring.toml:3: verify.preset: unknown preset 'production'"),
        ("preset = 1", "mooring.toml:3: verify.preset: expected a string, found a whole number"),
        ("ignore = 'MOR106'", "mooring.toml:3: verify.ignore: expected a list, found a string"),
        ("ignore = ['MOR106']", "verify.ignore[0]: expected a table, found a string"),
        (ENTRY, "mooring.toml:3: verify.ignore[0]: the entry gives no reason"),
        (ENTRY + "reason = ' '", "verify.ignore[0].reason: the entry gives no reason"),
        (
            "[[verify.ignore]]\nreason = 'x'",
            "verify.ignore[0]: the entry would ignore every finding | name a rule",
        ),
        (
            "[[verify.ignore]]\nreason = 'x'\nrule = 'DRF106'",
            "mooring.toml:5: verify.ignore[0].rule: 'DRF106' is no rule id",
        ),
        (
            "[[verify.ignore]]\nreason = 'x'\npackage = 'a b'",
            "verify.ignore[0].package: 'a b' is not a valid name",
        ),
        (
            "[[verify.ignore]]\nreason = 'x'\npath = '/opt/x'",
            "verify.ignore[0].path: '/opt/x' can match no path",
        ),
        ("[[verify.ignore]]\nreason = 'x'\npath = ''", "verify.ignore[0].path: the pattern is"),
        (
            ENTRY + "reason = 'x'\nexpires = '2026-02-30'",
            "mooring.toml:6: verify.ignore[0].expires: '2026-02-30' is not a date",
        ),
        (ENTRY + "reason = 'x'\nexpires = 2026-02-01T00:00:00Z", "is not a date | write 2030"),
        (ENTRY + "reason = 'x'\nexpires = 20260201", "'20260201' is not a date"),
        (
            ENTRY + "reason = 'x'\nexpire = 2026-02-01",
            (
                "mooring.toml:6: verify.ignore[0].expire: unknown key 'expire' "
                "| did you mean 'expires'?"
            ),
        ),
        (
            "preset = 'prod'\n" + ENTRY + "reason = 'x'",
            "mooring.toml:4: verify.ignore[0]: the preset prod wants an end",
        ),
    ],
)
def test_a_wrong_value_is_one_problem_with_its_line(tmp_path: Path, text: str, wanted: str) -> None:
    (found,) = complaints(tmp_path, {"mooring.toml": BASE + text + "\n"})
    assert wanted in found
