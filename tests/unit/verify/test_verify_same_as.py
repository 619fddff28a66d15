"""One environment against another: every difference told from both sides, and no false ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.environments import found, install, make_venv, record_row

from mooring.manifest.model import VerifyPolicy
from mooring.verify.collectors.path import PathCollector
from mooring.verify.findings import Verification
from mooring.verify.inventory import Inventory
from mooring.verify.inventory_json import read, write
from mooring.verify.same_as import compare_inventories
from mooring.verify.tiers import Tiers

SITE = "lib/python3.11/site-packages"


def collect(root: Path, *, hash_files: bool = True) -> Inventory:
    return PathCollector(root, tiers=Tiers(hash_files=hash_files)).collect()


def compared(one: Inventory, other: Inventory, *, allow: tuple[str, ...] = ()) -> Verification:
    return compare_inventories(one, other, VerifyPolicy(allow_extra=allow))


def fill(root: Path, *, installer: bytes = b"uv\n") -> Path:
    """Install three packages as one installer would; programs name their environment."""
    site = make_venv(root)
    program = f"#!{root}/bin/python\n".encode()
    (root / "bin" / "tool").write_bytes(program)
    install(
        site, "alpha", files={"alpha.py": b"a"}, rows=[record_row("../../../bin/tool", program)]
    )
    install(site, "beta", "2.0", files={"beta.py": b"b", "beta-data/x.txt": b"x"})
    info = install(site, "gamma")
    (info / "INSTALLER").write_bytes(installer)
    (site / "__pycache__").mkdir()
    return site


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    one, other = tmp_path / "one", tmp_path / "other"
    fill(one)
    fill(other, installer=b"pip\n")
    return one, other


def test_two_installations_of_the_same_are_the_same(pair: tuple[Path, Path]) -> None:
    one, other = map(collect, pair)
    result = compared(one, other)
    assert found(result) == []
    assert result.packages == 3
    assert result.checked_files == 10
    saved = read(write(other), "saved.json")
    assert found(compared(one, saved)) == []
    assert found(compared(saved, one)) == []


def test_what_only_one_side_has(pair: tuple[Path, Path]) -> None:
    install(pair[0] / SITE, "mine", "3.0")
    install(pair[1] / SITE, "theirs", "4.0")
    install(pair[1] / SITE, "pip")
    one, other = map(collect, pair)
    result = compared(one, other)
    assert [(f.rule.id, f.package, f.expected, f.actual) for f in result.findings] == [
        ("MOR101", "pip", "1.0", None),
        ("MOR101", "theirs", "4.0", None),
        ("MOR102", "mine", None, "3.0"),
    ]
    assert result.findings[0].rule.severity == "info"
    assert found(compared(one, other, allow=("Mine", "theirs", "pip"))) == []


def test_versions(pair: tuple[Path, Path]) -> None:
    install(pair[0] / SITE, "delta", "1.0")
    install(pair[1] / SITE, "delta", "1.0.0")
    install(pair[0] / SITE, "epsilon", "1.0")
    install(pair[1] / SITE, "epsilon", "1.1")
    result = compared(*map(collect, pair))
    assert ("MOR103", "epsilon") in found(result)
    assert ("MOR103", "delta") not in found(result)


def test_a_changed_file_is_told_from_both_sides(pair: tuple[Path, Path]) -> None:
    (pair[0] / SITE / "alpha.py").write_bytes(b"A")
    one, other = map(collect, pair)
    (finding,) = compared(one, other).findings
    assert (finding.rule.id, finding.package) == ("MOR106", "alpha")
    assert finding.path == f"{SITE}/alpha.py"
    (mirrored,) = compared(other, one).findings
    assert (mirrored.expected, mirrored.actual) == (finding.actual, finding.expected)


def test_a_file_that_is_gone_on_one_side(pair: tuple[Path, Path]) -> None:
    (pair[0] / SITE / "beta-data" / "x.txt").unlink()
    one, other = map(collect, pair)
    assert found(compared(one, other)) == [("MOR107", "beta")]
    assert found(compared(other, one)) == [("MOR104", "beta")]
    (pair[1] / SITE / "beta-data" / "x.txt").unlink()
    assert found(compared(one, collect(pair[1]))) == []


def test_the_same_version_with_other_tags(pair: tuple[Path, Path]) -> None:
    install(pair[0] / SITE, "delta", tags=["py3-none-any"])
    install(pair[1] / SITE, "delta", tags=["cp311-cp311-linux_x86_64"])
    result = compared(*map(collect, pair))
    # WHEEL itself differs as well.
    assert found(result) == [("MOR104", "delta"), ("MOR106", "delta")]


def test_another_commit_and_editable_installs(pair: tuple[Path, Path]) -> None:
    for root, commit in zip(pair, ("1" * 40, "2" * 40), strict=True):
        info = {"vcs": "git", "commit_id": commit}
        install(root / SITE, "delta", direct_url={"url": "https://host/d", "vcs_info": info})
    editable = {"url": "file:///home/me/e", "dir_info": {"editable": True}}
    install(pair[0] / SITE, "epsilon", direct_url=editable)
    install(pair[1] / SITE, "epsilon")
    result = compared(*map(collect, pair))
    assert found(result) == [("MOR114", "delta"), ("MOR113", "epsilon")]


@pytest.mark.parametrize(
    ("version", "wanted"),
    [("3.11.7", []), ("3.11.8", [("MOR115", "warning")]), ("3.12.7", [("MOR115", "error")])],
)
def test_interpreters(pair: tuple[Path, Path], version: str, wanted: list[object]) -> None:
    one, other = map(collect, pair)
    other = replace(other, interpreter=replace(other.interpreter, version=version))
    result = compared(one, other)
    assert [(f.rule.id, f.rule.severity) for f in result.findings] == wanted


def test_what_cannot_be_told_is_said(pair: tuple[Path, Path]) -> None:
    (pair[1] / SITE / "gamma-1.0.dist-info" / "RECORD").unlink()
    one, other = map(collect, pair)
    for result in (compared(one, other), compared(other, one)):
        (finding,) = result.findings
        assert (finding.rule.id, finding.package) == ("MOR109", "gamma")
        assert finding.rule.unverifiable


def test_without_contents_the_records_are_compared(pair: tuple[Path, Path]) -> None:
    one, other = collect(pair[0], hash_files=False), collect(pair[1])
    assert found(compared(one, other)) == []
    install(pair[0] / SITE, "alpha", files={"alpha.py": b"Z"})
    assert ("MOR106", "alpha") in found(compared(collect(pair[0], hash_files=False), other))


def test_a_package_that_is_there_twice_is_not_compared(pair: tuple[Path, Path]) -> None:
    install(pair[0] / SITE, "beta", "2.1")
    assert ("MOR125", "beta") in found(compared(*map(collect, pair)))


def test_files_that_no_package_lists(pair: tuple[Path, Path]) -> None:
    (pair[0] / SITE / "mine.pth").write_text("import os\n")
    (pair[1] / SITE / "theirs.pth").write_text("import os\n")
    for root, text in zip(pair, ("1", "2"), strict=True):
        (root / SITE / "sitecustomize.py").write_text(text)
        (root / SITE / "same.pth").write_text("/opt/code\n")
    result = compared(*map(collect, pair))
    assert [(f.rule.id, f.rule.severity, f.path) for f in result.findings] == [
        ("MOR108", "error", f"{SITE}/mine.pth"),
        ("MOR108", "error", f"{SITE}/sitecustomize.py"),
        ("MOR108", "warning", f"{SITE}/theirs.pth"),
    ]


def test_a_module_without_a_package_is_not_called_the_same(pair: tuple[Path, Path]) -> None:
    for root, text in zip(pair, ("1", "2"), strict=True):
        (root / SITE / "loose.py").write_text(text)
    (finding,) = compared(*map(collect, pair)).findings
    assert (finding.rule.id, finding.path) == ("MOR109", f"{SITE}/loose.py")
