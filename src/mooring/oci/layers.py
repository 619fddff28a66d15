"""The layers of a saved image as plain tars, each checked against its digest while it is read."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from mooring.oci.store import SavedImageError, Source, Store

_PIECE = 1 << 20
MOST_PLAIN = 64 << 30
"""Bytes that a layer may have when it is unpacked: a small one can claim any number."""

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_MODULES = ("compression.zstd", "zstandard")
"""The standard library's from Python 3.14 on, and the package that came before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer of a saved image.

    Attributes:
        name: Of its file in the store.
        digest: Of the bytes in the store, `sha256:<hex>`; None when nothing tells it.
        diff_id: Of the tar inside, `sha256:<hex>`; checked where `digest` is None.
        media_type, size: As its descriptor has them; None where there is no descriptor.
    """

    name: str
    digest: str | None = None
    diff_id: str | None = None
    media_type: str | None = None
    size: int | None = None


@contextlib.contextmanager
def open_layer(store: Store, layer: Layer, *, most: int = MOST_PLAIN) -> Iterator[IO[bytes]]:
    """Give a layer as a tar; what was not read is read at the end, and the digest compared.

    Args:
        store: Where the layer is.
        layer: The layer.
        most: Bytes that it may have when it is unpacked.

    Raises:
        SavedImageError: The layer is absent, cannot be unpacked, or is not what its digest says.
    """
    with store.open(layer.name) as stored:
        where = f"{store.where}: {layer.name}"
        packed = _Checked(stored, where, None)
        head = packed.read(len(_ZSTD))
        plain = _Checked(_unpacked(head, packed, where), where, most)
        yield io.BufferedReader(plain, _PIECE)
        # Also what stands behind the end of the tar decides the digest.
        _read_out(plain)
        _read_out(packed)
    for expected, checked in ((layer.digest, packed), (layer.diff_id, plain)):
        if expected is not None:
            if checked.digest != expected:
                raise SavedImageError(
                    f"layer {layer.name} is not what its digest says: {expected} expected, "
                    f"{checked.digest} found",
                    where=store.where,
                    hint="the image was changed or is damaged; save or pull it again",
                )
            return


def _read_out(stream: Source) -> None:
    while stream.read(_PIECE):
        pass


class _Checked(io.RawIOBase):
    """A stream that hashes what is read from it."""

    def __init__(self, stream: Source, where: str, most: int | None) -> None:
        super().__init__()
        self._stream = stream
        self._where = where
        self._left = most
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise SavedImageError(
                    "the layer unpacks to more than is accepted", where=self._where
                )
        return data

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


class _Joined:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, stream: Source) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        if self._head:
            head, self._head = self._head[:size], self._head[size:]
            return head
        return self._stream.read(size)


def _unpacked(head: bytes, rest: Source, where: str) -> Source:
    joined = _Joined(head, rest)
    if head.startswith(_GZIP):
        return _Gunzipped(joined, where)
    if head == _ZSTD:
        return _unzstd(joined, where)
    return joined


class _Gunzipped:
    """A gzip stream of any number of members, unpacked in pieces of bounded size."""

    def __init__(self, stream: Source, where: str) -> None:
        self._stream = stream
        self._where = where
        # Three times as fast as Python's own, and what comes out is the same; kept off the
        # start-up path.
        from zlib_ng import zlib_ng

        self._library = zlib_ng
        # Its stubs take the class for one of its values.
        self._error: type[Exception] = zlib_ng.error  # type: ignore[assignment]
        self._inflate = zlib_ng.decompressobj(wbits=31)
        self._input = b""

    def read(self, size: int = -1, /) -> bytes:
        size = _PIECE if size < 0 else size
        while True:
            if self._inflate.eof:
                # Concatenated members are legal; padding behind the last one is not data.
                self._input = self._inflate.unused_data or self._stream.read(_PIECE)
                if not self._input.startswith(_GZIP):
                    return b""
                self._inflate = self._library.decompressobj(wbits=31)
            if not self._input:
                self._input = self._stream.read(_PIECE)
                if not self._input:
                    raise self._broken("it breaks off")
            try:
                data = self._inflate.decompress(self._input, size)
            except self._error as error:
                raise self._broken("it is no valid gzip") from error
            self._input = self._inflate.unconsumed_tail
            if data:
                return data

    def _broken(self, reason: str) -> SavedImageError:
        return SavedImageError(f"the layer cannot be unpacked: {reason}", where=self._where)


def _unzstd(stream: Source, where: str) -> Source:
    for name in _ZSTD_MODULES:
        with contextlib.suppress(ImportError):
            module = importlib.import_module(name)
            break
    else:
        raise SavedImageError(
            "the layer is packed with zstd, which this Python cannot unpack",
            where=where,
            hint="install the package zstandard beside Mooring, or use Python 3.14",
        )
    if name == "zstandard":
        unpacker = module.ZstdDecompressor(max_window_size=1 << 27)
        # Builders may write a frame for each file, so that single ones can be fetched.
        reader: Source = unpacker.stream_reader(stream, read_across_frames=True)
        failures: tuple[type[Exception], ...] = (module.ZstdError,)
    else:
        reader = module.ZstdFile(stream, "rb")
        failures = (module.ZstdError, EOFError)
    return _Translated(reader, failures, where)


class _Translated:
    """An unpacking stream whose own errors become ours."""

    def __init__(self, stream: Source, failures: tuple[type[Exception], ...], where: str) -> None:
        self._stream = stream
        self._failures = failures
        self._where = where

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._stream.read(_PIECE if size < 0 else size)
        except self._failures as error:
            raise SavedImageError(
                "the layer cannot be unpacked: it is no valid zstd", where=self._where
            ) from error
