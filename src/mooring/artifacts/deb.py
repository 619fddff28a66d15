"""Debian packages (deb(5)): what they say of themselves, and their files; nothing is executed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mooring.artifacts.deb_compression import unpacked
from mooring.artifacts.deb_control import parse_stanzas
from mooring.artifacts.deb_tar import DebRefused, TarMembers
from mooring.oci.store import Source

_MAGIC = b"!<arch>\n"
_HEADER = 60
_PIECE = 1 << 16
_CONTROL_LIMIT = 16 << 20
_CONTROL_FILE_LIMIT = 8 << 20
_LEAST, _RATIO, _MOST = 256 << 20, 200, 16 << 30
"""Bytes that any package may unpack to; how much more of each byte; and the most of all."""
_KEPT = frozenset({"control", "conffiles", "postinst"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Deb:
    """An open package; its members can be read once.

    Attributes:
        fields: The control fields, in their order.
        conffiles: Paths of the configuration files that it lists.
        postinst: The script that dpkg would run after unpacking, empty when there is none; it is
            only looked at.
        members: Its files. The content of the current one is read from it.
    """

    fields: Mapping[str, str]
    conffiles: tuple[str, ...]
    postinst: str
    members: TarMembers


@contextlib.contextmanager
def open_deb(stream: Source, path: Path, *, where: str, size: int) -> Iterator[Deb]:
    """Open a package that is read once, from its beginning to its end.

    Args:
        stream: The package; at the end of the block it is read to its end, so that a stream that
            checks a digest gets to compare it.
        path: The same package as a file, for dpkg where this Python cannot unpack it.
        where: How messages name it.
        size: Bytes of the package, which bounds what it may unpack to.

    Raises:
        DebRefused: It is no package, damaged, or holds what no honest one does.
    """
    archive = _Archive(stream, where)
    if archive.member("debian-binary").read(_PIECE)[:2] != b"2.":
        raise DebRefused("the package has an unknown format", where=where)
    with unpacked(*archive.compressed("control.tar"), path=path, where=where) as plain:
        control = _read_control(plain, where)
    paragraph = next(parse_stanzas(_text(control, "control")), None)
    if paragraph is None or not paragraph.keys() >= {"Package", "Version", "Architecture"}:
        raise DebRefused("the package does not say what it is", where=where)
    most = min(_LEAST + _RATIO * size, _MOST)
    with unpacked(*archive.compressed("data.tar"), path=path, where=where) as plain:
        yield Deb(
            fields=paragraph,
            conffiles=tuple(
                line.strip()
                for line in _text(control, "conffiles").splitlines()
                # Others are marked with a word before them, such as `remove-on-upgrade`.
                if line.startswith("/")
            ),
            postinst=_text(control, "postinst"),
            members=TarMembers(plain, where, most=most),
        )
    archive.skip()
    while stream.read(_PIECE):
        pass


def _read_control(stream: Source, where: str) -> dict[str, bytes]:
    members = TarMembers(stream, where, most=_CONTROL_LIMIT)
    found = {}
    for member in members:
        name = member.path.removeprefix("/")
        if name in _KEPT and member.kind == "file" and member.size <= _CONTROL_FILE_LIMIT:
            found[name] = members.read()
    return found


def _text(control: Mapping[str, bytes], name: str) -> str:
    return control.get(name, b"").decode("utf-8", "replace")


class _Archive:
    """The outer container (`ar`), read forwards."""

    def __init__(self, stream: Source, where: str) -> None:
        self._stream = stream
        self._where = where
        self._current: _Part | None = None
        if _exactly(stream, len(_MAGIC)) != _MAGIC:
            raise DebRefused("this is no Debian package", where=where)

    def member(self, name: str) -> _Part:
        """Return the next member, which must have this name."""
        found, part = self._next()
        if found != name:
            raise self._refused(f"{name} was expected, {found[:40]!r} found")
        return part

    def compressed(self, name: str) -> tuple[str, Source]:
        """Return the whole name and the bytes of the next member, whose name has an ending."""
        while True:
            found, part = self._next()
            if found == name or found.startswith(f"{name}."):
                return found, part
            if not found.startswith("_"):  # such members are for others (deb(5))
                raise self._refused(f"{name} was expected, {found[:40]!r} found")

    def skip(self) -> None:
        """Go to the end of the present member, which must be there."""
        if self._current is not None:
            self._current.skip()

    def _next(self) -> tuple[str, _Part]:
        self.skip()
        header = _exactly(self._stream, _HEADER)
        size = header[48:58].rstrip(b" ")
        if len(header) < _HEADER or header[58:] != b"`\n" or not size.isdigit():
            raise self._refused("it breaks off, or is damaged")
        self._current = _Part(self._stream, int(size), self._where)
        return header[:16].rstrip(b" ").removesuffix(b"/").decode("ascii", "replace"), self._current

    def _refused(self, reason: str) -> DebRefused:
        return DebRefused(f"the package is refused: {reason}", where=self._where)


class _Part:
    """One member of the container."""

    def __init__(self, stream: Source, size: int, where: str) -> None:
        self._stream = stream
        self._left = size
        self._padding = size % 2
        self._where = where

    def read(self, size: int = -1, /) -> bytes:
        wanted = min(_PIECE if size < 0 else size, self._left)
        data = self._stream.read(wanted)
        if wanted and not data:
            raise DebRefused("the package breaks off in the middle", where=self._where)
        self._left -= len(data)
        return data

    def skip(self) -> None:
        while self.read(_PIECE):
            pass
        _exactly(self._stream, self._padding)


def _exactly(stream: Source, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := stream.read(size - len(data))):
        data += piece
    return data
