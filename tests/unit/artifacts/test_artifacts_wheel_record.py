"""RECORD of a wheel: found at the end of the file, whatever the zip file looks like."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.wheels import wheel

from mooring.artifacts.record import RECORD_HEADER, NoIdentity, document_id
from mooring.artifacts.wheel_record import Damaged, WheelError, read_local
from mooring.digests import sha256_hex

INFO = "pkg-1.0.dist-info"
BUILT = wheel("pkg", "1.0", files={"pkg/__init__.py": b"x = 1\n", "pkg/data.txt": b"y" * 5000})


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(BUILT.data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(
    body: Mapping[str, bytes],
    *,
    method: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
    force_zip64: bool = False,
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.comment = comment
        for name, data in body.items():
            with archive.open(name, "w", force_zip64=force_zip64) as stream:
                stream.write(data)
    return out.getvalue()


def saved(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / BUILT.filename
    path.write_bytes(data)
    return path


def identity(path: Path) -> str:
    return document_id(RECORD_HEADER, read_local(path).lines)


def zip64(data: bytes) -> bytes:
    """Return the zip file with the end that archives of more than 4 GiB have."""
    end = data.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack("<HLL", data[end + 10 : end + 20])
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    last = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:end] + record + locator + last


@pytest.mark.parametrize(
    "change",
    [
        lambda: packed(members()),
        lambda: packed(members(), method=zipfile.ZIP_STORED),
        lambda: packed(members(), comment=b"signed by somebody" * 3000),
        lambda: packed(members(), force_zip64=True),
        lambda: zip64(packed(members())),
        lambda: b"#!/bin/sh\n" * 100 + packed(members()),
        lambda: packed(dict(reversed(members().items()))),
        lambda: packed({"pkg/": b"", **members()}),
    ],
    ids=["deflated", "stored", "comment", "zip64", "zip64-end", "prefix", "first", "folders"],
)
def test_how_it_is_packed_does_not_matter(tmp_path: Path, change: Callable[[], bytes]) -> None:
    expected = identity(saved(tmp_path, BUILT.data))
    assert identity(saved(tmp_path, change())) == expected


def test_the_locked_sha256_is_compared(tmp_path: Path) -> None:
    path = saved(tmp_path, BUILT.data)
    assert read_local(path, sha256_hex(BUILT.data)).checked
    assert not read_local(path).checked
    assert read_local(path).info == INFO
    with pytest.raises(WheelError, match="another wheel than the locked one"):
        read_local(path, "0" * 64)


def without_record() -> bytes:
    return packed({name: data for name, data in members().items() if "RECORD" not in name})


def unlisted() -> bytes:
    return packed({"pkg/evil.py": b"", **members()})


def two_infos() -> bytes:
    return packed({**members(), "other-1.dist-info/RECORD": b""})


def twice() -> bytes:
    # The names have one length: only the bytes of the second are renamed afterwards.
    data = packed({**members(), f"{INFO}/RECORX": b""})
    return data.replace(b"/RECORX", b"/RECORD")


def strange_method() -> bytes:
    return packed(members(), method=zipfile.ZIP_BZIP2)


def bomb() -> bytes:
    return packed({**members(), f"{INFO}/RECORD": b"\n" * (17 << 20)})


def lying_bomb() -> bytes:
    """Return a wheel whose RECORD says that it is short, and is not."""
    data = bytearray(bomb())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"PK\x05\x06"))
    data[at + 24 : at + 28] = struct.pack("<L", 100)
    return bytes(data)


def huge_directory() -> bytes:
    data = bytearray(b"\0" * (9 << 20)) + packed(members())
    end = data.rindex(b"PK\x05\x06")
    data[end + 12 : end + 20] = struct.pack("<LL", 9 << 20, end - (9 << 20))
    return bytes(data)


def edited_bytes() -> bytes:
    data = bytearray(packed(members(), method=zipfile.ZIP_STORED))
    data[data.rindex(b"pkg/data.txt,sha256=") + 22] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_record, "0 files"),
        (two_infos, "2 files"),
        (twice, "2 files"),
        (unlisted, "does not list 'pkg/evil.py'"),
        (strange_method, "unusual"),
        (bomb, "too large"),
        (lying_bomb, "no intact zip|too large"),
        (huge_directory, "too large|no intact zip"),
        (edited_bytes, "no intact zip"),
        (lambda: BUILT.data[: len(BUILT.data) // 2], "no intact zip"),
        (lambda: b"", "no intact zip"),
        (lambda: b"<html>not here</html>", "no intact zip"),
    ],
)
def test_a_wheel_without_an_id(tmp_path: Path, change: Callable[[], bytes], reason: str) -> None:
    with pytest.raises(NoIdentity, match=reason):
        read_local(saved(tmp_path, change()))


@pytest.mark.parametrize("position", range(0, 4000, 37))
def test_damage_anywhere_is_no_crash(tmp_path: Path, position: int) -> None:
    data = bytearray(packed(members(), force_zip64=True))
    at = -1 - position % len(data)
    data[at] ^= 0xFF
    try:
        identity(saved(tmp_path, bytes(data)))
    except NoIdentity:
        return


def test_files_that_are_installed_elsewhere_need_no_row(tmp_path: Path) -> None:
    more = {
        "pkg-1.0.data/scripts/run": b"",
        f"{INFO}/RECORD.jws": b"",
        "pkg/__pycache__/a.pyc": b"",
    }
    assert identity(saved(tmp_path, packed({**members(), **more}))) == identity(
        saved(tmp_path, BUILT.data)
    )


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(WheelError, match="cannot be read"):
        read_local(tmp_path / "absent.whl")
    with pytest.raises(WheelError, match="not a file"):
        read_local(tmp_path)
    os.mkfifo(tmp_path / "pipe.whl")
    with pytest.raises(WheelError, match="not a file"):
        read_local(tmp_path / "pipe.whl")


def test_damage_may_be_the_fault_of_the_moment() -> None:
    assert issubclass(Damaged, NoIdentity)
