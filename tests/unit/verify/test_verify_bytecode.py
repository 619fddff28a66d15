"""Byte code against its source: compared, never executed."""

from __future__ import annotations

import _imp
import importlib.util
import marshal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.environments import PYTHON, install, make_venv, selection

from mooring.manifest.model import VerifyPolicy
from mooring.verify.collectors import bytecode
from mooring.verify.collectors.bytecode import FolderCode, Pair, check_bytecode
from mooring.verify.collectors.compiled import is_same, judge
from mooring.verify.collectors.folder import Folder
from mooring.verify.collectors.interpreters import own_compiler
from mooring.verify.compare import compare
from mooring.verify.inventory import ByteCode, Facts, Interpreter, Inventory

SOURCE = b'''
import os
LIMIT = 1e400 - 1e400
ZERO = 0.0
def f(x, /, y=(1, 2.0, "a"), *, z=frozenset({1, 2})):
    """Say."""
    assert x in {1, 2, 3}, "no"
    class Inner:
        value = [n for n in range(x)]
    return lambda: (Inner, y, z)
'''
HERE = ".".join(map(str, sys.version_info[:3]))
TAG = sys.implementation.cache_tag


def pyc(source: bytes, *, flags: int = 0, check: bytes = bytes(8), level: int = 0) -> bytes:
    code = compile(source, "/somewhere/else.py", "exec", dont_inherit=True, optimize=level)
    head = importlib.util.MAGIC_NUMBER + flags.to_bytes(4, "little") + check
    return head + marshal.dumps(code)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_same_source_gives_the_same(level: int) -> None:
    assert judge(SOURCE, pyc(SOURCE, level=level), level) == "same"
    assert judge(SOURCE, pyc(SOURCE, level=level), (level + 1) % 3) == "other"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"ZERO = 0.0", b"ZERO = -0.0"),
        (b"ZERO = 0.0", b"ZERO = 0"),
        (b"import os", b"import sys"),
        (b'"no"', b'"on"'),
        (b"range(x)", b"range(9)"),
        (b"{1, 2})", b"{1, 3})"),
        (b"x, /,", b"x,"),
        (b"import os", b"\nimport os"),
    ],
)
def test_another_source_gives_another(old: bytes, new: bytes) -> None:
    changed = SOURCE.replace(old, new)
    assert changed != SOURCE
    assert judge(SOURCE, pyc(changed), 0) == "other"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        marshal.dumps(1),
        b"(" + b"\xff" * 4,
        marshal.dumps("x")[:-1],
        b")\x01" * 9000,
    ],
)
def test_what_is_no_byte_code(data: bytes) -> None:
    assert judge(SOURCE, bytes(16) + data, 0) == "unread"


def test_a_source_that_cannot_be_compiled() -> None:
    assert judge(b"def", pyc(SOURCE), 0) == "other"
    assert judge(b"x = \x00", pyc(SOURCE), 0) == "other"


def test_constants_are_compared_by_type() -> None:
    assert is_same((1, (2.0, None)), (1, (2.0, None)))
    assert not is_same((1,), (True,))
    assert not is_same(frozenset({1}), frozenset({1.0}))
    assert not is_same((1, 2), (1,))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    site = make_venv(tmp_path, version=HERE)
    install(site, "pkg", files={"pkg/a.py": SOURCE})
    (site / "pkg" / "__pycache__").mkdir()
    return site / "pkg"


def cached(package: Path, data: bytes, name: str = f"a.{TAG}.pyc") -> str:
    (package / "__pycache__" / name).write_bytes(data)
    return f"{package.relative_to(package.parents[4])}/__pycache__/{name}"


def stamp(path: Path) -> bytes:
    info = path.stat()
    return int(info.st_mtime).to_bytes(4, "little") + info.st_size.to_bytes(4, "little")


def check(package: Path, *paths: str, version: str = HERE) -> list[tuple[str, int]]:
    files = FolderCode(Folder(str(package.parents[4 - 1])))
    found = check_bytecode(
        files,
        paths,
        Interpreter(version=version),
        find=lambda tag, _: own_compiler() if tag == TAG else None,
    )
    return [(each.state, each.count) for each in found]


def relative(path: str) -> str:
    return path.partition("/")[2]


def stale_time(package: Path) -> str:
    return cached(package, pyc(SOURCE, check=b"\x01" * 8))


def stale_optimised(package: Path) -> str:
    return cached(package, pyc(SOURCE, check=b"\x01" * 8), f"a.{TAG}.opt-1.pyc")


def other_magic(package: Path) -> str:
    return cached(package, b"\x00\x00\r\n" + pyc(SOURCE, check=stamp(package / "a.py"))[4:])


def short(package: Path) -> str:
    return cached(package, b"")


def wrong_checked_hash(package: Path) -> str:
    return cached(package, pyc(SOURCE, flags=3, check=b"\x01" * 8))


def without_source(package: Path) -> str:
    return cached(package, pyc(SOURCE), f"gone.{TAG}.pyc")


def of_another_tool(package: Path) -> str:
    return cached(package, b"", f"a.{TAG}-pytest-8.3.pyc")


def of_another_python(package: Path) -> str:
    return cached(package, b"", "a.cpython-38.pyc")


@pytest.mark.parametrize(
    ("plant", "states"),
    [
        (stale_time, [("stale", 1)]),
        (stale_optimised, [("stale", 1)]),
        (other_magic, [("stale", 1)]),
        (short, [("stale", 1)]),
        (wrong_checked_hash, [("stale", 1)]),
        (without_source, [("orphan", 1)]),
        (of_another_tool, []),
        (of_another_python, []),
    ],
)
def test_what_is_never_loaded(
    package: Path, plant: Callable[[Path], str], states: list[tuple[str, int]]
) -> None:
    assert check(package, relative(plant(package))) == states


def test_a_link_to_a_source_outside_is_not_followed(package: Path, tmp_path: Path) -> None:
    (package / "b.py").symlink_to("/etc/hostname")
    path = relative(cached(package, pyc(SOURCE), f"b.{TAG}.pyc"))
    assert check(package, path) == [("unread", 1)]


def old_pyc(check: bytes, *, flags: int = 0) -> bytes:
    """Return byte code of Python 3.8, whose body nobody here can read."""
    return b"\x55\x0d\r\n" + flags.to_bytes(4, "little") + check + b"body"


def old_hash(source: bytes) -> bytes:
    return _imp.source_hash(0x0A0D0D55, source)


@pytest.mark.parametrize(
    ("flags", "hashed", "state"),
    [
        (0, None, "unverified"),
        (0, b"\x01" * 8, "stale"),
        (1, old_hash(SOURCE), "unverified"),
        (3, old_hash(SOURCE), "unverified"),
        # Without the bit that asks for a check, Python loads it although it is of another source.
        (1, old_hash(b"other"), "other"),
        (3, old_hash(b"other"), "stale"),
    ],
)
def test_without_a_python_of_its_kind_headers_are_compared(
    package: Path, flags: int, hashed: bytes | None, state: str
) -> None:
    data = old_pyc(hashed or stamp(package / "a.py"), flags=flags)
    path = relative(cached(package, data, "a.cpython-38.pyc"))
    assert check(package, path, path, version="3.8.2")[0][0] == state
    files = FolderCode(Folder(str(package.parents[4 - 1])))
    [each] = check_bytecode(files, [path], Interpreter(version="3.8.2"), find=lambda *_: None)
    said = each.problem or ""
    assert ("headers fit" in said) is (state == "unverified")


def test_what_ends_the_process_is_told_and_the_rest_is_compared() -> None:
    batch = [Pair(name, b"") for name in ("good", "bomb", "forged", "odd")]
    words = iter([["same"], ["other", "unread"]])
    states = [(path, state) for path, state, _ in bytecode.compared(batch, lambda _: next(words))]
    assert states == [("bomb", "unread"), ("forged", "other"), ("odd", "unread")]


@pytest.mark.parametrize(
    ("found", "severity", "unverifiable"),
    [
        (ByteCode(path="x/__pycache__/a.cpython-311.pyc", state="other"), "error", False),
        (ByteCode(path="x/__pycache__/a.cpython-311.pyc", state="unread"), "error", False),
        (ByteCode(path="a.pyc", state="unsure"), "warning", True),
        (ByteCode(path="a.pyc", state="unverified", count=3), "info", True),
        (ByteCode(path="a.pyc", state="stale", count=3), "info", False),
        (ByteCode(path="a.pyc", state="orphan"), "info", False),
        (None, "info", True),
    ],
)
def test_findings(found: ByteCode | None, severity: str, unverifiable: bool) -> None:
    inventory = Inventory(
        kind="path",
        target="env",
        root="/env",
        interpreter=Interpreter(version="3.11.7"),
        distributions=(),
        facts=Facts(),
        deep=True,
        bytecode=(found,) if found else None,
    )
    [finding] = compare(selection(python=PYTHON), inventory, VerifyPolicy()).findings
    assert finding.rule.id == "MOR112"
    assert (finding.rule.severity, finding.rule.unverifiable) == (severity, unverifiable)
    # What another patch release compiles otherwise fails where warnings do, and not by itself.
    assert finding.rule.lenient is (found is not None and found.state == "unsure")


def test_line_numbers_alone_are_told_apart() -> None:
    moved = b"\n\n" + SOURCE
    assert judge(SOURCE, pyc(SOURCE), 0) == "same"
    assert judge(b"x = [1]\n", pyc(b"x = [1]\n\n"), 0) == "same"
    assert judge(b"x = f(1)\n", pyc(b"x = f( 1)\n"), 0) == "lines"
    assert judge(SOURCE, pyc(moved), 0) == "other"  # first lines of functions are compared
    assert judge(b"x = f(1)\n", pyc(b"x = f(2)\n"), 0) == "other"


@pytest.mark.parametrize(("version", "states"), [(HERE, [("other", 1)]), (f"{HERE}9", [])])
def test_line_numbers_of_another_patch_release(version: str, states: list[object]) -> None:
    class Files:
        def read(self, path: str, limit: int) -> bytes:
            return b"x" if path.endswith(".py") else pyc(b"x", check=(1).to_bytes(4, "little") * 2)

        def stamp(self, path: str) -> tuple[int, int]:
            return 1, 1

    def answer(batch: list[Pair]) -> list[str]:
        return ["lines"] * len(batch)

    found = check_bytecode(
        Files(),
        [f"a/__pycache__/b.{TAG}.pyc"],
        Interpreter(version=version),
        find=lambda *_: own_compiler(),
        ask=answer,
    )
    assert [(each.state, each.count) for each in found] == states
