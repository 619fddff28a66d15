"""Files that nobody installed: each is found, and nothing is said of what belongs there."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from tests.environments import found, install, locked, make_venv, record_row, verify

from mooring.verify.collectors.known import VIRTUALENV_DIGESTS
from mooring.verify.collectors.path import PathCollector
from mooring.verify.collectors.strays import SEVERAL
from mooring.verify.collectors.tar import TarCollector
from mooring.verify.findings import Finding
from mooring.verify.inventory import Stray


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = make_venv(tmp_path / "env")
    install(site, "pkg", files={"pkg/__init__.py": b"", "pkg/data/table.csv": b"1\n"})
    return site


def put(site: Path, path: str, data: bytes = b"x = 1\n") -> Path:
    target = site / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return target


def strays(site: Path) -> list[Stray]:
    """Return what a folder gives, after a tar of it gave the same."""
    env = site.parents[2]
    seen = PathCollector(env, caches={}).collect().strays
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(env, "env")
    buffer.seek(0)
    collector = TarCollector(lambda: nullcontext(buffer), "container", "web", "/opt/env")
    again = collector.collect().strays
    assert [replace(each, problem=None) for each in again] == [
        replace(each, problem=None) for each in seen
    ]
    return list(seen)


def findings(site: Path) -> tuple[Finding, ...]:
    return verify(site.parents[2], locked("pkg")).findings


def test_clean(site: Path) -> None:
    put(site, "pkg/__pycache__/__init__.cpython-311.pyc")
    put(site, "pkg/__pycache__/__init__.cpython-310.nbi")
    put(site, "README.txt", b"This directory contains packages\n")
    put(site, ".lock", b"")
    (site / "empty" / "below").mkdir(parents=True)
    for name in ("activate", "activate.fish", "Activate.ps1", "activate_this.py", "pydoc.bat"):
        put(site.parents[2] / "bin", name)
    for name in ("python", "python3", "python3.11", "python3.13t", "𝜋thon"):
        (site.parents[2] / "bin" / name).symlink_to("/usr/bin/python3.11")
    (site.parents[2] / "lib64").symlink_to("lib")
    put(site.parents[2], ".mooring-sync.json")
    assert strays(site) == []
    assert findings(site) == ()


@pytest.mark.parametrize(
    ("path", "kind", "severity"),
    [
        ("requests.py", "module", "error"),
        ("speed.cpython-311-x86_64-linux-gnu.so", "module", "error"),
        ("old.pyc", "module", "error"),
        ("pkg/hidden.py", "module", "error"),
        ("pkg/__pycache__/hidden.py", "module", "error"),
        ("sitecustomize.py", "startup", "error"),
        ("usercustomize/__init__.py", "startup", "error"),
        ("evil.pth", "pth", "error"),
        ("evil.start", "pth", "error"),
        ("pkg-1.0.dist-info/entry_points.txt", "plugin", "error"),
        ("pkg-1.0.dist-info/notes.txt", "data", "warning"),
        ("pkg/evil.pth", "data", "warning"),
        ("pkg/data/more.csv", "data", "warning"),
        ("pkg/not-a-module.py", "data", "warning"),
        ("notes.txt", "data", "warning"),
        ("../../../bin/tool", "program", "warning"),
    ],
)
def test_each_kind(site: Path, path: str, kind: str, severity: str) -> None:
    put(site, path)
    [stray] = strays(site)
    assert stray.kind == kind
    [finding] = findings(site)
    assert (finding.rule.id, finding.rule.severity) == ("MOR108", severity)
    assert finding.path == stray.path
    assert finding.fix
    assert "rm -r" in finding.fix


@pytest.mark.parametrize(
    ("text", "executes", "says"),
    [
        (b"import os; os.system('true')\n", True, "runs code"),
        (b"# import\n/opt/more\nimport\tos\n", True, "runs code"),
        (b"/opt/elsewhere\n", False, "module search path"),
        (b"important\n", False, "module search path"),
    ],
)
def test_a_pth_file(site: Path, text: bytes, executes: bool, says: str) -> None:
    put(site, "a.pth", text)
    [stray] = strays(site)
    assert stray.executes is executes
    assert stray.digest == "sha256:" + hashlib.sha256(text).hexdigest()
    [finding] = findings(site)
    assert says in finding.message
    assert finding.actual == stray.digest


def test_a_listed_pth_file_is_no_stray(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    install(site, "pkg", files={"distutils-precedence.pth": b"import os\n", "pkg.py": b""})
    assert strays(site) == []


def test_a_package_of_strays_is_one_finding(site: Path) -> None:
    for name in ("__init__.py", "a.py", "deep/b.py", "deep/c.txt", "__pycache__/a.pyc"):
        put(site, f"rogue/{name}")
    [stray] = strays(site)
    assert (stray.path, stray.kind, stray.count) == (
        "lib/python3.11/site-packages/rogue",
        "module",
        4,
    )
    [finding] = findings(site)
    assert "4 files" in finding.message


def test_a_link_to_a_package_elsewhere(site: Path) -> None:
    (site / "linked").symlink_to("/opt/source")
    [stray] = strays(site)
    assert stray.kind == "module"


def test_rows_through_a_link_own_it(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    (site / "real").mkdir()
    (site / "real" / "x.py").write_bytes(b"")
    (site / "pkg").symlink_to("real")
    rows = [record_row("pkg/x.py", b""), record_row("real/x.py", b"")]
    install(site, "pkg", files={}, rows=rows)
    assert strays(site) == []


def test_rows_that_name_the_folder_otherwise(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    (tmp_path / "env" / "lib64").symlink_to("lib")
    (site / "other.py").write_bytes(b"")
    row = record_row("../../../lib64/python3.11/site-packages/other.py", b"")
    install(site, "pkg", rows=[row])
    assert strays(site) == []


@pytest.mark.parametrize("changed", [False, True])
def test_the_pth_of_virtualenv(site: Path, changed: bool) -> None:
    put(site, "_virtualenv.pth", b"import _virtualenv" + (b"; import evil" if changed else b""))
    assert [(stray.kind, stray.executes) for stray in strays(site)] == [("pth", True)] * changed


def test_an_unknown_patch_of_virtualenv_is_told_only(site: Path) -> None:
    put(site, "_virtualenv.py", b"import evil\n")
    [stray] = strays(site)
    assert (stray.kind, stray.executes) == ("known", True)
    assert stray.digest is not None
    assert stray.digest.removeprefix("sha256:") not in VIRTUALENV_DIGESTS
    [finding] = findings(site)
    assert (finding.rule.id, finding.rule.severity) == ("MOR108", "info")


def test_a_missing_package_that_left_its_module_is_one_finding(site: Path) -> None:
    put(site, "gone/__init__.py")
    result = verify(site.parents[2], locked("pkg"), locked("gone"))
    assert found(result) == [("MOR101", "gone")]
    assert result.findings[0].path == "lib/python3.11/site-packages/gone"


@pytest.mark.parametrize("told_by", ["name", "top_level.txt"])
def test_a_package_without_record_keeps_its_modules(site: Path, told_by: str) -> None:
    name = "yaml" if told_by == "name" else "PyYAML"
    info = install(site, name, files={"yaml/__init__.py": b""})
    (info / "RECORD").unlink()
    if told_by == "top_level.txt":
        (info / "top_level.txt").write_text("_yaml\nyaml\n")
    assert strays(site) == []
    assert found(verify(site.parents[2], locked("pkg"), locked(name.lower()))) == [
        ("MOR109", name.lower())
    ]


def test_a_package_without_record_may_be_the_owner(site: Path) -> None:
    info = install(site, "PyYAML", files={"yaml/__init__.py": b""})
    (info / "RECORD").unlink()
    result = verify(site.parents[2], locked("pkg"), locked("pyyaml"))
    assert [(f.rule.id, f.rule.severity) for f in result.findings if f.rule.id == "MOR108"] == [
        ("MOR108", "warning")
    ]
    assert "PyYAML" in result.findings[0].message


def test_many_strays_are_counted(site: Path) -> None:
    for number in range(SEVERAL + 20):
        put(site, f"m{number:03}.py")
        put(site, f"p{number:03}/__init__.py")
    seen = strays(site)
    assert len(seen) <= 2 * SEVERAL + 2
    assert sum(stray.count for stray in seen) == 2 * (SEVERAL + 20)
    assert {finding.rule.id for finding in findings(site)} == {"MOR108"}


def test_loops_fifos_and_foreign_names(site: Path) -> None:
    (site / "pkg" / "loop").symlink_to("..")
    os.mkfifo(site / "pipe.txt")
    os.mkfifo(site / "wait.pth")
    put(site, os.fsdecode(b"\xff\xfe.py"))
    assert {stray.path.rpartition("/")[2]: stray.kind for stray in strays(site)} == {
        "loop": "module",
        "pipe.txt": "data",
        "wait.pth": "pth",
        "\udcff\udcfe.py": "data",
    }
    for finding in findings(site):
        assert finding.path is not None
        assert finding.path.isprintable()


def test_a_tree_too_deep_to_be_named(site: Path) -> None:
    folder = os.open(site, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=folder)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    [finding] = findings(site)
    assert finding.rule.id == "MOR109"
    assert "too long" in finding.message


def test_the_system_folder_of_debian_is_not_walked(tmp_path: Path) -> None:
    (tmp_path / "lib" / "python3" / "dist-packages").mkdir(parents=True)
    put(tmp_path / "lib" / "python3" / "dist-packages", "apt.py")
    own = tmp_path / "lib" / "python3.11" / "dist-packages"
    put(own, "mine.py")
    mine, system = PathCollector(tmp_path).collect().strays
    assert mine.path == "lib/python3.11/dist-packages/mine.py"
    # Without dpkg's lists nobody can say what belongs there, and that is told.
    assert (system.path, system.kind) == ("lib/python3/dist-packages", "unexamined")
