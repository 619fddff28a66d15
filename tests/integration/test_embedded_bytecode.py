"""Byte code by the real compiler, in processes of its own."""

from __future__ import annotations

import os
import py_compile
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.build.embedded.environments_made import (
    PLACE,
    drained,
    selected,
    written,
)
from tests.wheels import BuiltWheel, wheel

from mooring.build.embedded.bytecode.bytecode import (
    bytecode_entries,
    bytecode_of_all,
    find_compiler,
)
from mooring.build.embedded.bytecode.cache import BytecodeCache
from mooring.build.embedded.bytecode.compilers import Compiler, identity_of
from mooring.build.embedded.interface import EmbeddedBuildError, Place
from mooring.platforms import PythonVersion

pytestmark = pytest.mark.process

HERE = PythonVersion(minor=sys.version_info.minor, patch=sys.version_info.micro)
PLACE_HERE = replace(PLACE, python=HERE)
OURS = Compiler(path=Path(sys.executable), version=HERE)
TAG = sys.implementation.cache_tag


def compiled(
    built: BuiltWheel, folder: Path, *, place: Place = PLACE_HERE, compiler: Compiler = OURS
) -> dict[str, bytes]:
    """Return the byte code of a wheel called `a`, made anew."""
    cache = BytecodeCache(folder / f"cache-{time.monotonic_ns()}")
    [path] = written(folder, {"a": built}).values()
    entries = bytecode_entries(selected("a", built), path, place, compiler, cache=cache)
    assert {(e.kind, e.mode, e.uid, e.gid) for e in entries} <= {("file", 0o644, 0, 0)}
    return {entry.path: drained(entry, 1 << 16) for entry in entries}


def a_wheel(files: Mapping[str, bytes]) -> BuiltWheel:
    return wheel("a", "1.0", files=files)


def site() -> str:
    return PLACE_HERE.site_packages


def test_sources_are_compiled_as_python_itself_would(tmp_path: Path) -> None:
    source = b"import os\n\n\ndef f(x: int) -> set[int]:\n    return {1, 2, x} | {*'abc'}\n"
    found = compiled(
        a_wheel(
            {
                "a/__init__.py": b"",
                "a/m.py": source,
                "a/old.py": b"print 'two'",
                "a/data.txt": b"x = 1",
                "a-1.0.data/scripts/run.py": b"#!python\n",
                "a-1.0.data/data/share/x.py": b"x = 1",
                "a-1.0.data/purelib/pure.py": b"x = 1",
            }
        ),
        tmp_path,
    )
    assert sorted(found) == [
        f"{site()}/__pycache__/pure.{TAG}.pyc",
        f"{site()}/a/__pycache__/__init__.{TAG}.pyc",
        f"{site()}/a/__pycache__/m.{TAG}.pyc",
    ]
    (tmp_path / "m.py").write_bytes(source)
    py_compile.compile(
        str(tmp_path / "m.py"),
        cfile=str(tmp_path / "m.pyc"),
        dfile=f"{site()}/a/m.py",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    assert found[f"{site()}/a/__pycache__/m.{TAG}.pyc"] == (tmp_path / "m.pyc").read_bytes()


def test_bytes_do_not_depend_on_where_when_and_with_what_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        f"a/m{number:03}.py": f"x = {{'a{number}', 'b', 'c', 1.5, None}}\nY = 'shared'\n".encode()
        for number in range(450)
    }
    first = compiled(a_wheel(files), tmp_path)
    assert len(first) == 450
    for name, value in {
        "PYTHONHASHSEED": "7",
        "PYTHONOPTIMIZE": "2",
        "PYTHONPATH": str(tmp_path),
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "marshal.py").write_text("raise SystemExit(3)")
    (tmp_path / "base64.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    old = os.umask(0o077)
    try:
        assert compiled(a_wheel(dict(reversed(files.items()))), tmp_path) == first
    finally:
        os.umask(old)


def test_other_paths_are_other_byte_code(tmp_path: Path) -> None:
    built = a_wheel({"a.py": b"x = 1"})
    [here] = compiled(built, tmp_path).values()
    [there] = compiled(built, tmp_path, place=replace(PLACE_HERE, root="/srv/env")).values()
    assert here != there


def test_byte_code_that_the_wheel_brings_stays(tmp_path: Path) -> None:
    found = compiled(
        a_wheel({"m.py": b"x = 1", f"__pycache__/m.{TAG}.pyc": b"theirs", "n.py": b""}), tmp_path
    )
    assert list(found) == [f"{site()}/__pycache__/n.{TAG}.pyc"]


def test_what_was_compiled_is_not_compiled_again(tmp_path: Path) -> None:
    built = {name: wheel(name, "1.0", files={f"{name}.py": b"x = 1"}) for name in "abc"}
    packages = [selected(name, each) for name, each in built.items()]
    files = written(tmp_path, built)
    cache = BytecodeCache(tmp_path / "cache")
    first = bytecode_of_all(packages, files, PLACE_HERE, OURS, cache)
    assert [[entry.path for entry in entries] for entries in first] == [
        [f"{site()}/__pycache__/{name}.{TAG}.pyc"] for name in "abc"
    ]
    absent = replace(OURS, path=tmp_path / "no-such-python")
    assert bytecode_of_all(packages, {}, PLACE_HERE, absent, cache) == first
    with pytest.raises(EmbeddedBuildError, match=r"byte code of a 1\.0 cannot be made"):
        bytecode_of_all(packages, files, PLACE_HERE, absent, BytecodeCache(tmp_path / "other"))


def fake_python(folder: Path, body: str) -> Compiler:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return replace(OURS, path=path)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("cat > /dev/null; echo -; kill -SEGV $$", r"the compiler ended at .*/b\.py \(-11\)"),
        ("cat > /dev/null; exit 3", r"the compiler ended at .*/a\.py \(3\)"),
        ("cat > /dev/null; printf -- '-\\n?!\\nend\\n'", r"answers nonsense for .*/b\.py"),
    ],
)
def test_a_source_that_ends_the_compiler_is_named(tmp_path: Path, body: str, message: str) -> None:
    built = a_wheel({"a.py": b"x = 1", "b.py": b"x = 2"})
    with pytest.raises(EmbeddedBuildError, match=message) as caught:
        compiled(built, tmp_path, compiler=fake_python(tmp_path, body))
    assert "without byte code" in (caught.value.hint or "")


def test_a_compiler_that_does_not_end_is_ended(tmp_path: Path) -> None:
    slow = replace(fake_python(tmp_path, "exec sleep 600"), seconds=0.3)
    with pytest.raises(EmbeddedBuildError, match="did not end within"):
        compiled(a_wheel({"a.py": b""}), tmp_path, compiler=slow)


def test_a_source_cannot_take_all_memory_or_time(tmp_path: Path) -> None:
    # A constant that folds into gigabytes, one that is nested too deeply, and very long names.
    hostile = {
        "fold.py": b"x = ((((b'x' * 4000) * 4000) * 4000) * 4000)\n" * 50,
        "deep.py": b"[" * 90 + b"]" * 90 + b"\n" + b"x = " + b"(" * 150 + b"1" + b")" * 150,
        "wide.py": b"x = [" + b"1," * 300_000 + b"]",
        "unary.py": b"x = " + b"not " * 100_000 + b"1",
        "fine.py": b"x = 1",
    }
    started = time.monotonic()
    found = compiled(a_wheel(hostile), tmp_path)
    assert f"{site()}/__pycache__/fine.{TAG}.pyc" in found
    assert time.monotonic() - started < 60


def test_sources_of_gigabytes_are_data(tmp_path: Path) -> None:
    found = compiled(a_wheel({"big.py": b"#" * ((4 << 20) + 1), "m.py": b""}), tmp_path)
    assert list(found) == [f"{site()}/__pycache__/m.{TAG}.pyc"]


def test_the_compiler_is_exactly_of_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_compiler(HERE) == OURS
    assert find_compiler(PythonVersion(minor=HERE.minor)) is None
    assert find_compiler(PythonVersion(minor=HERE.minor, patch=98)) is None
    # A program of the right name is asked what it is; a script of a version manager is not.
    (tmp_path / f"python3.{HERE.minor}").symlink_to(shutil.which("true") or "/bin/true")
    (tmp_path / "python3").write_text("#!/bin/sh\ntouch started\n")
    (tmp_path / "python3").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert find_compiler(PythonVersion(minor=HERE.minor, patch=98), path=str(tmp_path)) is None
    assert not (tmp_path / "started").exists()


def test_another_python_says_what_it_is(tmp_path: Path) -> None:
    said = identity_of(Path(sys.executable))
    assert said.startswith(f"cpython {HERE} ")
    assert identity_of(Path(sys.executable)) == said
    assert identity_of(tmp_path / "absent") == ""
    (tmp_path / "folder").mkdir()
    assert identity_of(tmp_path / "folder") == ""
    os.mkfifo(tmp_path / "pipe")
    assert identity_of(tmp_path / "pipe") == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_that_may_not_be_looked_into_has_no_python(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    wanted = PythonVersion(minor=HERE.minor, patch=98)
    assert find_compiler(wanted, path=str(tmp_path / "closed")) is None
