"""RECORD, read and written."""

from __future__ import annotations

import csv
import io

import pytest
from tests.embedded_wheels import record_hash

from mooring.build.embedded.wheels.refused import WheelRefused
from mooring.build.embedded.wheels.site_record import (
    Row,
    check_record,
    hash_of,
    read_record,
    write_record,
)

INFO = "demo-1.0.dist-info"
HASH = record_hash(b"x")


def test_a_hash_is_written_as_the_specification_has_it() -> None:
    assert hash_of(b"") == "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def test_rows_are_read() -> None:
    rows = read_record(
        f'demo/a.py,{HASH},1\r\n"de,mo/""b"".py",{HASH}=,\n\ndemo\\c.py,{HASH},3\n'
        f"{INFO}/RECORD,,\n".encode(),
        "demo.whl",
    )
    assert rows == {
        "demo/a.py": Row(HASH, 1),
        'de,mo/"b".py': Row(HASH, None),
        "demo/c.py": Row(HASH, 3),
        f"{INFO}/RECORD": Row("", None),
    }


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_hashes_of_the_sha2_family_are_known(algorithm: str) -> None:
    value = record_hash(b"x", algorithm)
    assert read_record(f"a,{value},1\n".encode(), "w") == {"a": Row(value, 1)}


@pytest.mark.parametrize(
    "data",
    [
        b"\xff,,\n",
        b"a\n",
        b"a,b\n",
        b'"a,,\n',
        f"a,{HASH},many\n".encode(),
        b"a,md5=1B2M2Y8AsgTpgAmY7PhCfg,1\n",
        f"a,sha1={'x' * 27},1\n".encode(),
        f"a,sha256={'x' * 42},1\n".encode(),
        f"a,sha256={'+' * 43},1\n".encode(),
        f"a,{HASH},{'9' * 5000}\n".encode(),
        f"a,{'x' * 200_000},1\n".encode(),
    ],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(WheelRefused, match="its RECORD cannot be read") as caught:
        read_record(data, "demo.whl")
    assert caught.value.where == "demo.whl"
    assert len(str(caught.value)) < 300


def test_two_rows_of_one_path_must_agree() -> None:
    assert len(read_record(f"a,{HASH},1\na,{HASH},1\n".encode(), "w")) == 1
    with pytest.raises(WheelRefused, match="lists 'a' twice"):
        read_record(f"a,{HASH},1\na,{HASH},2\n".encode(), "w")


GOOD = {"a.py": Row(HASH, 1), f"{INFO}/RECORD": Row("", None)}
SIZES = {"a.py": 1, f"{INFO}/RECORD": 99}


def test_a_record_that_fits_its_wheel_passes() -> None:
    check_record(GOOD, SIZES, INFO, "w")
    check_record(GOOD, SIZES | {f"{INFO}/RECORD.jws": 5, f"{INFO}/RECORD.p7s": 5}, INFO, "w")
    check_record(GOOD | {"a.py": Row(HASH, None)}, SIZES, INFO, "w")


@pytest.mark.parametrize(
    ("rows", "sizes", "message"),
    [
        ({}, {"b.py": 1}, "does not list 'b.py'"),
        ({}, {f"{INFO}/entry_points.txt": 1}, "does not list"),
        ({}, {"RECORD": 1}, "does not list 'RECORD'"),
        ({"a.py": Row("", 1)}, {}, "has no hash of 'a.py'"),
        ({"a.py": Row(HASH, 2)}, {}, "has 1 bytes, its RECORD says 2"),
        ({"b.py": Row(HASH, 1)}, {}, "lists 'b.py', which is not in it"),
        ({"../../bin/x": Row(HASH, 1)}, {}, "which is not in it"),
    ],
)
def test_a_record_that_lies_is_refused(
    rows: dict[str, Row], sizes: dict[str, int], message: str
) -> None:
    with pytest.raises(WheelRefused, match=message):
        check_record(GOOD | rows, SIZES | sizes, INFO, "w")


def test_rows_are_sorted_and_its_own_is_the_last() -> None:
    rows = [("b.py", HASH, 1), ("../../../bin/demo", HASH, 20), ('a "b", c.py', HASH, 3)]
    data = write_record(rows, f"{INFO}/RECORD")
    assert data.decode() == (
        f'../../../bin/demo,{HASH},20\n"a ""b"", c.py",{HASH},3\nb.py,{HASH},1\n{INFO}/RECORD,,\n'
    )
    assert write_record(reversed(rows), f"{INFO}/RECORD") == data
    assert [row[0] for row in csv.reader(io.StringIO(data.decode()))][1] == 'a "b", c.py'
