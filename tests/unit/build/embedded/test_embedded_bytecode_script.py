"""One source to one `.pyc`, in this process."""

from __future__ import annotations

import base64
import importlib.util
import marshal
import sys
from types import CodeType

import pytest

from mooring.build.embedded.bytecode import script


def test_byte_code_is_bound_to_its_source_and_to_no_time() -> None:
    source = b"x = 1\n"
    made = base64.b64decode(script.answer("/opt/env/lib/x.py", source), validate=True)
    assert made[:4] == importlib.util.MAGIC_NUMBER
    assert made[4:8] == b"\x01\0\0\0", "hash-based, and the source is not looked at (PEP 552)"
    assert made[8:16] == importlib.util.source_hash(source)
    code = marshal.loads(made[16:])
    assert isinstance(code, CodeType)
    assert code.co_filename == "/opt/env/lib/x.py"


@pytest.mark.parametrize(
    "source",
    [
        b"print 'old'",
        b"\0",
        b"# coding: nonsense\n",
        b"# coding: utf-8\nx = '\xff'",
        b"(" * 5000,
        b"-" * 200_000 + b"1",
        b"x" * 10 + b"." + b"y." * 200_000,
        b"return",
    ],
)
def test_what_does_not_compile_is_skipped(source: bytes) -> None:
    assert script.answer("/x.py", source) == script.SKIPPED


def test_nothing_is_executed() -> None:
    assert script.answer("/x.py", b"raise SystemExit(1)") != script.SKIPPED


def test_a_source_in_another_encoding_compiles() -> None:
    source = "# coding: latin-1\nx = 'ü'\n".encode("latin-1")
    assert script.answer("/x.py", source) != script.SKIPPED


def test_the_identity_is_the_whole_version() -> None:
    name, version, *_ = script.identity().split()
    assert name == sys.implementation.name
    assert version == ".".join(map(str, sys.version_info[:3]))
