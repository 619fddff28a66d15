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


GOOD = f"{encoded('sha256')},1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"a,{GOOD}\nb,{GOOD}\n",
        f"a,{GOOD}\nb,{GOOD}",
        f"a,{GOOD}\r\nb,{GOOD}\r\n",
        f"a,{GOOD}\n\nb,{GOOD}\n",
        f"a,{GOOD}\nb,,\n",
        f"a,{encoded('sha256')}=,1\n",
        f"a,{encoded('sha512')},1\nb,{GOOD}\n",
        "a,md5=abc,1\nb,,2\n",
        f"a,{GOOD},\n",
        f"a,{GOOD},x\nb,{GOOD}\n",
        f"a,{encoded('sha256')}\n5,b,{GOOD}\n",
        f"a,{encoded('sha256')}\n,b,{GOOD}\n",
        f'"a,b",{GOOD}\nc,{GOOD}\n',
        f'a"b,{GOOD}\n',
        f"a\x1cb,{GOOD}\n",
        f"a\u2028b,{GOOD}\n",
        f"a\x85b,{GOOD}\n",
        f"a\x00b,{GOOD}\n",
        f",{GOOD}\n",
        f"/x,{GOOD}\n../y,{GOOD}\nz/,{GOOD}\n./w,{GOOD}\n",
        f"a,{GOOD[:-1]}{'9' * 30}\n",
        f"a,{encoded('sha256')},\u0661\n",
        f"a,sha256=sha256={'A' * 36},1\nb,sha256={'A' * 50},1\n",
        f"a,sha256={'!' * 43},1\n",
        f"a,sha256={'A' * 42}=,1\n",
        f"a,sha256={'A' * 43},1\nb,sha256={'-_' * 21}B,2\n",
    ],
)
def test_the_short_way_gives_what_the_csv_module_gives(text: str) -> None:
    record = parse_record(text.encode("utf-8", "surrogateescape"), SITE, "/env")
    exact = list(record._rows(record.text))
    assert list(record) == exact
    assert [t for some in record.targets() for t in some] == [row[1] for row in exact if row[1]]
    for path in ("a", "b", "a,b"):
        first = next((row for row in exact if row[0] == path), None)
        assert record.find(path) == first


def test_a_record_of_many_rows_is_made_in_pieces() -> None:
    text = "".join(f"pkg/module_{n}.py,{GOOD}\n" for n in range(10_000)) + "../../../bin/x,,\n"
    record = parse_record(text.encode(), SITE)
    assert list(record) == list(map(Row._make, record._rows(text)))
    assert sum(map(len, record.targets())) == 10_001
