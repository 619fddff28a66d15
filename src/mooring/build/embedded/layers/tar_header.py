"""Headers of a tar's members (POSIX.1-2001, pax).

They are written here, so that no release of Python moves a byte of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from mooring.build.embedded.interface import LAYER_TIME, Entry, EntryKind

BLOCK = 512
END = bytes(2 * BLOCK)
"""Two empty blocks end an archive."""

_TYPES: Mapping[EntryKind, bytes] = {"file": b"0", "directory": b"5", "symlink": b"2"}
_NAME, _PREFIX = 100, 155
_EXTENDED = b"././@PaxHeader"


def header_of(entry: Entry) -> bytes:
    """Return the header of an entry: one block, with those of its long or odd values before it.

    Raises:
        UnicodeEncodeError: A name cannot be written as UTF-8.
    """
    name = entry.path.lstrip("/").encode() + (b"/" if entry.kind == "directory" else b"")
    link = entry.target.encode() if entry.kind == "symlink" else b""
    size = entry.size if entry.kind == "file" else 0
    records: dict[str, bytes] = {}
    fields = _fitting(name)
    if fields is None:
        records["path"], fields = name, (_ascii(name)[:_NAME], b"")
    if len(link) > _NAME or not link.isascii():
        records["linkpath"], link = link, _ascii(link)[:_NAME]
    numbers = {"uid": (entry.uid, 7), "gid": (entry.gid, 7), "size": (size, 11)}
    kept = {key: _octal(key, *number, records) for key, number in numbers.items()}
    block = _block(
        fields,
        mode=entry.mode,
        owner=kept["uid"] + kept["gid"],
        size=kept["size"],
        kind=_TYPES[entry.kind],
        link=link,
    )
    return _extended(records) + block if records else block


def padding(size: int) -> bytes:
    """Return what fills the last block of a member's content."""
    return bytes(-size % BLOCK)


def _fitting(name: bytes) -> tuple[bytes, bytes] | None:
    """Return (name, prefix) as an ustar header splits it, or None when it does not fit."""
    if not name.isascii():
        return None
    if len(name) <= _NAME:
        return name, b""
    cut = name.find(b"/", max(0, len(name) - _NAME - 1), len(name) - 1)
    return (name[cut + 1 :], name[:cut]) if 0 < cut <= _PREFIX else None


def _octal(key: str, value: int, digits: int, records: dict[str, bytes]) -> bytes:
    if value >= 8**digits:
        records[key] = str(value).encode()
        value = 0
    return b"%0*o\0" % (digits, value)


def _extended(records: Mapping[str, bytes]) -> bytes:
    """Return the extended header that gives the next member these values."""
    body = b"".join(_record(key, records[key]) for key in sorted(records))
    block = _block(
        (_EXTENDED, b""),
        mode=0o644,
        owner=b"0000000\0" * 2,
        size=b"%011o\0" % len(body),
        kind=b"x",
        link=b"",
    )
    return block + body + padding(len(body))


def _record(key: str, value: bytes) -> bytes:
    """Return `LENGTH KEY=VALUE`, whose length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    if len(str(length)) > len(str(rest)):
        length += 1
    return b"%d %s=%s\n" % (length, key.encode(), value)


def _block(
    fields: tuple[bytes, bytes], *, mode: int, owner: bytes, size: bytes, kind: bytes, link: bytes
) -> bytes:
    name, prefix = fields
    block = b"".join(
        (
            name.ljust(_NAME, b"\0"),
            b"%07o\0" % mode,
            owner,
            size,
            b"%011o\0" % LAYER_TIME,
            b" " * 8,  # the checksum is taken with blanks in its place
            kind,
            link.ljust(_NAME, b"\0"),
            b"ustar\x0000",
            bytes(80),  # names of the owner and numbers of a device: none
            prefix.ljust(_PREFIX, b"\0"),
            bytes(12),
        )
    )
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _ascii(name: bytes) -> bytes:
    return name.decode().encode("ascii", "replace")
