"""The list of a zip file's members: what can be read in two ways is refused."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from tests.embedded_wheels import named

from mooring.build.embedded.wheels.refused import WheelRefused
from mooring.build.embedded.wheels.zip_directory import MOST_MEMBERS, Member, read_directory

CENTRAL, END = b"PK\x01\x02", b"PK\x05\x06"


def packed(*members: tuple[zipfile.ZipInfo, bytes], comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.comment = comment
        for info, data in members:
            archive.writestr(info, data)
    return out.getvalue()


PLAIN = packed((named("a.txt"), b"text" * 99), (named("b/", packed=False), b""))


def listed(data: bytes) -> tuple[Member, ...]:
    return read_directory(io.BytesIO(data), "demo.whl")


def patched(data: bytes, at: int, form: str, *values: object) -> bytes:
    """Return the data with fields of its first directory entry, or its end, replaced."""
    changed = bytearray(data)
    struct.pack_into(form, changed, at, *values)
    return bytes(changed)


def test_members_are_listed_with_what_reading_them_needs() -> None:
    first, second = listed(PLAIN)
    assert (first.name, first.size, first.offset, first.mode) == ("a.txt", 396, 0, 0o100644)
    assert first.packed < first.size
    assert (second.name, second.is_folder, first.is_folder) == ("b/", True, False)


def test_it_agrees_with_the_standard_library() -> None:
    data = packed(
        (named("é/日本.py", mode=0o100755), b"x = 1\n" * 500),
        (named("stored", packed=False), b"1"),
        (named("extra", extra=b"\x55\x54\x05\0\x01abcd"), b"2"),
        comment=b"a comment",
    )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        expected = [
            (i.filename, i.file_size, i.compress_size, i.header_offset, i.CRC)
            for i in archive.infolist()
        ]
    assert [(m.name, m.size, m.packed, m.offset, m.crc) for m in listed(data)] == expected


def test_an_empty_archive_has_no_members() -> None:
    assert listed(packed()) == ()


def zip64(data: bytes, **changed: int) -> bytes:
    """Return a zip file with its end written anew in the large form."""
    end = data.rindex(END)
    count, size, start = struct.unpack_from("<HLL", data, end + 10)
    values = {"count": count, "size": size, "start": start, "at": end} | changed
    large = struct.pack(
        "<4sQ2H2L4Q",
        *(b"PK\x06\x06", 44, 45, 45, 0, 0, values["count"], values["count"]),
        *(values["size"], values["start"]),
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, values["at"], 1)
    small = struct.pack(
        "<4s4H2LH",
        *(END, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, values.get("small", 0xFFFFFFFF), 0),
    )
    return data[:end] + large + locator + small


def test_the_large_form_is_read() -> None:
    assert listed(zip64(PLAIN)) == listed(PLAIN)


def test_large_sizes_are_read_from_the_extra_field() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, archive.open("a", "w", force_zip64=True) as stream:
        stream.write(b"x" * 1000)
    assert [m.size for m in listed(out.getvalue())] == [1000]


@pytest.mark.parametrize(
    "changed", [{"count": 3}, {"size": 1}, {"start": 7}, {"at": 3}, {"small": 5}]
)
def test_two_ends_that_differ_are_refused(changed: dict[str, int]) -> None:
    with pytest.raises(WheelRefused):
        listed(zip64(PLAIN, **changed))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a zip file at all", id="text"),
        pytest.param(b"\x1f\x8b" + bytes(400), id="gzip"),
        pytest.param(PLAIN[:-1], id="end cut off"),
        pytest.param(PLAIN[:100], id="cut off"),
        pytest.param(b"#!/bin/sh\n" + PLAIN, id="bytes before it"),
        pytest.param(PLAIN + b"\0", id="bytes behind it"),
        pytest.param(PLAIN + PLAIN, id="two of them"),
        pytest.param(patched(PLAIN, len(PLAIN) - 22 + 4, "<H", 1), id="part of several"),
        pytest.param(patched(PLAIN, len(PLAIN) - 22 + 8, "<HH", 1, 1), id="fewer than there are"),
        pytest.param(patched(PLAIN, len(PLAIN) - 22 + 8, "<HH", 9, 9), id="more than there are"),
        pytest.param(patched(PLAIN, len(PLAIN) - 22 + 12, "<L", 7), id="directory of 7 bytes"),
        pytest.param(patched(PLAIN, PLAIN.index(CENTRAL), "<4s", b"PK\0\0"), id="signature"),
        pytest.param(patched(PLAIN, PLAIN.index(CENTRAL) + 28, "<H", 9999), id="long name"),
        pytest.param(patched(PLAIN, PLAIN.index(CENTRAL) + 42, "<L", 9999), id="offset outside"),
        pytest.param(patched(PLAIN, PLAIN.index(CENTRAL) + 20, "<L", 9999), id="packed outside"),
    ],
)
def test_what_is_no_intact_zip_file_is_refused(data: bytes) -> None:
    with pytest.raises(WheelRefused, match="no intact zip file") as caught:
        listed(data)
    assert caught.value.where == "demo.whl"


@pytest.mark.parametrize("flag", [0x1, 0x20, 0x40, 0x2000])
def test_encrypted_members_are_refused(flag: int) -> None:
    with pytest.raises(WheelRefused, match=r"'a\.txt' in it is encrypted"):
        listed(patched(PLAIN, PLAIN.index(CENTRAL) + 8, "<H", flag))


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 99])
def test_other_ways_to_pack_are_refused(method: int) -> None:
    with pytest.raises(WheelRefused, match=r"'a\.txt' in it is packed in an unusual way"):
        listed(patched(PLAIN, PLAIN.index(CENTRAL) + 10, "<H", method))


def test_stored_bytes_of_another_number_are_refused() -> None:
    data = packed((named("a", packed=False), b"12345"))
    with pytest.raises(WheelRefused, match="unusual way"):
        listed(patched(data, data.index(CENTRAL) + 24, "<L", 6))


def test_a_name_that_is_not_utf8_is_refused() -> None:
    data = packed((named("é"), b""))
    wrong = data.replace("é".encode(), b"\xc3\x28")
    with pytest.raises(WheelRefused, match="not UTF-8"):
        listed(wrong)
    unmarked = patched(data, data.index(CENTRAL) + 8, "<H", 0)
    with pytest.raises(WheelRefused, match="not UTF-8"):
        listed(unmarked)


def test_a_second_name_is_refused() -> None:
    extra = struct.pack("<HHBL", 0x7075, 6, 1, 0) + b"b"
    with pytest.raises(WheelRefused, match="'a' in it has a second name"):
        listed(packed((named("a", extra=extra), b"")))


def test_an_extra_field_that_breaks_off_is_refused() -> None:
    data = packed((named("a", extra=struct.pack("<HHL", 1, 4, 0)), b"123"))
    with pytest.raises(WheelRefused, match="breaks off"):
        listed(patched(data, data.index(CENTRAL) + 24, "<L", 0xFFFFFFFF))


def test_too_many_members_are_refused_before_they_are_read() -> None:
    entry = PLAIN[PLAIN.index(CENTRAL) : PLAIN.index(CENTRAL) + 51]
    directory = entry * (MOST_MEMBERS + 1)
    size = MOST_MEMBERS + 1
    large = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, size, size, len(directory), 0
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(directory), 1)
    end = struct.pack("<4s4H2LH", END, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    with pytest.raises(WheelRefused, match="more than 100,000 members"):
        listed(directory + large + locator + end)


@pytest.mark.parametrize("start", range(0, len(PLAIN), 3))
def test_no_damage_gives_another_error(start: int) -> None:
    for value in (0, 0xFF, 0x50):
        data = bytearray(PLAIN)
        data[start : start + 3] = bytes([value]) * len(data[start : start + 3])
        try:
            listed(bytes(data))
        except WheelRefused:
            continue
