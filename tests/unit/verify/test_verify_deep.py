"""T4: what is installed against the locked wheel itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.environments import (
    found,
    install,
    locked,
    make_venv,
    record_row,
    selection,
    wheel_artifact,
)

from mooring.lock.model import Artifact, Package, Selected, Selection
from mooring.manifest.model import VerifyPolicy
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare, wheels_to_read
from mooring.verify.deep import Contents
from mooring.verify.findings import Verification
from mooring.verify.inventory import Inventory
from mooring.verify.policy import judge
from mooring.workflow.verifying import terms_of_today

FILES = {"pkg/a.py": b"a = 1\n", "pkg/b.py": b"b = 1\n"}
WHEEL = "pkg-1.0-py3-none-any.whl"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES)
    return site


@pytest.fixture
def lines(site: Path) -> dict[str, str]:
    """Return what the locked wheel holds: what was installed before anything was planted."""
    info = site / "pkg-1.0.dist-info"
    kept = [*(site / "pkg").iterdir(), info / "METADATA", info / "WHEEL"]
    return {
        path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in kept
    }


def looked_at(site: Path) -> Inventory:
    return PathCollector(site.parents[2], caches={}).collect()


def deep(
    site: Path, contents: Contents, *packages: Selected, policy: VerifyPolicy | None = None
) -> Verification:
    chosen = selection(*(packages or (locked("pkg"),)))
    return compare(chosen, looked_at(site), policy or VerifyPolicy(), contents=contents)


def edit_record(site: Path, change: Callable[[list[str]], list[str]]) -> None:
    record = site / "pkg-1.0.dist-info" / "RECORD"
    record.write_text("\n".join(change(record.read_text().splitlines())) + "\n")


def edit_both(site: Path) -> None:
    (site / "pkg/a.py").write_bytes(b"a = 2\n")
    row = record_row("pkg/a.py", b"a = 2\n")
    edit_record(site, lambda rows: [row if r.startswith("pkg/a.py,") else r for r in rows])


def add_with_row(site: Path) -> None:
    (site / "pkg/c.py").write_bytes(b"c = 1\n")
    edit_record(site, lambda rows: [record_row("pkg/c.py", b"c = 1\n"), *rows])


def remove_with_row(site: Path) -> None:
    (site / "pkg/b.py").unlink()
    edit_record(site, lambda rows: [r for r in rows if not r.startswith("pkg/b.py,")])


def edit_row_only(site: Path) -> None:
    row = record_row("pkg/a.py", b"a = 2\n")
    edit_record(site, lambda rows: [row if r.startswith("pkg/a.py,") else r for r in rows])


def test_clean(site: Path, lines: dict[str, str]) -> None:
    assert deep(site, {WHEEL: lines}).findings == ()


@pytest.mark.parametrize(
    ("plant", "rules", "path"),
    [
        (edit_both, ["MOR106"], "pkg/a.py"),
        (add_with_row, ["MOR111"], "pkg/c.py"),
        (remove_with_row, ["MOR111"], "pkg/b.py"),
        (edit_row_only, ["MOR106", "MOR111"], "pkg/a.py"),
    ],
)
def test_an_edited_record_does_not_help(
    site: Path,
    lines: dict[str, str],
    plant: Callable[[Path], None],
    rules: list[str],
    path: str,
) -> None:
    plant(site)
    result = deep(site, {WHEEL: lines})
    assert [f.rule.id for f in result.findings] == rules
    assert {f.path for f in result.findings} == {f"lib/python3.11/site-packages/{path}"}
    assert not result.clean
    if plant is not edit_row_only:  # by its own RECORD the environment is clean
        assert compare(selection(locked("pkg")), looked_at(site), VerifyPolicy()).findings == ()


def test_another_build_is_one_finding(site: Path, lines: dict[str, str]) -> None:
    other = {**lines, "pkg-1.0.dist-info/WHEEL": "0" * 64, "pkg/a.py": "1" * 64}
    [finding] = deep(site, {WHEEL: other}).findings
    assert (finding.rule.id, finding.expected) == ("MOR104", WHEEL)
    assert "2 files" in finding.message


def test_another_locked_wheel_is_compared_with_itself(site: Path, lines: dict[str, str]) -> None:
    """A machine that is newer than the target takes another wheel of the lock."""
    wheels = (wheel_artifact("pkg-1.0-py2-none-any.whl"), wheel_artifact(WHEEL))
    chosen = Selected(package=Package(name="pkg", version="1.0", wheels=wheels), artifact=wheels[0])
    result = deep(site, {WHEEL: lines}, chosen)
    assert [f.rule.id for f in result.findings] == ["MOR104"]  # its tags, and nothing deep


@pytest.mark.parametrize("reason", ["the index cannot be reached", None])
def test_what_cannot_be_compared_is_counted_and_fails_strictly(
    site: Path, reason: str | None
) -> None:
    contents = {WHEEL: reason} if reason else {}
    result = deep(site, contents)
    [finding] = result.findings
    assert (finding.rule.id, finding.rule.unverifiable) == ("MOR109", True)
    assert (reason or "not read") in finding.message
    assert result.clean
    terms = terms_of_today()
    policy = VerifyPolicy()
    assert judge(result, policy, terms).clean
    assert not judge(result, policy, replace(terms, strict=True)).clean


@pytest.mark.parametrize("kind", ["sdist", "vcs"])
def test_what_was_built_has_no_artifact_to_compare_with(site: Path, kind: str) -> None:
    artifact = Artifact(kind="sdist", name="pkg-1.0.tar.gz", hashes=(("sha256", "d" * 64),))
    [finding] = deep(site, {}, locked("pkg", artifact=artifact)).findings
    assert (finding.rule.id, finding.rule.lenient) == ("MOR109", True)
    assert "built" in finding.message


def with_id(record_id: str) -> Selection:
    chosen = locked("pkg")
    package = replace(chosen.package, record_ids=((WHEEL, record_id),))
    return selection(replace(chosen, package=package))


def test_a_locked_record_id_needs_no_fetching(site: Path, lines: dict[str, str]) -> None:
    from mooring.artifacts.record import RECORD_HEADER, document_id

    good = with_id(document_id(RECORD_HEADER, lines))
    assert wheels_to_read(good, looked_at(site)) == ()
    assert compare(good, looked_at(site), VerifyPolicy(), contents={}).findings == ()
    edit_both(site)
    [wheel] = wheels_to_read(good, looked_at(site))
    assert wheel.name == WHEEL
    result = compare(good, looked_at(site), VerifyPolicy(), contents={WHEEL: lines})
    assert found(result) == [("MOR104", "pkg"), ("MOR106", "pkg")]


def test_only_wheels_that_are_installed_are_read(site: Path) -> None:
    chosen = selection(locked("pkg"), locked("absent"), locked("other", "2.0"))
    assert [wheel.name for wheel in wheels_to_read(chosen, looked_at(site))] == [WHEEL]
