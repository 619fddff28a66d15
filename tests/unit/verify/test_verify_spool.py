"""The temporary file in which code waits for its other half."""

from __future__ import annotations

from contextlib import closing

import pytest

from mooring.verify.collectors.spool import Spool, Spooled, is_code
from mooring.verify.collectors.tar_stream import TarError


def test_what_passes_is_kept() -> None:
    with closing(Spool("image")) as spool:
        kept: list[Spooled] = []
        for data in (b"one", b"", b"three"):
            pieces = [data[:2], data[2:]]
            assert b"".join(spool.keep(pieces, 7, kept)) == data
        assert [spool.read(at, 100) for at in kept] == [b"one", b"", b"three"]
        assert spool.read(kept[2], 2) == b"th"
        assert kept[2] == Spooled(3, 5, 7)


def test_it_has_an_end() -> None:
    with closing(Spool("image", most=10)) as spool, pytest.raises(TarError, match="code have more"):
        list(spool.keep([b"x" * 8, b"y" * 8], 0, []))


def test_what_is_code() -> None:
    names = ["a.py", "a.cpython-311.pyc", "a.pyi", "py", "a.so"]
    assert list(map(is_code, names)) == [True, True, False, False, False]
