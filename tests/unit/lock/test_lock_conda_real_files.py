"""Locks that public projects committed: all of them are read, or refused for a named reason."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from mooring.errors import InputError
from mooring.lock.conda import CondaLock, select_conda
from mooring.lock.formats import conda_lock, explicit, pixi_lock
from mooring.lock.formats.yaml_data import parse

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases.tar.xz"


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    if not CASES.is_file():
        pytest.skip("the case files are not here")
    found = {}
    with tarfile.open(CASES) as archive:
        for member in archive:
            if member.isfile() and ("08_conda_lock/" in member.name or "pixi.lock" in member.name):
                stream = archive.extractfile(member)
                assert stream is not None
                found[member.name] = stream.read().decode("utf-8")
    return found


def test_every_conda_lock_is_read_and_round_trips(files: dict[str, str]) -> None:
    seen = 0
    for name, text in files.items():
        if not name.endswith("conda-lock.yml"):
            continue
        seen += 1
        lock = conda_lock.read(text, name)
        parsed = parse(text, name)
        assert isinstance(parsed, dict)
        assert len(lock.conda) + len(lock.pypi) == len(parsed["package"]), name
        once = conda_lock.write(lock)
        assert conda_lock.read(once, name) == lock
        assert conda_lock.write(conda_lock.read(once, name)) == once
    assert seen >= 2


def test_every_explicit_file_is_read(files: dict[str, str]) -> None:
    seen = 0
    for name, text in files.items():
        if "@EXPLICIT" not in text:
            continue
        seen += 1
        lock = explicit.read(text, name)
        urls = [line for line in text.splitlines() if line.startswith("http")]
        assert len(lock.conda) == len(urls), name
        if all(row.package.md5 or row.package.sha256 for row in lock.conda):
            written = explicit.write(select_conda(lock, lock.platforms[0]), hashes="md5")
            again = explicit.read(written, name)
            assert again.conda == lock.conda
            assert set(again.channels) == set(lock.channels)
    assert seen >= 6


def test_every_pixi_lock_is_read_or_refused_with_its_reason(files: dict[str, str]) -> None:
    seen = 0
    for name, text in files.items():
        if not name.endswith("pixi.lock"):
            continue
        seen += 1
        if "pypi: ./" in text:
            with pytest.raises(InputError, match="is a folder of the project"):
                pixi_lock.read(text, name)
        lock = pixi_lock.read(text, name, skip_local=True)
        assert pixi_lock.read(pixi_lock.write(lock), name) == lock
        as_conda_lock = conda_lock.read(conda_lock.write(lock), name)
        assert sorted_depends(as_conda_lock) == sorted_depends(lock)
    assert seen >= 2


def sorted_depends(lock: CondaLock) -> list[object]:
    return [
        replace(row, package=replace(row.package, depends=tuple(sorted(row.package.depends))))
        for row in lock.conda
    ]
