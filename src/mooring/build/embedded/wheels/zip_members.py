"""Members of a zip file as streams that end only when their bytes are the promised ones."""

from __future__ import annotations

import hashlib
import struct
import threading
from typing import BinaryIO

try:
    from zlib_ng import zlib_ng as zlib  # unpacks nearly twice as fast, and to the same bytes
except ImportError:  # what packs layers tells of it
    import zlib  # type: ignore[no-redef]

from mooring.build.embedded.wheels.refused import WheelRefused, shown
from mooring.build.embedded.wheels.site_record import hash_text
from mooring.build.embedded.wheels.zip_directory import (
    DEFLATED,
    DESCRIPTOR,
    ENCRYPTED,
    LOCAL_BYTES,
    Member,
)

_PIECE = 1 << 17
_RAW = -15
_ERROR: type[Exception] = zlib.error  # type: ignore[assignment]
_LOCAL = struct.Struct("<4s5H3L2H")
_FULL32 = 0xFFFFFFFF


class ZipMembers:
    """Reads members of an open zip file; several threads may do so at once.

    Args:
        stream: The file, which can be sought in.
        where: What messages call it.
    """

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.where = where

    def open(self, member: Member, expected: str | None = None) -> MemberSource:
        """Return the content of a member as a stream.

        Args:
            member: Of this file's directory.
            expected: Hash that it must have, `sha256=<urlsafe base64>` as RECORD has it.

        Raises:
            WheelRefused: Its own header contradicts the directory.
        """
        return MemberSource(self, member, self._content_start(member), expected)

    def read_at(self, start: int, length: int) -> bytes:
        """Return bytes of the file, fewer only at its end."""
        with self._lock:
            self._stream.seek(start)
            return self._stream.read(length)

    def _content_start(self, member: Member) -> int:
        """Return where the packed bytes begin; what unpacks as a stream reads this header."""
        raw = member.name.encode()
        data = self.read_at(member.offset, LOCAL_BYTES + len(raw))
        if len(data) != LOCAL_BYTES + len(raw):
            raise self.refused(member, "it breaks off")
        signature, _, flags, method, _, _, crc, packed, size, name, extra = _LOCAL.unpack_from(data)
        same = (
            signature == b"PK\x03\x04"
            and method == member.method
            and not flags & ENCRYPTED
            and name == len(raw)
            and data[LOCAL_BYTES:] == raw
        )
        if not flags & DESCRIPTOR:
            sizes = ((packed, member.packed), (size, member.size))
            same = same and crc == member.crc
            same = same and all(here in (there, _FULL32) for here, there in sizes)
        if not same:
            raise self.refused(member, "its own header contradicts the wheel's directory")
        return member.offset + len(data) + int(extra)

    def refused(self, member: Member, reason: str) -> WheelRefused:
        """Return the error for a member that is not what it is said to be."""
        return WheelRefused(f"{shown(member.name)} in it is damaged: {reason}", where=self.where)


class MemberSource:
    """A member's content; reading its end compares size, checksum and hash."""

    def __init__(
        self, archive: ZipMembers, member: Member, start: int, expected: str | None
    ) -> None:
        self._archive = archive
        self._member = member
        self._at = start
        self._packed_left = member.packed
        self._left = member.size
        self._inflate = zlib.decompressobj(_RAW) if member.method == DEFLATED else None
        self._crc = 0
        self._expected = expected
        self._hash = hashlib.new(expected.partition("=")[0]) if expected else None

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; none at the end.

        Raises:
            WheelRefused: The content is damaged or not the promised one.
        """
        if size < 0:
            pieces = []
            while piece := self.read(_PIECE):
                pieces.append(piece)
            return b"".join(pieces)
        wanted = min(size, self._left)
        data = self._some(wanted) if wanted else b""
        if data:
            self._left -= len(data)
            self._crc = zlib.crc32(data, self._crc)
            if self._hash is not None:
                self._hash.update(data)
        elif size:
            self._finish()
        return data

    def _some(self, wanted: int) -> bytes:
        """Return at least one byte, and not more than wanted."""
        if self._inflate is None:
            return self._packed(wanted)
        try:
            while not self._inflate.eof:
                packed = self._inflate.unconsumed_tail or self._packed(_PIECE)
                data = self._inflate.decompress(packed, wanted)
                if data:
                    return data
                if not packed:
                    break
        except _ERROR as error:
            raise self._archive.refused(self._member, str(error)) from error
        raise self._archive.refused(self._member, "it is shorter than it says")

    def _packed(self, wanted: int) -> bytes:
        data = self._archive.read_at(self._at, min(wanted, self._packed_left))
        if not data and self._packed_left:
            raise self._archive.refused(self._member, "it breaks off")
        self._at += len(data)
        self._packed_left -= len(data)
        return data

    def _finish(self) -> None:
        if self._inflate is not None and not self._ends():
            raise self._archive.refused(self._member, "it is longer than it says")
        if self._crc != self._member.crc:
            raise self._archive.refused(self._member, "its checksum is another one")
        if self._hash is not None and self._expected != hash_text(self._hash):
            raise WheelRefused(
                f"{shown(self._member.name)} in it is not what its RECORD says",
                where=self._archive.where,
            )

    def _ends(self) -> bool:
        """Whether nothing is left to unpack."""
        inflate = self._inflate
        assert inflate is not None
        try:
            while not inflate.eof:
                packed = inflate.unconsumed_tail or self._packed(_PIECE)
                if inflate.decompress(packed, 1) or not packed:
                    return False
        except _ERROR as error:
            raise self._archive.refused(self._member, str(error)) from error
        return not self._packed_left and not inflate.unused_data
