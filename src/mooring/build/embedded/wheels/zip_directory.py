"""The list of a zip file's members, read one way only (PKWARE APPNOTE, section 4.3).

Readers of zip files differ in what they make of odd ones: bytes before the first member, two
directories, second names. Such files are refused here, so that what is checked is what every
installer sees.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from mooring.build.embedded.wheels.refused import WheelRefused, shown

MOST_MEMBERS = 100_000
"""Files and folders of a wheel; the largest known ones have some 30,000."""

STORED, DEFLATED = 0, 8
LOCAL_BYTES = 30
UTF8, ENCRYPTED, DESCRIPTOR = 0x800, 0x1, 0x8

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_MOST_COMMENT = 0xFFFF
_MOST_DIRECTORY = 64 << 20
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
# Encrypted in one of three ways, or a patch of another file.
_REFUSED_FLAGS = ENCRYPTED | 0x20 | 0x40 | 0x2000
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One member, as the directory describes it.

    Attributes:
        name: With `/`; a folder ends with one.
        size, packed: Bytes of the content and of what it is packed into.
        offset: Of its own header in the file.
        mode: Unix mode, 0 when none was kept.
    """

    name: str
    size: int
    packed: int
    offset: int
    method: int
    flags: int
    crc: int
    mode: int

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith("/")

    @property
    def end(self) -> int:
        """The first byte that can belong to another member."""
        return self.offset + LOCAL_BYTES + len(self.name.encode()) + self.packed


def read_directory(stream: BinaryIO, where: str) -> tuple[Member, ...]:
    """Return the members of a zip file in the order of its directory.

    Args:
        stream: The file, which can be sought in.
        where: What messages call it.

    Raises:
        WheelRefused: It is no zip file, is damaged, or can be read in more than one way.
    """
    start, size, count = _find(stream, where)
    if size > _MOST_DIRECTORY or count > MOST_MEMBERS:
        raise WheelRefused(f"it has more than {MOST_MEMBERS:,} members", where=where)
    stream.seek(start)
    data = stream.read(size)
    try:
        members = tuple(_members(data, where))
    except struct.error as error:
        raise _damaged(where, "its directory breaks off") from error
    if len(members) != count:
        raise _damaged(where, f"its directory has {len(members)} members instead of {count}")
    for member in members:
        if member.end > start:
            raise _damaged(where, f"{shown(member.name)} lies outside of it")
    return members


def _find(stream: BinaryIO, where: str) -> tuple[int, int, int]:
    """Return (start, size, number of members) of the directory."""
    length = stream.seek(0, io.SEEK_END)
    begin = max(0, length - _END.size - _MOST_COMMENT)
    stream.seek(begin)
    tail = stream.read(length - begin)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise _damaged(where, "it does not end as one")
    _, disk, first, here, count, size, start, comment = _END.unpack_from(tail, at)
    if at + _END.size + comment != len(tail):
        raise _damaged(where, "bytes follow its end")
    end = begin + at
    if end >= _LOCATOR.size:
        stream.seek(end - _LOCATOR.size)
        locator = stream.read(_LOCATOR.size)
        if locator.startswith(b"PK\x06\x07"):
            small = (disk, first, here, count, size, start)
            end, values = _end64(stream, locator, end, where)
            if any(a not in (b, _FULL16, _FULL32) for a, b in zip(small, values)):
                raise _damaged(where, "it has two ends that differ")
            disk, first, here, count, size, start = values
    if disk or first or here != count:
        raise _damaged(where, "it is one part of several")
    if start + size != end:
        raise _damaged(where, "there are bytes before or behind its directory")
    return start, size, count


def _end64(
    stream: BinaryIO, locator: bytes, before: int, where: str
) -> tuple[int, tuple[int, ...]]:
    """Return where the large end record is, and its six values."""
    _, _, at, _ = _LOCATOR.unpack(locator)
    if at + _END64.size + _LOCATOR.size != before:
        raise _damaged(where, "its end is not where it says")
    stream.seek(at)
    signature, _, _, _, *values = _END64.unpack(stream.read(_END64.size))
    if signature != b"PK\x06\x06":
        raise _damaged(where, "its end is not where it says")
    return at, tuple(values)


def _members(data: bytes, where: str) -> Iterator[Member]:
    at = 0
    while at < len(data):
        fields = _ENTRY.unpack_from(data, at)
        signature, flags, method = fields[0], fields[5], fields[6]
        crc, packed, size = fields[9:12]
        lengths = fields[12:15]
        attributes, offset = fields[17], fields[18]
        at += _ENTRY.size
        name_end = at + lengths[0]
        raw, extra = data[at:name_end], data[name_end : name_end + lengths[1]]
        at = name_end + lengths[1] + lengths[2]
        if signature != b"PK\x01\x02" or at > len(data):
            raise _damaged(where, "its directory is not in order")
        name = _name(raw, flags, where)
        size, packed, offset = _large(extra, (size, packed, offset), name, where)
        if flags & _REFUSED_FLAGS:
            raise WheelRefused(f"{shown(name)} in it is encrypted", where=where)
        if method not in (STORED, DEFLATED) or (method == STORED and size != packed):
            raise WheelRefused(f"{shown(name)} in it is packed in an unusual way", where=where)
        yield Member(
            name=name,
            size=size,
            packed=packed,
            offset=offset,
            method=method,
            flags=flags,
            crc=crc,
            mode=attributes >> 16,
        )


def _name(raw: bytes, flags: int, where: str) -> str:
    """Return a member's name; without the mark of UTF-8, readers agree on ASCII only."""
    try:
        return raw.decode("utf-8" if flags & UTF8 else "ascii")
    except UnicodeDecodeError as error:
        text = ascii(raw)[2:-1]
        raise WheelRefused(f"it holds a name that is not UTF-8: {shown(text)}", where=where) from (
            error
        )


def _large(
    extra: bytes, values: tuple[int, int, int], name: str, where: str
) -> tuple[int, int, int]:
    """Return size, packed size and offset, from the extra field where they do not fit."""
    found = list(values)
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        if tag == _UNICODE_PATH:
            raise WheelRefused(f"{shown(name)} in it has a second name", where=where)
        if tag == _ZIP64:
            field, position = extra[at + 4 : at + 4 + length], 0
            for number, value in enumerate(found):
                if value == _FULL32:
                    (found[number],) = struct.unpack_from("<Q", field, position)
                    position += 8
        at += 4 + length
    return found[0], found[1], found[2]


def _damaged(where: str, reason: str) -> WheelRefused:
    return WheelRefused(
        f"it is no intact zip file: {reason}",
        where=where,
        hint="fetch it again; if it stays so, lock another version of it",
    )
