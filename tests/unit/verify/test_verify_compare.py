"""Findings: every drift planted and found, and nothing said of clean environments."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.environments import (
    PYTHON,
    found,
    install,
    locked,
    make_venv,
    record_row,
    selection,
    verify,
)

from mooring.manifest.model import VerifyPolicy
from mooring.platforms import Platform, PythonVersion
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import SEEDS, compare
from mooring.verify.findings import Finding
from mooring.verify.inventory import Interpreter, Inventory


def only(findings: tuple[Finding, ...]) -> Finding:
    [finding] = findings
    return finding


def test_clean(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "Some.Package", "1.0.0")
    install(site, "other", "2!1.0+cpu", tags=["cp311-cp311-manylinux_2_17_x86_64"])
    result = verify(
        tmp_path,
        locked("other", "2!1.0+CPU", tag="cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64"),
        locked("some-package", "1.0"),
    )
    assert found(result) == []
    assert result.clean
    assert (result.packages, result.checked_files) == (2, 8)
    assert result.checked_bytes > 0


def test_missing(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "here")
    result = verify(tmp_path, locked("gone", "3.0"), locked("here"))
    assert found(result) == [("MOR101", "gone")]
    assert not result.clean
    assert only(result.findings).expected == "3.0"
    assert only(result.findings).fix == f"mooring sync {tmp_path}"
    assert result.packages == 1


def test_nothing_compared_is_never_clean(tmp_path: Path) -> None:
    make_venv(tmp_path)
    for fail_on in ("error", "warning", "info"):
        policy = VerifyPolicy(fail_on=fail_on)
        result = verify(tmp_path, locked("gone"), policy=policy)
        assert result.packages == 0
        assert not result.clean


def test_extra(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg")
    install(site, "Stray_Thing", "4.0")
    result = verify(tmp_path, locked("pkg"))
    assert found(result) == [("MOR102", "stray-thing")]
    assert only(result.failing).actual == "4.0"
    allowed = VerifyPolicy(allow_extra=("stray.thing",))
    assert found(verify(tmp_path, locked("pkg"), policy=allowed)) == []


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_what_venvs_are_created_with_fails_nothing(tmp_path: Path, name: str) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg")
    install(site, name)
    result = verify(tmp_path, locked("pkg"))
    assert found(result) == [("MOR102", name)]
    assert result.clean
    strict = VerifyPolicy(fail_on="info")
    assert not verify(tmp_path, locked("pkg"), policy=strict).clean
    # Where it is locked, it is compared like any other package.
    assert found(verify(tmp_path, locked("pkg"), locked(name, "9.9"))) == [("MOR103", name)]


def test_leftover_metadata(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    (site / "~kg-1.0.dist-info").mkdir()
    install(site, "pkg")
    result = verify(tmp_path, locked("pkg"))
    assert found(result) == [("MOR102", None)]
    assert result.clean
    assert only(result.findings).path == "lib/python3.11/site-packages/~kg-1.0.dist-info"


@pytest.mark.parametrize(
    ("there", "wanted"), [("1.1", "1.0"), ("1.0", "1.0+cpu"), ("1.0", "1!1.0"), ("nonsense", "1.0")]
)
def test_another_version(tmp_path: Path, there: str, wanted: str) -> None:
    install(make_venv(tmp_path), "pkg", there)
    result = verify(tmp_path, locked("pkg", wanted))
    assert found(result) == [("MOR103", "pkg")]
    assert (only(result.failing).expected, only(result.failing).actual) == (wanted, there)


def test_a_lock_without_a_version(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg", "5.0")
    assert found(verify(tmp_path, locked("pkg", None))) == []


def test_two_installations_of_a_name(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", "1.0", files={"old.py": b""})
    install(site, "pkg", "2.0", files={"new.py": b""})
    # The one of the locked version is compared, whichever comes first.
    for version in ("1.0", "2.0"):
        result = verify(tmp_path, locked("pkg", version))
        assert found(result) == [("MOR125", "pkg")]
        assert "pkg-1.0.dist-info" in (only(result.failing).actual or "")


def test_modified_and_removed_files(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    script = record_row("../../../bin/tool", b"#!python\n")
    install(site, "pkg", files={"pkg/a.py": b"a", "pkg/b.py": b"b"}, rows=[script])
    (tmp_path / "bin" / "tool").write_bytes(b"#!python\n")
    assert found(verify(tmp_path, locked("pkg"))) == []
    (site / "pkg" / "a.py").write_bytes(b"A")
    (site / "pkg" / "b.py").unlink()
    (tmp_path / "bin" / "tool").write_bytes(b"#!evil!!\n")
    result = verify(tmp_path, locked("pkg"))
    assert [(f.rule.id, f.path) for f in result.failing] == [
        ("MOR106", "bin/tool"),
        ("MOR106", "lib/python3.11/site-packages/pkg/a.py"),
        ("MOR107", "lib/python3.11/site-packages/pkg/b.py"),
    ]
    assert result.failing[0].expected != result.failing[0].actual
    assert (result.failing[0].actual or "").startswith("sha256:")


def test_sizes_count_when_contents_were_not_read(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files={"a.py": b"a", "b.py": b"b", "c.py": b"c"})
    (site / "a.py").write_bytes(b"longer")
    (site / "b.py").write_bytes(b"B")
    (site / "c.py").unlink()
    result = verify(tmp_path, locked("pkg"), hash_files=False)
    assert found(result) == [("MOR106", "pkg"), ("MOR107", "pkg")]
    assert result.checked_files == 0


def test_bytecode_is_not_compared(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    rows = [
        record_row("pkg/__pycache__/shipped.cpython-311.pyc", b"old"),
        record_row("pkg/__pycache__/gone.cpython-311.pyc", b"old"),
        "pkg/__pycache__/written.cpython-311.pyc,,",
    ]
    install(site, "pkg", rows=rows)
    (site / "pkg" / "__pycache__").mkdir()
    (site / "pkg" / "__pycache__" / "shipped.cpython-311.pyc").write_bytes(b"new")
    assert found(verify(tmp_path, locked("pkg"))) == []


def test_a_company_certificate_is_told_and_fails_nothing(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "certifi", files={"certifi/cacert.pem": b"one", "certifi/core.py": b""})
    (site / "certifi" / "cacert.pem").write_bytes(b"two")
    result = verify(tmp_path, locked("certifi"))
    assert found(result) == [("MOR106", "certifi")]
    assert only(result.findings).rule.severity == "warning"
    assert result.clean
    (site / "certifi" / "core.py").write_bytes(b"import evil")
    assert not verify(tmp_path, locked("certifi")).clean


def test_files_replaced_by_something_else(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    (tmp_path / "outside.py").write_bytes(b"x")
    install(site, "pkg", files={"a.py": b"x", "b.py": b"x"})
    (site / "a.py").unlink()
    (site / "a.py").symlink_to(tmp_path / "outside.py")
    (site / "b.py").unlink()
    (site / "b.py").mkdir()
    result = verify(tmp_path / "env", locked("pkg"))
    assert found(result) == [("MOR106", "pkg"), ("MOR106", "pkg")]
    assert [f.message for f in result.findings] == [
        "a link leads out of the environment",
        "it is a folder, not a file",
    ]


def test_rows_that_leave_are_unverifiable(tmp_path: Path) -> None:
    rows = [record_row("/etc/passwd", b"x"), record_row("../../../../up", b"x")]
    install(make_venv(tmp_path), "pkg", rows=rows)
    result = verify(tmp_path, locked("pkg"))
    assert found(result) == [("MOR109", "pkg"), ("MOR109", "pkg")]
    assert not result.clean


@pytest.mark.parametrize("damage", ["no record", "empty record", "no metadata", "egg-info"])
def test_unverifiable(tmp_path: Path, damage: str) -> None:
    site = make_venv(tmp_path)
    info = install(site, "pkg")
    match damage:
        case "no record":
            (info / "RECORD").unlink()
        case "empty record":
            (info / "RECORD").write_text("")
        case "no metadata":
            (info / "METADATA").unlink()
        case _:
            info.rename(site / "pkg-1.0.egg-info")
    result = verify(tmp_path, locked("pkg"))
    assert found(result)[-1] == ("MOR109", "pkg")
    assert not result.clean


def test_rows_without_digest(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    rows = ["one.py,,", "two.py,md5=x,1", "three.py,,", "four.py,,"]
    install(site, "pkg", rows=rows)
    for row in rows:
        (site / row.partition(",")[0]).write_bytes(b"x")
    finding = only(verify(tmp_path, locked("pkg")).failing)
    assert finding.rule.id == "MOR110"
    assert "one.py, two.py, three.py and 1 more" in finding.message


def test_a_signature_needs_no_digest(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    info = install(site, "pkg", rows=["pkg-1.0.dist-info/RECORD.jws,,"])
    (info / "RECORD.jws").write_bytes(b"x")
    assert found(verify(tmp_path, locked("pkg"))) == []


def inventory(version: str | None) -> Inventory:
    interpreter = Interpreter(version=version)
    return Inventory(
        kind="image", target="img", root="/env", interpreter=interpreter, distributions=()
    )


@pytest.mark.parametrize(
    ("there", "wanted", "severity"),
    [
        ("3.11.7", PythonVersion(minor=11), None),
        ("3.11.7", PythonVersion(minor=11, patch=7), None),
        ("3.11", PythonVersion(minor=11, patch=7), None),
        ("3.11.8", PythonVersion(minor=11, patch=7), "warning"),
        ("3.12.7", PythonVersion(minor=11), "error"),
        ("3.1.1", PythonVersion(minor=11), "error"),
        ("3." + "9" * 5000, PythonVersion(minor=11), "error"),
        ("3.\u00b2", PythonVersion(minor=11), "error"),
    ],
)
def test_python(there: str, wanted: PythonVersion, severity: str | None) -> None:
    result = compare(selection(python=wanted), inventory(there), VerifyPolicy())
    assert [(f.rule.id, f.rule.severity) for f in result.findings] == (
        [("MOR115", severity)] if severity else []
    )


def test_an_unknown_python_is_not_green() -> None:
    result = compare(selection(), inventory(None), VerifyPolicy())
    assert [f.rule.id for f in result.failing] == ["MOR109"]
    assert only(result.failing).fix == "mooring build"


def test_fail_on(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    info = install(site, "certifi", files={"certifi/cacert.pem": b"one"})
    (site / "certifi" / "cacert.pem").write_bytes(b"two")
    for fail_on, clean in (("error", True), ("warning", False), ("info", False)):
        policy = VerifyPolicy(fail_on=fail_on)  # type: ignore[arg-type]
        assert verify(tmp_path, locked("certifi"), policy=policy).clean is clean
    (info / "RECORD").unlink()
    # What could not be checked fails whatever the policy says.
    assert not verify(tmp_path, locked("certifi")).clean


def test_findings_are_sorted_and_fit_to_be_shown(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "b", rows=[record_row("\u202egone\u2028.py", b"x")])
    install(site, "a", "1.0")
    result = verify(tmp_path, locked("a", "2.0"), locked("b"), locked("c"))
    assert found(result) == [("MOR103", "a"), ("MOR107", "b"), ("MOR101", "c")]
    assert (result.findings[1].path or "").endswith(r"\u202egone\u2028.py")
    assert verify(tmp_path, locked("a", "2.0"), locked("b"), locked("c")) == result


def test_another_platform_is_told_by_tags(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", tags=["cp311-cp311-manylinux_2_17_x86_64"])
    inventory = PathCollector(tmp_path).collect()
    for platform, ids in (("linux-64", []), ("linux-aarch64", ["MOR117"]), ("win-64", ["MOR117"])):
        chosen = selection(
            locked("pkg", tag="cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64"),
            platform=Platform.parse(platform),
            python=PYTHON,
        )
        result = compare(chosen, inventory, VerifyPolicy())
        assert [f.rule.id for f in result.findings] == ids
