"""The tars inside of Debian packages as a stream of members, in bounded memory.

What dpkg refuses is refused too (deb(5)): extended headers of POSIX, sparse files, unknown types.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mooring.errors import MooringError
from mooring.oci.store import Source

MemberKind = Literal["file", "directory", "symlink", "hardlink"]

_BLOCK = 512
_PIECE = 1 << 16
_LONGEST = 4096
"""Bytes of a path, as the kernel has it."""
_MOST_MEMBERS = 500_000
_HIGHEST_ID = 65534
_KINDS: dict[bytes, MemberKind] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hardlink",
}
_NAMES = {
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
    tarfile.XHDTYPE: "an extended header",
    tarfile.XGLTYPE: "an extended header",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class DebRefused(MooringError):
    """A Debian package that is damaged, or that no honest archive would hold (exit code 3)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One member of a package's tar.

    Attributes:
        path: Absolute, without empty, `.` and `..` parts; `/` is the root itself.
        mode: Permission bits with sticky, setgid and setuid.
        size: Bytes of a file.
        target: Of a symbolic link as it is written; of a hard link a path like `path`.
    """

    path: str
    kind: MemberKind
    mode: int
    uid: int
    gid: int
    size: int = 0
    target: str = ""


class TarMembers:
    """Reads members in their order; the content of one is gone when the next is asked for.

    Args:
        stream: The tar, not compressed.
        where: How messages name it.
        most: Bytes that the stream may have: few that are compressed can claim any number.
    """

    def __init__(self, stream: Source, where: str, *, most: int) -> None:
        self._stream = stream
        self._where = where
        self._room = most
        self._most = most
        self._left = 0
        self._padding = 0
        self._long: dict[bytes, str] = {}

    def __iter__(self) -> Iterator[Member]:
        """Yield each member.

        Raises:
            DebRefused: The tar is damaged, too large, or holds what a package may not.
        """
        count = 0
        while (info := self._header()) is not None:
            if info.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
                self._long[info.type] = self._long_text(info)
                continue
            count += 1
            if count > _MOST_MEMBERS:
                raise self._refused(f"it has more than {_MOST_MEMBERS} members")
            yield self._member(info)
            while self.read(_PIECE):
                pass
            self._take(self._padding)
            self._long = {}

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes of the current file; none at its end."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._take(wanted)
        self._left -= wanted
        return data

    def _member(self, info: tarfile.TarInfo) -> Member:
        name = self._long.get(tarfile.GNUTYPE_LONGNAME, info.name)
        target = self._long.get(tarfile.GNUTYPE_LONGLINK, info.linkname)
        kind = _KINDS.get(info.type)
        if kind is None:
            raise self._refused(f"{name[:200]!r} is {_NAMES.get(info.type, 'of no known type')}")
        if not (0 <= info.uid <= _HIGHEST_ID and 0 <= info.gid <= _HIGHEST_ID):
            raise self._refused(f"{name[:200]!r} belongs to the user {info.uid}:{info.gid}")
        size = info.size if kind == "file" else 0
        if size < 0:
            raise self._refused("a member has a negative size")
        self._left, self._padding = size, -size % _BLOCK
        if kind == "symlink":
            self._check_text(target)
        return Member(
            path=self._path(name),
            kind=kind,
            mode=info.mode & 0o7777,
            uid=info.uid,
            gid=info.gid,
            size=size,
            target=self._path(target) if kind == "hardlink" else target,
        )

    def _path(self, name: str) -> str:
        self._check_text(name)
        if name.startswith("/"):
            raise self._refused(f"the path {name[:200]!r} is absolute")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise self._refused(f"the path {name[:200]!r} leads out of the package")
        if any(part.startswith(".wh.") for part in parts):
            # Engines take it for the removal of a file.
            raise self._refused(f"{name[:200]!r} has the name of a whiteout")
        return "/" + "/".join(parts)

    def _check_text(self, text: str) -> None:
        if not text or _CONTROL.search(text) or len(text) > _LONGEST:
            raise self._refused(f"the path {text[:200]!r} is empty, too long or not printable")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise self._refused(f"the path {text[:200]!r} is not UTF-8") from error

    def _long_text(self, info: tarfile.TarInfo) -> str:
        if not 0 < info.size <= _LONGEST + 1:
            raise self._refused("a path is too long")
        data = self._take(info.size)
        self._take(-info.size % _BLOCK)
        return data.rstrip(b"\0").decode("utf-8", "surrogateescape")

    def _header(self) -> tarfile.TarInfo | None:
        block = self._take(_BLOCK, end=True)
        if not block.strip(b"\0"):
            return None
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.TarError, ValueError) as error:
            raise self._refused("its tar is damaged") from error

    def _take(self, size: int, *, end: bool = False) -> bytes:
        """Read exactly so many bytes; `end` allows that there is nothing at all."""
        if size > self._room:
            raise self._refused(f"it unpacks to more than {self._most >> 20} MiB")
        self._room -= size
        pieces = bytearray()
        while len(pieces) < size:
            piece = self._stream.read(size - len(pieces))
            if not piece:
                break
            pieces += piece
        if len(pieces) < size and not (end and not pieces):
            raise self._refused("its tar breaks off in the middle")
        return bytes(pieces)

    def _refused(self, reason: str) -> DebRefused:
        return DebRefused(f"the package is refused: {reason}", where=self._where)
