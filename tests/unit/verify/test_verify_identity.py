"""Is it the very artifact that is locked: by its record id, with weaker checks without one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.environments import (
    found,
    install,
    locked,
    make_venv,
    record_row,
    verify,
    wheel_artifact,
)

from mooring.artifacts.record import wheel_record_id
from mooring.lock.model import Selected
from mooring.verify.findings import Finding

INFO = "pkg-1.0.dist-info"
FILES = {"pkg/__init__.py": b"x = 1\n", "pkg/extra.py": b"y = 2\n"}
OTHER = "sha256:" + "1" * 64


def id_of(site: Path) -> str:
    """Return the record id of what is installed, as that of the wheel it came from."""
    return wheel_record_id((site / INFO / "RECORD").read_bytes(), INFO)


def with_ids(selected: Selected, *ids: str) -> Selected:
    wheels = selected.package.wheels
    pairs = tuple((wheel.name, value) for wheel, value in zip(wheels, ids))
    return replace(selected, package=replace(selected.package, record_ids=pairs))


def edit(site: Path, old: str, new: str) -> None:
    record = site / INFO / "RECORD"
    text = record.read_text()
    assert old in text
    record.write_text(text.replace(old, new))


def only(tmp_path: Path, selected: Selected, *, hash_files: bool = True) -> Finding:
    [finding] = verify(tmp_path, selected, hash_files=hash_files).findings
    assert finding.package == "pkg"
    return finding


def test_the_locked_wheel(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES)
    selected = with_ids(locked("pkg"), id_of(site))
    assert found(verify(tmp_path, selected)) == []
    rows = f"pkg/__pycache__/extra.cpython-311.pyc,,\n../../../bin/pkg,,\n{INFO}/REQUESTED,,\n"
    edit(site, f"{INFO}/RECORD,,", f"{rows}{INFO}/RECORD,,")
    for row in ("bin/pkg", f"lib/python3.11/site-packages/{INFO}/REQUESTED"):
        (tmp_path / row).write_bytes(b"")
    assert ("MOR104", "pkg") not in found(verify(tmp_path, selected))
    assert ("MOR111", "pkg") not in found(verify(tmp_path, selected))


@pytest.mark.parametrize("hash_files", [True, False])
def test_another_build_that_agrees_with_itself(tmp_path: Path, hash_files: bool) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES)
    expected = id_of(site)
    install(site, "pkg", files={**FILES, "pkg/extra.py": b"y = 2\nz = 3\n"})
    finding = only(tmp_path, with_ids(locked("pkg"), expected), hash_files=hash_files)
    assert (finding.rule.id, finding.rule.severity) == ("MOR104", "error")
    assert (finding.expected, finding.actual) == (expected, id_of(site))
    assert finding.fix == f"mooring sync {tmp_path}"


def test_another_of_its_locked_wheels(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES)
    # The tags agree with both: only the record ids tell the wheels apart.
    selected = locked("pkg", tag="py3-none-any", others=("py2.py3-none-any",))
    finding = only(tmp_path, with_ids(selected, OTHER, id_of(site)))
    assert finding.rule.id == "MOR104"
    assert "pkg-1.0-py2.py3-none-any.whl" in finding.message


def test_the_tags_explain_another_id(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES, tags=["cp311-cp311-linux_x86_64"])
    finding = only(tmp_path, with_ids(locked("pkg"), OTHER))
    assert finding.rule.id == "MOR104"
    assert finding.message.endswith("cp311-cp311-linux_x86_64")
    assert finding.expected == OTHER


def test_an_equal_id_settles_doubts_about_tags(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES, tags=["cp311-cp311-linux_x86_64"])
    tag = "cp311-cp311-manylinux_2_28_x86_64"
    selected = locked("pkg", tag=tag, sdist=False)
    assert found(verify(tmp_path, selected)) == [("MOR104", "pkg")]
    assert found(verify(tmp_path, with_ids(selected, id_of(site)))) == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        # A row lost its digest, so that its file can be anything.
        (record_row("pkg/extra.py", FILES["pkg/extra.py"]), "pkg/extra.py,,", "no SHA-256"),
        (record_row("pkg/extra.py", FILES["pkg/extra.py"]), "pkg/extra.py,md5=x,1", "no SHA-256"),
        # One path with two digests.
        (f"{INFO}/RECORD,,", f"pkg/extra.py,sha256={'A' * 43},6", "two digests"),
        # The digest was brought up to date, the size forgotten.
        ("pkg/extra.py,sha256=", "pkg/extra.py,sha256=", ""),
    ],
)
def test_an_edited_record(tmp_path: Path, old: str, new: str, reason: str) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES)
    selected = with_ids(locked("pkg"), id_of(site))
    if not reason:
        data = b"y = 2; import evil\n"
        (site / "pkg/extra.py").write_bytes(data)
        digest = record_row("pkg/extra.py", data).rpartition(",")[0]
        old, new = record_row("pkg/extra.py", FILES["pkg/extra.py"]), f"{digest},6"
        reason = "not its size"
    edit(site, old, new)
    findings = [f for f in verify(tmp_path, selected).findings if f.rule.id == "MOR111"]
    [finding] = findings
    assert finding.rule.severity == "error"
    assert finding.message.startswith("its RECORD was edited: ")
    assert reason in finding.message
    assert finding.path == f"lib/python3.11/site-packages/{INFO}/RECORD"


def test_a_record_without_its_own_metadata(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES)
    selected = with_ids(locked("pkg"), id_of(site))
    (site / INFO / "RECORD").write_text("")
    assert found(verify(tmp_path, selected)) == [("MOR109", "pkg"), ("MOR111", "pkg")]


def test_a_record_that_is_gone_is_told_once(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES)
    selected = with_ids(locked("pkg"), id_of(site))
    (site / INFO / "RECORD").unlink()
    assert found(verify(tmp_path, selected)) == [("MOR109", "pkg")]


def test_what_conda_installed(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES)
    selected = with_ids(locked("pkg"), OTHER)
    edit(site, record_row(f"{INFO}/INSTALLER", b"test\n"), f"{INFO}/INSTALLER,,")
    (site / INFO / "INSTALLER").write_bytes(b"conda\n")
    messages = [f.message for f in verify(tmp_path, selected).findings if f.rule.id == "MOR104"]
    assert messages == ["conda installed it, not the locked wheel"]


@pytest.mark.parametrize("kind", ["dir_info", "vcs_info"])
def test_an_origin_that_contradicts_is_told_once(tmp_path: Path, kind: str) -> None:
    info = {"vcs": "git", "commit_id": "a" * 40} if kind == "vcs_info" else {}
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES, direct_url={"url": "file:///src/pkg", kind: info})
    result = verify(tmp_path, with_ids(locked("pkg"), OTHER))
    assert found(result) == [("MOR105", "pkg")]


def test_no_id_for_the_selected_wheel_is_no_statement(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg", files=FILES)
    selected = locked("pkg", tag="py3-none-any", others=("py2-none-any",))
    package = replace(selected.package, record_ids=((selected.package.wheels[1].name, OTHER),))
    assert found(verify(tmp_path, replace(selected, package=package))) == []


def test_a_wheel_by_url_is_compared_as_well(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    archive = replace(wheel_artifact("pkg-1.0-py3-none-any.whl"), kind="archive")
    url = {"url": archive.url, "archive_info": {"hashes": {"sha256": archive.sha256}}}
    install(site, "pkg", files=FILES, direct_url=url)
    selected = locked("pkg", artifact=archive)
    package = replace(selected.package, wheels=(), sdist=None, direct=archive)
    for record_id, expected in ((id_of(site), []), (OTHER, [("MOR104", "pkg")])):
        named = replace(package, record_ids=((archive.name, record_id),))
        assert found(verify(tmp_path, replace(selected, package=named))) == expected


NEWER = "cp311-cp311-manylinux_2_29_x86_64"


def test_a_locked_wheel_that_newer_machines_prefer_fails_nothing(tmp_path: Path) -> None:
    site = make_venv(tmp_path)
    install(site, "pkg", files=FILES, tags=[NEWER])
    selected = locked("pkg", others=(NEWER,))
    for each in (selected, with_ids(selected, OTHER, id_of(site)), with_ids(selected, OTHER)):
        finding = only(tmp_path, each)
        assert (finding.rule.id, finding.rule.severity) == ("MOR104", "info")


def test_a_wheel_with_the_tags_of_a_newer_one_and_another_list(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg", files=FILES, tags=[NEWER])
    selected = with_ids(locked("pkg", others=(NEWER,)), OTHER, OTHER)
    finding = only(tmp_path, selected)
    assert (finding.rule.id, finding.rule.severity) == ("MOR104", "error")
