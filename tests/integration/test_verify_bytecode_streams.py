"""Byte code in targets that are streams: kept until its source has passed, then compared."""

from __future__ import annotations

import compileall
import marshal
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path

import pytest
from tests.environments import install, locked, make_venv, selection
from tests.images import layer

from mooring.manifest.model import VerifyPolicy
from mooring.platforms import PythonVersion
from mooring.verify.collectors.image import FolderTarCollector, LayersCollector
from mooring.verify.collectors.interpreters import compiler_for, own_compiler
from mooring.verify.collectors.process import ProcessCollector
from mooring.verify.compare import compare
from mooring.verify.findings import Verification
from mooring.verify.inventory import Inventory
from mooring.verify.tiers import DEEP

pytestmark = pytest.mark.process

HERE = ".".join(map(str, sys.version_info[:3]))
TAG = sys.implementation.cache_tag
SOURCE = b"def answer():\n    return 42\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = make_venv(tmp_path / "root" / "opt" / "env", version=HERE)
    install(site, "pkg", files={"pkg/a.py": SOURCE, "pkg/z.py": b"z = 1\n", "pkg/e.py": b""})
    # A fraction of a second, as files really have: byte code knows whole ones.
    os.utime(site / "pkg" / "a.py", ns=(10**18 + 987_654_321, 10**18 + 987_654_321))
    for level in range(3):
        compileall.compile_dir(site, quiet=2, optimize=level)
    return site


def in_layers(root: Path) -> Inventory:
    data = layer(folder=root, at=".")
    opened = lambda: nullcontext(BytesIO(data))  # noqa: E731 (as short as it is)
    return LayersCollector([opened], "image", "image", "/opt/env", tiers=DEEP).collect()


def in_stream(root: Path) -> Inventory:
    data = layer(folder=root / "opt" / "env", at="env")
    opened = lambda: nullcontext(BytesIO(data))  # noqa: E731 (as short as it is)
    return FolderTarCollector(
        opened, "web", kind="container", root="/opt/env", tiers=DEEP
    ).collect()


def in_process(root: Path) -> Inventory:
    folder = root.parent / "proc" / "12"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "root").unlink(missing_ok=True)
    (folder / "root").symlink_to(root)
    return ProcessCollector(12, "/opt/env", proc=str(root.parent / "proc"), tiers=DEEP).collect()


EVERYWHERE = pytest.mark.parametrize("collect", [in_layers, in_stream, in_process])
Collect = Callable[[Path], Inventory]


def verified(site: Path, collect: Collect) -> Verification:
    inventory = collect(site.parents[4])
    python = PythonVersion(minor=sys.version_info.minor)
    return compare(selection(locked("pkg"), python=python), inventory, VerifyPolicy())


@EVERYWHERE
def test_clean(site: Path, collect: Collect) -> None:
    assert len(list(site.rglob("*.pyc"))) == 9
    assert verified(site, collect).findings == ()


@EVERYWHERE
@pytest.mark.parametrize("level", ["", ".opt-2"])
def test_forged(site: Path, collect: Collect, level: str) -> None:
    path = site / "pkg" / "__pycache__" / f"a.{TAG}{level}.pyc"
    code = compile(b"def answer():\n    return 43\n", "a.py", "exec")
    path.write_bytes(path.read_bytes()[:16] + marshal.dumps(code))
    [finding] = verified(site, collect).failing
    assert (finding.rule.id, finding.package) == ("MOR112", "pkg")
    assert finding.path is not None
    assert finding.path.endswith(path.name)


@EVERYWHERE
def test_stale_is_never_loaded(site: Path, collect: Collect) -> None:
    os.utime(site / "pkg" / "a.py", (1, 1))
    result = verified(site, collect)
    assert result.clean
    assert [(f.rule.id, f.rule.severity) for f in result.findings] == [("MOR112", "info")]


@EVERYWHERE
def test_garbage(site: Path, collect: Collect) -> None:
    path = site / "pkg" / "__pycache__" / f"z.{TAG}.pyc"
    path.write_bytes(path.read_bytes()[:16] + b"garbage")
    [finding] = verified(site, collect).failing
    assert finding.rule.id == "MOR112"
    assert "compared" in finding.message


def fake_python(folder: Path, said: str) -> Path:
    folder.mkdir()
    program = folder / "python3.99"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    return program


def test_another_python_of_this_machine(tmp_path: Path) -> None:
    program = fake_python(tmp_path / "bin", "cpython-399 a70d0d0a 3.99.1")
    environ = {"PATH": f"relative:{tmp_path}/none:{tmp_path}/bin"}
    found = compiler_for("cpython-399", environ=environ)
    assert found is not None
    assert (found.program, found.version) == (str(program), "3.99.1")
    assert found.magic == b"\xa7\r\r\n"


def test_the_python_of_the_same_patch_release_is_preferred(tmp_path: Path) -> None:
    others = []
    for patch in (1, 2, 3):
        folder = tmp_path / str(patch)
        others.append(fake_python(folder, f"cpython-399 a70d0d0a 3.99.{patch}"))
    environ = {"PATH": ":".join(str(each.parent) for each in others)}
    for version, expected in (("3.99.2", 2), ("3.99.3", 3), ("3.99.9", 1), ("3.99", 1), (None, 1)):
        found = compiler_for("cpython-399", version, environ=environ)
        assert found is not None
        assert found.version == f"3.99.{expected}", version


def test_our_own_python_only_stands_in_for_another_patch_release(tmp_path: Path) -> None:
    own = own_compiler()
    minor = own.version.rpartition(".")[0]
    fake = fake_python(tmp_path / "bin", f"{TAG} {own.magic.hex()} {minor}.99")
    exact = fake.rename(fake.parent / f"python{minor}")
    environ = {"PATH": str(exact.parent)}
    assert compiler_for(TAG, own.version, environ=environ) == own
    found = compiler_for(TAG, f"{minor}.99", environ=environ)
    assert found is not None
    assert found.program == str(exact)
    assert compiler_for(TAG, f"{minor}.98", environ=environ) == own


@pytest.mark.parametrize("said", ["", "hello", "cpython-398 a70d0d0a 3.98.0", "cpython-399 xx 3"])
def test_a_program_that_is_no_such_python(tmp_path: Path, said: str) -> None:
    fake_python(tmp_path / "bin", said)
    assert compiler_for("cpython-399", environ={"PATH": f"{tmp_path}/bin"}) is None


def test_no_program_of_the_target_is_started(tmp_path: Path) -> None:
    program = fake_python(tmp_path / "bin", "cpython-399 a70d0d0a 3.99.1")
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    (tmp_path / "linked").symlink_to(tmp_path / "bin")
    environ = {"PATH": f"{tmp_path}/bin:{tmp_path}/linked"}
    assert compiler_for("cpython-399", target=str(tmp_path), environ=environ) is None
    assert not (tmp_path / "started").exists()
