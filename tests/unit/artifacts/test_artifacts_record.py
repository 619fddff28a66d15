"""The two digests: golden values, and every rule of the definition."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from mooring.artifacts.record import (
    RECORD_HEADER,
    NoIdentity,
    document,
    installed_record_id,
    is_library,
    paths_id,
    wheel_lines,
    wheel_record_id,
)

EMPTY = hashlib.sha256(b"").hexdigest()
ROW = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(b"").digest()).rstrip(b"=").decode()
INFO = "pkg-1.dist-info"
SITE = "lib/python3.11/site-packages"
GOLDEN = "sha256:1f14665974a6489eb47d1f5760ae314dc0e6c88c8e7cc7b8154b791c1bce97ca"
GOLDEN_PATHS = "sha256:ed909a6963c081713ae38fe7f9e4f856ddc0d61d9f32bf3da54863a2ec54e83f"
SIX = "sha256:f637b9e0d4f6d68cb0902d2acecd8680f413d6e1d5b062fd6a6176005d854348"
SIX_RECORD = """\
six.py,sha256=xRyR9wPT1LNpbJI8tf7CE-BeddkhU5O--sfy-mo5BN8,34703
six-1.17.0.dist-info/LICENSE,sha256=Q3W6IOK5xsTnytKUCmKP2Q6VzD1Q7pKq51VxXYuh-9A,1066
six-1.17.0.dist-info/METADATA,sha256=ViBCB4wnUlSfbYp8htvF3XCAiKe-bYBnLsewcQC3JGg,1658
six-1.17.0.dist-info/WHEEL,sha256=pxeNX5JdtCe58PUSYP9upmc7jdRPgvT0Gm9kb1SHlVw,109
six-1.17.0.dist-info/top_level.txt,sha256=_iVH_iYEtEXnD8nYGQYpYFUvkUW9sEO1GYbkeKSAais,4
six-1.17.0.dist-info/RECORD,,
"""


def record(*paths: str) -> bytes:
    return "".join(f"{path},{ROW},0\n" for path in paths).encode()


def installed(*paths: str, site: str = SITE, digest: str | None = f"sha256:{EMPTY}") -> str:
    return installed_record_id([(path, digest) for path in paths], info=INFO, site=site)


KEPT = ("late.py", f"{INFO}/WHEEL", "pkg/__init__.py")


def test_golden_record_id() -> None:
    assert wheel_record_id(record(*KEPT), INFO) == GOLDEN
    assert installed(*KEPT) == GOLDEN
    assert installed(*reversed(KEPT)) == GOLDEN


def test_golden_record_id_of_a_released_wheel() -> None:
    assert wheel_record_id(SIX_RECORD.encode(), "six-1.17.0.dist-info") == SIX


def test_golden_paths_id() -> None:
    rows: list[dict[str, Any]] = [
        {"_path": "lib/b.so", "path_type": "softlink", "sha256": EMPTY},
        {"_path": "bin/a", "path_type": "hardlink", "sha256": EMPTY},
        {"_path": "lib/python3.12/site-packages/a.py", "path_type": "hardlink", "sha256": EMPTY},
    ]
    assert paths_id(rows, noarch_python=True) == GOLDEN_PATHS
    packaged = [dict(row) for row in rows]
    packaged[1]["_path"] = "python-scripts/a"
    packaged[2] |= {"_path": "a.py.clobbered", "original_path": "Lib\\site-packages\\a.py"}
    more = [{"_path": "x", "path_type": kind} for kind in ("directory", "pyc_file", "other", None)]
    assert paths_id([*packaged, *more], noarch_python=True) == GOLDEN_PATHS
    assert paths_id(rows, noarch_python=False) != GOLDEN_PATHS


@pytest.mark.parametrize(
    "row",
    [
        {"_path": "a", "path_type": "hardlink"},
        {"_path": "a", "path_type": "hardlink", "sha256": "link"},
        {"_path": "a", "path_type": "hardlink", "sha256": EMPTY.upper()},
        {"_path": 7, "path_type": "hardlink", "sha256": EMPTY},
        {"_path": "a\nb", "path_type": "softlink"},
    ],
)
def test_no_paths_id(row: dict[str, Any]) -> None:
    with pytest.raises(NoIdentity):
        paths_id([row], noarch_python=False)


def test_the_body_is_what_sha256sum_checks() -> None:
    text = document(RECORD_HEADER, wheel_lines(record(*KEPT), INFO))
    assert text == (
        f"mooring.record/1\n{EMPTY}  late.py\n{EMPTY}  pkg-1.dist-info/WHEEL\n"
        f"{EMPTY}  pkg/__init__.py\n"
    )
    assert f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" == GOLDEN


def test_lines_are_sorted_by_their_bytes() -> None:
    lines = wheel_lines(record("b", "a/\u00e9", "a\uffee", "a\U0001f600", "a/z", "Z"), INFO)
    paths = [line.partition("  ")[2] for line in document("h", lines).splitlines()[1:]]
    assert paths == sorted(paths, key=str.encode)


@pytest.mark.parametrize(
    "path",
    [
        "pkg/__pycache__/x.cpython-311.pyc",
        "__pycache__/late.cpython-311.pyc",
        f"{INFO}/RECORD",
        f"{INFO}/RECORD.jws",
        f"{INFO}/INSTALLER",
        f"{INFO}/REQUESTED",
        f"{INFO}/direct_url.json",
        f"{INFO}/uv_cache.json",
        f"{INFO}/not-invented-yet",
        f"{INFO}/METADATA/x",
    ],
)
def test_what_installers_write_is_left_out_of_both(path: str) -> None:
    assert installed(*KEPT, path) == GOLDEN
    assert wheel_record_id(record(*KEPT, path), INFO) == GOLDEN
    # Such rows need no digest.
    assert wheel_record_id(record(*KEPT) + f"{path},,\n".encode(), INFO) == GOLDEN


@pytest.mark.parametrize(
    "path",
    [
        "../../../bin/pkg",
        "../../../share/x",
        "../outside.py",
        "/usr/local/bin/pkg",
        "C:\\Python\\Scripts\\pkg.exe",
        "..",
    ],
)
def test_rows_outside_of_the_library_folder_are_left_out(path: str) -> None:
    assert installed(*KEPT, path) == GOLDEN


@pytest.mark.parametrize(
    "path",
    [
        "other.py",
        f"{INFO}/METADATA",
        f"{INFO}/entry_points.txt",
        f"{INFO}/licenses/LICENSE",
        f"{INFO}/sboms/a.json",
        "pkg/_vendor/other-2.dist-info/RECORD",
        "other-2.dist-info/INSTALLER",
        "pkg/__pycache__.py",
    ],
)
def test_what_the_wheel_ships_counts(path: str) -> None:
    assert installed(*KEPT, path) != GOLDEN
    assert installed(*KEPT, path) == wheel_record_id(record(*KEPT, path), INFO)


@pytest.mark.parametrize(
    "path",
    [
        "pkg\\__init__.py",
        "./pkg/__init__.py",
        "pkg//x/../__init__.py",
        f"/opt/env/{SITE}/pkg/__init__.py",
        "../../../lib64/python3.11/site-packages/pkg/__init__.py",
    ],
)
def test_a_path_counts_in_its_normal_form(path: str) -> None:
    assert installed("late.py", f"{INFO}/WHEEL", path) == GOLDEN


@pytest.mark.parametrize("key", ["purelib", "platlib"])
def test_data_folders_of_a_wheel(key: str) -> None:
    rows = record("late.py", f"{INFO}/WHEEL", f"pkg-1.data/{key}/pkg/__init__.py")
    dropped = record(*(f"pkg-1.data/{other}/x" for other in ("scripts", "headers", "data", "new")))
    assert wheel_record_id(rows + dropped, INFO) == GOLDEN


@pytest.mark.parametrize(
    "row",
    [
        "a.py,,",
        "a.py",
        "a.py,md5=abc,1",
        "a.py,sha512=" + "A" * 86 + ",1",
        "a.py,sha256=" + "*" * 43 + ",1",
        "a.py,sha256=" + "A" * 42 + ",1",
        f"late.py,sha256={'A' * 43},0",
        f'"a\nb.py",{ROW},0',
        f"a\x7fb.py,{ROW},0",
        f"/abs.py,{ROW},0",
        f"../a.py,{ROW},0",
        f"x/../..,{ROW},0",
        f"C:/a.py,{ROW},0",
        f".,{ROW},0",
        f"pkg-1.data/purelib/,{ROW},0",
        f'"a,{ROW}',
    ],
)
def test_a_wheel_without_an_id(row: str) -> None:
    with pytest.raises(NoIdentity):
        wheel_record_id(record(*KEPT) + f"{row}\n".encode(), INFO)


@pytest.mark.parametrize(
    "data",
    [b"\xff,,\n", b"a\x00b,,\n", b'"' + b"x" * 200_000 + b'",,\n'],
    ids=["latin", "nul", "long"],
)
def test_a_record_that_is_none(data: bytes) -> None:
    with pytest.raises(NoIdentity):
        wheel_record_id(data, INFO)


@pytest.mark.parametrize(
    ("path", "digest"),
    [
        ("a.py", None),
        ("a.py", "sha512:" + "0" * 128),
        ("a.py", "sha256:" + "0" * 63),
        ("a.py", "sha256:" + "G" * 64),
        ("late.py", "sha256:" + "0" * 64),
        ("a\udcff.py", f"sha256:{EMPTY}"),
        ("a\nb.py", f"sha256:{EMPTY}"),
        ("", f"sha256:{EMPTY}"),
    ],
)
def test_an_installed_list_without_an_id(path: str, digest: str | None) -> None:
    rows = [(kept, f"sha256:{EMPTY}") for kept in KEPT]
    with pytest.raises(NoIdentity):
        installed_record_id([*rows, (path, digest)], info=INFO, site=SITE)


def test_the_same_row_twice_is_one() -> None:
    assert wheel_record_id(record(*KEPT, *KEPT) + b"\n", INFO) == GOLDEN


@pytest.mark.parametrize(
    ("site", "library"),
    [
        (SITE, True),
        ("lib64/python3.13t/site-packages", True),
        ("local/lib/python3.11/dist-packages", True),
        ("lib/pypy3.10/site-packages", True),
        ("Lib/site-packages", True),
        ("", False),
        ("vendored", False),
        ("app/site-packages", False),
    ],
)
def test_library_folders(site: str, library: bool) -> None:
    assert is_library(site) is library


def test_a_reason_is_one_short_line() -> None:
    with pytest.raises(NoIdentity) as caught:
        wheel_record_id(f'"{"x" * 100_000}\n\x1b[31m",,'.encode(), INFO)
    assert len(str(caught.value)) < 200
    with pytest.raises(NoIdentity) as caught:
        wheel_record_id(b"\x1b[31m\n,,", INFO)
    assert str(caught.value).isprintable()
