"""The first minutes: a folder with another tool's lock, what `init` proposes, what `lock` says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.fakes import FakeIndex
from tests.functional.command import Mooring, manifest
from tests.unit.workflow.test_workflow_foreign import FOREIGN

from mooring.lock.formats import mooring_lock
from mooring.lock.formats.mooring_lock import BaseImageLock, MooringLock
from mooring.platforms import Platform

pytestmark = [pytest.mark.process, pytest.mark.network]

BASE = "registry.example.com/base:1"
HELD = f"the base {BASE} for linux-64, linux-aarch64"


@pytest.mark.parametrize("pyproject", [None, '[project]\nname = "x"\n'])
def test_a_foreign_lock_survives_init_and_lock(
    project: Path, mooring: Mooring, pyproject: str | None
) -> None:
    (project / "pylock.toml").write_text(FOREIGN)
    if pyproject:
        (project / "pyproject.toml").write_text(pyproject)
    begun = mooring("init", "--yes")
    assert begun.code == 0
    assert "found pylock.toml: a lock of 1 package, written by uv; " in begun.err
    assert "use it with `--lock pylock.toml`" in begun.err
    assert "write what the project needs into `dependencies`, then mooring lock" in begun.err
    refused = mooring("lock")
    assert refused.code == 2
    assert "error: " in refused.err
    assert "pylock.toml was written by uv: an empty lock would replace it" in refused.err
    assert "hint: " in refused.err
    assert (project / "pylock.toml").read_text() == FOREIGN


def test_a_foreign_lock_is_replaced_with_a_note(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "pylock.toml").write_text(FOREIGN)
    (project / "pyproject.toml").write_text(manifest(stocked, dependencies='"beta"'))
    said = mooring("lock")
    assert said.code == 0
    assert "pylock.toml was written by uv; it is replaced" in said.err
    assert "it is replaced" not in mooring("lock", "--upgrade").err


@pytest.mark.parametrize("verb", ["verify", "sync"])
def test_without_a_manifest_the_hint_is_the_lock_that_is_there(
    project: Path, mooring: Mooring, verb: str
) -> None:
    (project / "pylock.toml").write_text(FOREIGN)
    refused = mooring(verb)
    assert refused.code == 2
    assert "hint: `--lock pylock.toml` makes" in refused.err
    elsewhere = mooring(verb, "--project", project / ".." / project.name)
    assert "`--lock pylock.toml`" in elsewhere.err


def test_init_without_a_terminal_shows_what_it_would_write(project: Path, mooring: Mooring) -> None:
    refused = mooring("init")
    assert refused.code == 2
    assert "+platforms = " in refused.err
    assert "error: nothing was written: there is no terminal to ask on" in refused.err
    assert "hint: pass --yes" in refused.err
    assert not list(project.iterdir())


def test_the_last_line_says_what_each_file_got(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    image = f'[tool.mooring.image]\nbase = "{BASE}"\n'
    (project / "pyproject.toml").write_text(manifest(stocked, dependencies='"beta"', more=image))
    assert "✓ pylock.toml: 1 package, proved" in mooring("lock", "--no-base").err
    entries = tuple(
        BaseImageLock(reference=BASE, platform=Platform.parse(name), digest="sha256:" + "a" * 64)
        for name in ("linux-64", "linux-aarch64")
    )
    text = mooring_lock.write(MooringLock(base_images=entries))
    # A comment is dropped when the file is written again, which here needs no registry.
    (project / "mooring.lock").write_text(f"# mine\n{text}", encoding="utf-8")
    written = mooring("lock").err
    assert "the packages are fresh; nothing to resolve" in written
    assert f"✓ mooring.lock: {HELD}\n" in written
    assert re.search(
        rf"✓ nothing to write: 1 package, .*; {re.escape(HELD)}\n", mooring("lock").err
    )
    assert f"✓ pylock.toml is fresh, mooring.lock too: {HELD}\n" in mooring("lock", "--check").err
    assert "mooring.lock" not in mooring("lock", "--check", "--no-base").err


def test_a_missing_base_is_hinted_with_the_declared_python(
    project: Path, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "pyproject.toml").write_text(manifest(stocked, dependencies='"beta"'))
    mooring("lock")
    for verb in (("build",), ("render", "--template", "slim")):
        refused = mooring(*verb)
        assert refused.code == 2, refused.err
        assert 'base = "python:3.11-slim"' in refused.err
