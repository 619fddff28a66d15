"""Locked system bases: what is kept, what is stale, and what needs the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.debs import AMD, ARM, BOOKWORM, lock_of, locked
from tests.fakes import RecordingReporter

from mooring.errors import InputError, MooringError
from mooring.lock.formats import mooring_lock
from mooring.lock.formats.mooring_lock import MooringLock
from mooring.lock.formats.system_lock import SystemLock
from mooring.manifest.model import ImageSpec, Manifest
from mooring.platforms import Platform, PythonVersion
from mooring.workflow.bases import base_changes, find_base, find_system, lock_bases

PYTHON = locked(b"python", "python3", version="3.11.2-1+b1")


def manifest(
    root: Path, *system: str, base: str = "debian:bookworm", python: str | None = "3.11"
) -> Manifest:
    return Manifest(
        root=root,
        path=root / "mooring.toml",
        inputs=(),
        name="demo",
        version=None,
        requires_python=None,
        python=PythonVersion.parse(python, "test") if python else None,
        platforms=(AMD, ARM, Platform.parse("osx-arm64")),
        image=ImageSpec(base=base, system=system),
    )


def held(*requested: str) -> MooringLock:
    systems = (lock_of(PYTHON), lock_of(PYTHON, platform=ARM))
    return MooringLock(systems=tuple(replace(s, requested=requested) for s in systems))


def lock(found: Manifest, previous: MooringLock, *, upgrade: bool = False) -> MooringLock:
    return lock_bases(
        found,
        previous,
        base=None,
        upgrade=upgrade,
        offline=True,
        reporter=RecordingReporter(),
    )


def changes(tmp_path: Path, found: Manifest, lock: MooringLock) -> list[str]:
    path = tmp_path / "mooring.lock"
    path.write_text(mooring_lock.write(lock))
    return base_changes(found, path)


def test_a_locked_base_is_fresh_and_kept_without_the_network(tmp_path: Path) -> None:
    assert changes(tmp_path, manifest(tmp_path, "libgomp1"), held("libgomp1")) == []
    assert lock(manifest(tmp_path, "libgomp1"), held("libgomp1")) == held("libgomp1")


def test_the_order_of_declared_packages_does_not_matter(tmp_path: Path) -> None:
    assert changes(tmp_path, manifest(tmp_path, "b2", "a1"), held("a1", "b2")) == []


def test_what_changed_is_said(tmp_path: Path) -> None:
    assert changes(tmp_path, manifest(tmp_path, "b2"), held("a1")) == [
        "mooring.lock: system packages: added 'b2'",
        "mooring.lock: system packages: removed 'a1'",
    ]
    only = MooringLock(systems=held().systems[:1])
    assert changes(tmp_path, manifest(tmp_path), only) == [
        "mooring.lock: the base debian:bookworm is not locked for linux-aarch64"
    ]
    other = manifest(tmp_path, base="debian:trixie")
    assert changes(tmp_path, other, held()) == [
        "mooring.lock: the base debian:trixie is not locked for linux-64, linux-aarch64"
    ]


def test_offline_asks_nobody(tmp_path: Path) -> None:
    with pytest.raises(MooringError, match=r"the declared packages .* --offline"):
        lock(manifest(tmp_path, "git"), held())
    with pytest.raises(MooringError, match="not locked for linux-64, and --offline"):
        lock(manifest(tmp_path), MooringLock())
    with pytest.raises(MooringError, match="--offline"):
        lock(manifest(tmp_path), held(), upgrade=True)


def test_another_python_than_the_declared_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has Python 3\.11, and the manifest declares 3\.12"):
        lock(manifest(tmp_path, python="3.12"), held())
    assert lock(manifest(tmp_path, python="3.11.2"), held())
    assert lock(manifest(tmp_path, python=None), held())


def test_look_ups(tmp_path: Path) -> None:
    path = tmp_path / "mooring.lock"
    path.write_text(mooring_lock.write(held()))
    found: SystemLock = find_system(path, BOOKWORM, Platform.parse("linux-64-glibc2.36"))
    assert found.packages == (PYTHON,)
    with pytest.raises(InputError, match="are not locked for linux-ppc64le"):
        find_system(path, BOOKWORM, Platform.parse("linux-ppc64le"))
    with pytest.raises(InputError, match="no Docker engine can") as caught:
        find_base(path, "debian:bookworm", AMD)
    assert "--engine oci" in (caught.value.hint or "")
