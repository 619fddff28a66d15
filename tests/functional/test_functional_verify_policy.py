"""`mooring verify` and `inventory` as a user meets them, on environments made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from tests.environments import install, locked, make_venv
from tests.functional.command import Mooring
from tests.inventory_schema import schema

from mooring.lock.formats import pylock
from mooring.lock.model import Lock

SITE = "lib/python3.11/site-packages"
POLICY = 'dependencies = ["alpha"]\npython = "3.11"\n'
ALPHA = f"{SITE}/alpha/__init__.py"


@pytest.fixture
def drifted(project: Path) -> Path:
    """A project whose environment has a changed file and an extra package."""
    lock = Lock(
        created_by="test",
        packages=tuple(locked(name, sdist=False).package for name in ("alpha", "beta")),
    )
    (project / "pylock.toml").write_text(pylock.write(lock))
    (project / "mooring.toml").write_text(POLICY)
    site = make_venv(project / ".venv")
    for name in ("alpha", "beta", "stray"):
        install(site, name)
    (project / ".venv" / ALPHA).write_bytes(b"changed")
    return project


def declare(project: Path, text: str) -> None:
    (project / "mooring.toml").write_text(f"{POLICY}[verify]\n{text}\n")


IGNORE = (
    "[[verify.ignore]]\nrule = 'MOR106'\npath = '*/alpha/*'\nreason = 'patched by hand'\n"
    "expires = {day}\n[[verify.ignore]]\npackage = 'stray'\nreason = 'a tool'\nexpires = {day}\n"
)


def verify(mooring: Mooring, *words: str) -> int:
    return mooring("verify", "--frozen", *words).code


def test_drift_and_what_is_only_reported(drifted: Path, mooring: Mooring) -> None:
    assert verify(mooring) == 1
    assert verify(mooring, "--exit-zero") == 0
    told = mooring("verify", "--frozen", "--exit-zero", "--format", "json")
    assert (told.code, told.document["clean"]) == (0, False)


def test_nothing_checked_is_never_0(drifted: Path, mooring: Mooring) -> None:
    (drifted / "pylock.toml").write_text(pylock.write(Lock(created_by="test")))
    declare(drifted, 'allow-extra = ["alpha", "beta", "stray"]')
    assert verify(mooring) == 3
    assert verify(mooring, "--exit-zero") == 3
    told = mooring("verify", "--frozen", "--format", "json")
    assert [row["rule"] for row in told.document["findings"]] == ["MOR192"]


def test_ignored_findings_stay_in_the_report(drifted: Path, mooring: Mooring) -> None:
    declare(drifted, IGNORE.format(day="2999-12-31"))
    told = mooring("verify", "--frozen", "--format", "json")
    assert told.code == 0
    assert told.document["clean"] is True
    assert told.document["counts"]["suppressed"] == 2
    assert {row["rule"]: row["suppressed_by"] for row in told.document["findings"]} == {
        "MOR106": "patched by hand",
        "MOR102": "a tool",
    }
    assert verify(mooring, "--strict") == 0


def test_an_expired_entry_is_a_warning(drifted: Path, mooring: Mooring) -> None:
    declare(drifted, IGNORE.format(day="2020-01-01"))
    told = mooring("verify", "--frozen", "--format", "json")
    assert told.code == 1
    rows = [(r["rule"], r["severity"], r["failing"]) for r in told.document["findings"]]
    assert rows == [
        ("MOR190", "warning", False),
        ("MOR190", "warning", False),
        ("MOR106", "error", True),
        ("MOR102", "error", True),
    ]


def test_strict_wants_an_end(drifted: Path, mooring: Mooring) -> None:
    declare(drifted, "[[verify.ignore]]\nrule = 'MOR106'\nreason = 'x'")
    assert verify(mooring) == 1
    told = mooring("verify", "--frozen", "--strict")
    assert told.code == 2
    assert "mooring.toml: verify.ignore[0]" in told.err


def test_a_wrong_policy_names_its_line(drifted: Path, mooring: Mooring) -> None:
    declare(drifted, "presets = 'ci'")
    told = mooring("verify", "--frozen")
    assert told.code == 2
    assert "mooring.toml:4: verify.presets: unknown key 'presets'" in told.err
    declare(drifted, "[[verify.ignore]]\nrule = 'MOR999'\nreason = 'x'")
    assert "there is no rule MOR999" in mooring("verify", "--frozen").err


def test_dev_lets_the_extra_package_pass(drifted: Path, mooring: Mooring) -> None:
    (drifted / ".venv" / ALPHA).write_bytes(b"x = 1\n")
    assert verify(mooring) == 1
    declare(drifted, "preset = 'dev'")
    assert verify(mooring) == 0
    assert verify(mooring, "--strict") == 1


def test_only_what_is_new_fails_with_a_baseline(drifted: Path, mooring: Mooring) -> None:
    assert verify(mooring, "--output", "json=before.json") == 1
    assert verify(mooring, "--baseline", "before.json") == 0
    (drifted / ".venv" / SITE / "beta" / "__init__.py").unlink()
    told = mooring("verify", "--frozen", "--baseline", "before.json", "--format", "json")
    assert told.code == 1
    assert {row["package"]: row["baselined"] for row in told.document["findings"]} == {
        "alpha": True,
        "beta": False,
        "stray": True,
    }
    assert told.document["counts"]["baselined"] == 2
    assert verify(mooring, "--baseline", "absent.json") == 2
    (drifted / "before.json").write_text("{")
    assert verify(mooring, "--baseline", "before.json") == 2


def test_an_inventory_is_saved_and_compared_with(drifted: Path, mooring: Mooring) -> None:
    printed = mooring("inventory", ".venv")
    assert printed.code == 0
    jsonschema.validate(printed.document, schema())
    assert mooring("inventory", ".venv", "--output", "saved.json").code == 0
    assert (drifted / "saved.json").read_text() == printed.out
    assert mooring("inventory").out == printed.out
    assert mooring("verify", "--same-as", "saved.json").code == 0
    (drifted / ".venv" / ALPHA).write_bytes(b"x = 1\n")
    told = mooring("verify", ".venv", "--same-as", "saved.json", "--format", "json")
    assert told.code == 1
    assert [(row["rule"], row["path"]) for row in told.document["findings"]] == [("MOR106", ALPHA)]
    assert told.document["lock"]["path"] == "saved.json"


def test_quick_reads_no_contents(drifted: Path, mooring: Mooring) -> None:
    document = mooring("inventory", "--quick").document
    jsonschema.validate(document, schema())
    assert document["hashed"] is False
    assert not any("actual" in f for d in document["distributions"] for f in d["files"])


def test_another_environment_needs_no_lock(drifted: Path, mooring: Mooring) -> None:
    (drifted / "pylock.toml").unlink()
    other = make_venv(drifted / "other")
    for name in ("alpha", "beta", "gamma"):
        install(other, name)
    told = mooring("verify", ".venv", "--same-as", "other", "--format", "json")
    assert told.code == 1
    assert {(row["rule"], row["package"]) for row in told.document["findings"]} == {
        ("MOR101", "gamma"),
        ("MOR102", "stray"),
        ("MOR106", "alpha"),
    }
    assert mooring("verify", "other", "--same-as", "other").code == 0
    declare(drifted, "[[verify.ignore]]\npackage = 'gamma'\nreason = 'x'\n")
    assert mooring("verify", ".venv", "--same-as", "other").code == 1
    (drifted / "mooring.toml").unlink()
    assert mooring("verify", ".venv", "--same-as", "other").code == 1
    empty = make_venv(drifted / "empty").parents[2]
    assert mooring("verify", str(empty), "--same-as", str(empty)).code == 3


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--same-as", "absent"), 3),
        (("--same-as", "mooring.toml"), 2),
        (("--same-as", ".venv", "--lock", "pylock.toml"), 2),
        (("--same-as", ".venv", "--repair"), 2),
        (("--repair", "--image", "x"), 2),
    ],
)
def test_what_cannot_be_asked(
    drifted: Path, mooring: Mooring, words: tuple[str, ...], code: int
) -> None:
    assert verify(mooring, *words) == code


def test_a_saved_inventory_that_was_tampered_with(drifted: Path, mooring: Mooring) -> None:
    mooring("inventory", "--output", "saved.json")
    document = json.loads((drifted / "saved.json").read_text())
    document["distributions"][0]["files"][0]["size"] = "1"
    (drifted / "saved.json").write_text(json.dumps(document))
    told = mooring("verify", "--same-as", "saved.json")
    assert told.code == 2
    assert "saved.json: distributions[0].files[0].size" in told.err
