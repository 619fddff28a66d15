"""RECORD: what each kind of row becomes, and which files it can never lead to."""

from __future__ import annotations

import base64
import hashlib

import pytest

from mooring.verify.collectors.record import RECORD_LIMIT, RecordError, Row, parse_record

SITE = "lib/python3.11/site-packages"
DIGEST = hashlib.sha256(b"x").hexdigest()


def encoded(algorithm: str) -> str:
    raw = hashlib.new(algorithm, b"x").digest()
    return f"{algorithm}={base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


def one(row: str, root: str | None = None) -> Row:
    [found] = parse_record(row.encode("utf-8", "surrogateescape"), SITE, root)
    return found


def test_a_plain_row() -> None:
    assert one(f"pkg/mod.py,{encoded('sha256')},1") == Row(
        path="pkg/mod.py",
        target=f"{SITE}/pkg/mod.py",
        recorded=f"sha256:{DIGEST}",
        size=1,
        problem=None,
    )


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_algorithms_that_count(algorithm: str) -> None:
    row = one(f"a,{encoded(algorithm)},1")
    assert row.recorded == f"{algorithm}:{hashlib.new(algorithm, b'x').hexdigest()}"


@pytest.mark.parametrize(
    "digest", ["md5=abc", "sha1=abc", "sha256=", "sha256=short", f"sha256={'!' * 43}", "nonsense"]
)
def test_digests_that_do_not_count(digest: str) -> None:
    row = one(f"a,{digest},1")
    assert row.recorded is None
    assert row.problem


@pytest.mark.parametrize("row", ["a,,", "a,", "a"])
def test_rows_without_digest(row: str) -> None:
    assert one(row) == Row("a", f"{SITE}/a", None, None, None)


@pytest.mark.parametrize("size", ["-1", "x", "1.0", "\u0661", "\u00b2", "9" * 5000])
def test_a_size_that_is_none(size: str) -> None:
    assert one(f"a,{encoded('sha256')},{size}").size is None


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("../../../bin/tool", "bin/tool"),
        ("./pkg/../mod.py", f"{SITE}/mod.py"),
        ("pkg//mod.py", f"{SITE}/pkg/mod.py"),
        ("pkg\\mod.py", f"{SITE}/pkg/mod.py"),
        ("..hidden", f"{SITE}/..hidden"),
        ("/env/share/doc", "share/doc"),
        ("/env/lib/../share/doc", "share/doc"),
    ],
)
def test_paths_inside(path: str, target: str) -> None:
    assert one(f"{path},,", root="/env").target == target


@pytest.mark.parametrize(
    "path",
    [
        "../../../../etc/passwd",
        "..\\..\\..\\..\\etc\\passwd",
        "/etc/passwd",
        "/env/../etc/passwd",
        "/environment/file",
        "a/../../../../../x",
    ],
)
def test_paths_that_leave(path: str) -> None:
    row = one(f"{path},{encoded('sha256')},1", root="/env")
    assert row.target is None
    assert row.problem == "its path leaves the environment"


@pytest.mark.parametrize("path", ["", "a\x00b", "a\x1bb", '"a\nb"'])
def test_paths_that_are_none(path: str) -> None:
    row = one(f"{path},,")
    assert row.target is None
    assert row.problem


def test_names_that_are_not_utf8_come_back_to_their_bytes() -> None:
    [row] = parse_record(b"caf\xe9.py,,\n", SITE)
    assert row.target is not None
    assert row.target.encode("utf-8", "surrogateescape") == f"{SITE}/caf".encode() + b"\xe9.py"


def test_quoted_paths_and_empty_lines() -> None:
    rows = parse_record(b'"a,b.py",,\n\nc.py,,\n', SITE)
    assert [row.path for row in rows] == ["a,b.py", "c.py"]


def test_what_is_no_csv() -> None:
    with pytest.raises(RecordError, match="no CSV"):
        parse_record(b"a" * 200_000 + b",,\n", SITE)
    with pytest.raises(RecordError, match="larger than"):
        parse_record(b"\n" * (RECORD_LIMIT + 1), SITE)
