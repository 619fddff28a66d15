"""Byte code that Python really writes, and what somebody forges, compared in its own process."""

from __future__ import annotations

import compileall
import marshal
import os
import sys
from pathlib import Path

import pytest
from tests.environments import install, locked, make_venv, selection

from mooring.manifest.model import VerifyPolicy
from mooring.platforms import PythonVersion
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare
from mooring.verify.findings import Verification
from mooring.verify.tiers import DEEP

pytestmark = pytest.mark.process

HERE = ".".join(map(str, sys.version_info[:3]))
TAG = sys.implementation.cache_tag
SOURCE = b"def answer():\n    return 42\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = make_venv(tmp_path, version=HERE)
    install(site, "pkg", files={"pkg/a.py": SOURCE, "pkg/b.py": b"b = 1\n"})
    for level in range(3):
        compileall.compile_dir(site, quiet=2, optimize=level)
    return site


def verified(site: Path) -> Verification:
    inventory = PathCollector(site.parents[2], tiers=DEEP, caches={}).collect()
    python = PythonVersion(minor=sys.version_info.minor)
    return compare(selection(locked("pkg"), python=python), inventory, VerifyPolicy())


def forge(site: Path, body: bytes, level: str = "") -> None:
    """Put another body behind a header that Python trusts."""
    path = site / "pkg" / "__pycache__" / f"a.{TAG}{level}.pyc"
    path.write_bytes(path.read_bytes()[:16] + body)


def test_clean(site: Path) -> None:
    assert len(list(site.rglob("*.pyc"))) == 6
    assert verified(site).findings == ()


@pytest.mark.parametrize("level", ["", ".opt-1", ".opt-2"])
def test_forged(site: Path, level: str) -> None:
    code = compile(b"def answer():\n    return 43\n", "a.py", "exec")
    forge(site, marshal.dumps(code), level)
    [finding] = verified(site).failing
    assert (finding.rule.id, finding.package) == ("MOR112", "pkg")
    assert finding.path is not None
    assert finding.path.endswith(f"pkg/__pycache__/a.{TAG}{level}.pyc")


@pytest.mark.parametrize("body", [b"", b"garbage", b"(" * 100_000, b"(\xff\xff\xff\x7f" * 9])
def test_hostile(site: Path, body: bytes) -> None:
    forge(site, body)
    [finding] = verified(site).failing
    assert finding.rule.id == "MOR112"
    assert "compared" in finding.message


def test_stale(site: Path) -> None:
    os.utime(site / "pkg" / "a.py", (1, 1))
    result = verified(site)
    assert result.clean
    assert [(f.rule.id, f.rule.severity) for f in result.findings] == [("MOR112", "info")]
    assert "2 more" in result.findings[0].message
