"""Changed files with several names: the cache is named when it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.environments import install, locked, make_venv, selection

from mooring.manifest.model import VerifyPolicy
from mooring.verify.collectors.path import PathCollector
from mooring.verify.collectors.shared import uv_cache
from mooring.verify.compare import compare
from mooring.verify.findings import Finding
from mooring.verify.tiers import CONTENT, QUICK, Tiers

MODULE = "pkg/__init__.py"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = make_venv(tmp_path / "env")
    install(site, "pkg")
    return site


def link(site: Path, target: Path) -> None:
    """Give the module another name, as an installer does that makes hard links."""
    target.parent.mkdir(parents=True)
    os.link(site / MODULE, target)


def findings(site: Path, tiers: Tiers = CONTENT, **caches: str) -> list[Finding]:
    inventory = PathCollector(site.parents[2], tiers=tiers, caches=caches).collect()
    return list(compare(selection(locked("pkg")), inventory, VerifyPolicy()).findings)


@pytest.mark.parametrize("tiers", [CONTENT, QUICK])
def test_the_cache_is_named(site: Path, tmp_path: Path, tiers: Tiers) -> None:
    (tmp_path / "cache" / "archive-v0" / "aaa").mkdir(parents=True)
    cached = tmp_path / "cache" / "archive-v0" / "bbb" / MODULE
    link(site, cached)
    cached.write_bytes(b"x = 2345\n")
    modified, shared = findings(site, tiers, UV_CACHE_DIR=str(tmp_path / "cache"))
    assert (modified.rule.id, shared.rule.id) == ("MOR106", "MOR134")
    assert shared.actual == str(cached)
    assert "uv's cache" in shared.message
    assert "other place" not in shared.message
    assert shared.fix is not None
    assert shared.fix.startswith("uv cache clean pkg && mooring sync")


def test_the_cache_and_siblings(site: Path, tmp_path: Path) -> None:
    cached = tmp_path / "uv" / "archive-v0" / "bbb" / MODULE
    link(site, cached)
    for number in range(2):
        link(site, tmp_path / f"sibling{number}" / MODULE)
    cached.write_bytes(b"x = 2\n")
    shared = findings(site, XDG_CACHE_HOME=str(tmp_path))[-1]
    assert "uv's cache and in 2 other places" in shared.message


def test_siblings_alone(site: Path, tmp_path: Path) -> None:
    link(site, tmp_path / "sibling" / MODULE)
    (site / MODULE).write_bytes(b"x = 2\n")
    shared = findings(site, UV_CACHE_DIR=str(tmp_path / "absent"))[-1]
    assert shared.rule.id == "MOR134"
    assert "1 other place" in shared.message
    assert shared.actual is None


def test_an_unchanged_file_may_be_shared(site: Path, tmp_path: Path) -> None:
    link(site, tmp_path / "sibling" / MODULE)
    assert findings(site) == []


def test_a_changed_file_that_is_not_shared(site: Path) -> None:
    (site / MODULE).write_bytes(b"x = 2\n")
    assert [finding.rule.id for finding in findings(site)] == ["MOR106"]


@pytest.mark.parametrize(
    ("environ", "cache"),
    [
        ({"UV_CACHE_DIR": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/uv"),
        ({"HOME": "/h"}, "/h/.cache/uv"),
        ({}, None),
    ],
)
def test_where_uv_keeps_its_cache(environ: dict[str, str], cache: str | None) -> None:
    assert uv_cache(environ) == cache
