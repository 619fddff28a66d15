"""Records of conda-meta: both installers' shapes, and what nobody sane writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mooring.verify.collectors.conda_meta import CondaRow, DescribedPackage, read_records
from mooring.verify.collectors.folder import Folder

ONE, TWO = "1" * 64, "2" * 64


def read(root: Path, *records: object) -> list[DescribedPackage]:
    folder = root / "conda-meta"
    folder.mkdir()
    for number, record in enumerate(records):
        text = record if isinstance(record, str) else json.dumps(record)
        (folder / f"pkg-1.{number}-0.json").write_text(text)
    return list(read_records(Folder(str(root))))


def record(*rows: object, **values: object) -> dict[str, object]:
    base = {"name": "pkg", "version": "1.0", "build": "0", "subdir": "noarch"}
    return {**base, "paths_data": {"paths_version": 1, "paths": list(rows)}, **values}


def rows(root: Path, *found: object, **values: object) -> tuple[CondaRow, ...]:
    return read(root, record(*found, **values))[0].rows


def test_only_a_replaced_prefix_has_another_digest(tmp_path: Path) -> None:
    plain, replaced, link = rows(
        tmp_path,
        {"_path": "a", "path_type": "hardlink", "sha256": ONE, "sha256_in_prefix": TWO},
        {
            "_path": "b",
            "path_type": "hardlink",
            "sha256": ONE,
            "sha256_in_prefix": TWO,
            "prefix_placeholder": "/opt/x",
            "size_in_bytes": 5,
        },
        {"_path": "c", "path_type": "softlink", "sha256": ONE, "sha256_in_prefix": TWO},
    )
    assert (plain.recorded, plain.recorded_link) == (f"sha256:{ONE}", None)
    assert (replaced.recorded, replaced.packaged) == (f"sha256:{TWO}", f"sha256:{ONE}")
    assert replaced.size is None
    assert (link.kind, link.recorded, link.recorded_link) == (
        "link",
        f"sha256:{ONE}",
        f"sha256:{TWO}",
    )


@pytest.mark.parametrize(
    ("python", "module", "script"),
    [
        (
            {"version": "3.12.1", "build": "h_cpython", "subdir": "linux-64"},
            "lib/python3.12/site-packages/x.py",
            "bin/x",
        ),
        (
            {"version": "3.13.0", "build": "h_2_cp313t", "subdir": "linux-64"},
            "lib/python3.13t/site-packages/x.py",
            "bin/x",
        ),
        (
            {"version": "3.13.0", "subdir": "osx-arm64", "python_site_packages_path": "lib/own"},
            "lib/own/x.py",
            "bin/x",
        ),
        ({"version": "3.12.1", "subdir": "win-64"}, "Lib/site-packages/x.py", "Scripts/x"),
        (
            {"version": "3.12.1", "subdir": "linux-64", "python_site_packages_path": "../../etc"},
            "lib/python3.12/site-packages/x.py",
            "bin/x",
        ),
    ],
)
def test_noarch_paths_are_mapped(
    tmp_path: Path, python: dict[str, object], module: str, script: str
) -> None:
    wheel = record(
        {"_path": "site-packages/x.py", "path_type": "hardlink", "sha256": ONE},
        {"_path": "python-scripts/x", "path_type": "hardlink", "sha256": ONE},
        noarch="python",
    )
    found = read(tmp_path, record(**{**python, "name": "python"}), wheel)
    assert [row.path for row in found[1].rows] == [module, script]
    other = tmp_path / "other"
    other.mkdir()
    plain = read(other, record(*wheel["paths_data"]["paths"]))[0]  # type: ignore[index]
    assert [row.path for row in plain.rows] == ["site-packages/x.py", "python-scripts/x"]


def test_names_without_a_row_are_listed(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        {"_path": "a", "path_type": "hardlink", "sha256": ONE},
        {"_path": "d", "path_type": "directory"},
        files=["a", "b", "d", "__pycache__/c.pyc"],
    )
    assert [(row.path, row.kind) for row in found] == [("a", "file"), ("b", "listed")]


def test_records_without_rows_cannot_be_checked(tmp_path: Path) -> None:
    package = read(tmp_path, record(files=["a"]))[0].package
    assert package.problem == "its record has no digests of its files"
    assert read_records(Folder(str(tmp_path)))[0].owned == ("a",)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../out",
        "a/../../out",
        "C:/Windows/x",
        "a\nb",
        "a\x1b[2J",
        "",
        ".",
        "\\\\h\\x",
    ],
)
def test_paths_that_leave_are_not_looked_at(tmp_path: Path, path: str) -> None:
    (row,) = rows(tmp_path, {"_path": path, "path_type": "hardlink", "sha256": ONE})
    assert row.path is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "its record is no JSON"),
        ("[" * 100_000, "its record is no JSON"),
        ("[]", "its record names no package"),
        ('{"name": 3}', "its record names no package"),
        ("\x00", "its record is no JSON"),
    ],
)
def test_damaged_records_are_told(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = read(tmp_path, text)
    assert (found.package.name, found.package.problem) == ("pkg", problem)


def test_records_of_any_shape_are_read(tmp_path: Path) -> None:
    odd: list[object] = [
        record(3, None, {"_path": 4, "path_type": ["x"]}, {"path_type": "hardlink"}),
        {"name": "x", "paths_data": [], "files": {"a": 1}, "noarch": 5, "version": None},
        record({"_path": "a", "sha256": "XYZ", "size_in_bytes": "many"}, files=[1, None]),
        record(url="http://[", channel=4, sha256=5),
    ]
    found = read(tmp_path, *odd)
    assert [each.package.problem for each in found] == [None] * 4
    assert found[2].rows[0].recorded is None
    assert found[3].package.url == ""


def test_records_that_are_links_are_not_followed_out(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text(json.dumps(record(name="secret")))
    root = tmp_path / "env"
    (root / "conda-meta").mkdir(parents=True)
    (root / "conda-meta/pkg-1.0-0.json").symlink_to(tmp_path / "secret.json")
    (found,) = read_records(Folder(str(root)))
    assert found.package.name == "pkg"
    assert "leads out" in (found.package.problem or "")


def test_secrets_of_urls_are_dropped(tmp_path: Path) -> None:
    url = "https://me:s3cret@conda.example.org/t/t0ken/team/noarch/pkg-1.0-0.conda"
    (found,) = read(tmp_path, record(url=url, channel="https://me:s3cret@conda.example.org/team"))
    assert found.package.url == "https://conda.example.org/team/noarch/pkg-1.0-0.conda"
    assert "s3cret" not in found.package.channel


def test_distributions_are_named(tmp_path: Path) -> None:
    found = rows(tmp_path)
    assert found == ()
    other = tmp_path / "other"
    other.mkdir()
    paths = ("Zope.Interface-6.0.dist-info/METADATA", "old-1.0-py3.11.egg-info")
    (package,) = read(
        other,
        record(
            *(
                {"_path": f"site-packages/{path}", "path_type": "hardlink", "sha256": ONE}
                for path in paths
            ),
            noarch="python",
        ),
    )
    assert package.package.distributions == ("old", "zope-interface")
