"""Members of a zip file end only when their bytes are the promised ones."""

from __future__ import annotations

import io
import struct
import threading
import zipfile
import zlib

import pytest
from tests.embedded_wheels import named, record_hash

from mooring.build.embedded.wheels.refused import WheelRefused
from mooring.build.embedded.wheels.zip_directory import read_directory
from mooring.build.embedded.wheels.zip_members import MemberSource, ZipMembers

CENTRAL = b"PK\x01\x02"
TEXT = b"".join(b"line %d\n" % n for n in range(60_000))


def packed(data: bytes, *, method: bool = True) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(named("a/b.txt", packed=method), data)
    return out.getvalue()


def source(data: bytes, expected: str | None = None) -> MemberSource:
    stream = io.BytesIO(data)
    [member] = read_directory(stream, "demo.whl")
    return ZipMembers(stream, "demo.whl").open(member, expected)


@pytest.mark.parametrize("method", [True, False])
@pytest.mark.parametrize("step", [1 << 20, 77_777, -1])
def test_content_comes_back_in_pieces_of_any_size(method: bool, step: int) -> None:
    reader = source(packed(TEXT, method=method), record_hash(TEXT))
    found = b""
    while piece := reader.read(step):
        assert step < 0 or len(piece) <= step
        found += piece
    assert found == TEXT
    assert reader.read(1) == b""


def test_nothing_is_read_for_nothing() -> None:
    reader = source(packed(b"x"), record_hash(b"other"))
    assert reader.read(0) == b""


def test_an_empty_member_ends_at_once() -> None:
    for method in (True, False):
        assert source(packed(b"", method=method), record_hash(b"")).read(5) == b""


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_content_is_compared_with_record(algorithm: str) -> None:
    assert source(packed(TEXT), record_hash(TEXT, algorithm)).read() == TEXT
    reader = source(packed(TEXT), record_hash(TEXT[1:], algorithm))
    assert reader.read(100) == TEXT[:100]
    with pytest.raises(WheelRefused, match=r"'a/b\.txt' in it is not what its RECORD says"):
        reader.read()


def test_a_member_may_be_written_as_a_stream() -> None:
    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *args: int) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    out = Unseekable()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(named("a/b.txt"), TEXT)
    assert b"PK\x07\x08" in out.getvalue()
    assert source(out.getvalue(), record_hash(TEXT)).read() == TEXT


def refused(data: bytes, message: str) -> None:
    with pytest.raises(WheelRefused, match=message) as caught:
        source(data).read()
    assert caught.value.where == "demo.whl"


def changed(data: bytes, at: int, form: str, value: object) -> bytes:
    found = bytearray(data)
    struct.pack_into(form, found, at, value)
    return bytes(found)


def test_another_size_than_the_promised_one_is_refused() -> None:
    data = packed(TEXT)
    central = data.index(CENTRAL)
    for size, message in ((len(TEXT) + 1, "shorter"), (len(TEXT) - 1, "longer")):
        both = changed(changed(data, central + 24, "<L", size), 22, "<L", size)
        refused(both, f"{message} than it says")


def test_a_bomb_is_stopped_at_its_promised_size() -> None:
    data = packed(bytes(200 << 20))
    both = changed(changed(data, data.index(CENTRAL) + 24, "<L", 1000), 22, "<L", 1000)
    reader = source(both)
    assert len(reader.read(4096)) == 1000
    with pytest.raises(WheelRefused, match="longer than it says"):
        reader.read(1)


def test_a_wrong_checksum_is_refused() -> None:
    data = packed(TEXT)
    both = changed(changed(data, data.index(CENTRAL) + 16, "<L", 1), 14, "<L", 1)
    refused(both, "its checksum is another one")


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [
        pytest.param(0, "<4s", b"PK\x01\x02", id="signature"),
        pytest.param(6, "<H", 1, id="encrypted"),
        pytest.param(8, "<H", 0, id="method"),
        pytest.param(14, "<L", 5, id="checksum"),
        pytest.param(18, "<L", 5, id="packed size"),
        pytest.param(22, "<L", 5, id="size"),
        pytest.param(26, "<H", 6, id="length of its name"),
        pytest.param(30, "<1s", b"z", id="name"),
    ],
)
def test_a_header_that_contradicts_the_directory_is_refused(
    at: int, form: str, value: object
) -> None:
    refused(changed(packed(TEXT), at, form, value), "its own header contradicts")


def test_damaged_bytes_are_refused() -> None:
    data = packed(TEXT)
    for at in range(45, data.index(CENTRAL), 10_001):
        refused(changed(data, at, "<8s", b"\xff" * 8), "is damaged")


def test_bytes_behind_the_packed_ones_are_refused() -> None:
    deflate = zlib.compressobj(wbits=-15)
    body = deflate.compress(b"abc") + deflate.flush() + b"more"
    crc = zlib.crc32(b"abc")
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 33, crc, len(body), 3, 1, 0) + b"a"
    central = struct.pack(
        "<4s4B4HL2L5H2L",
        *(CENTRAL, 20, 3, 20, 0, 0, 8, 0, 33, crc, len(body), 3, 1, 0, 0, 0, 0, 0, 0),
    )
    start = len(local) + len(body)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central) + 1, start, 0)
    refused(local + body + central + b"a" + end, "longer than it says")


def test_threads_may_read_at_once() -> None:
    stream = io.BytesIO(packed(TEXT))
    [member] = read_directory(stream, "demo.whl")
    members = ZipMembers(stream, "demo.whl")
    found: list[bytes] = []

    def read() -> None:
        found.append(members.open(member, record_hash(TEXT)).read())

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [TEXT] * 6
