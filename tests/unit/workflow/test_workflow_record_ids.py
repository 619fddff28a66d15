"""Record ids in the lock: kept for the same wheels, found for what the targets select."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import RecordingReporter
from tests.wheels import wheel

from mooring.artifacts.cache import FactCache
from mooring.artifacts.wheel_record import WheelError
from mooring.digests import sha256_hex
from mooring.errors import MooringError
from mooring.lock.formats import pylock
from mooring.lock.model import (
    Artifact,
    EnvironmentSelection,
    Lock,
    Package,
    Provenance,
    Target,
)
from mooring.platforms import Platform, PythonVersion
from mooring.workflow.record_ids import CACHE_NAME, carry_over, find_record_ids

BUILT = wheel("pkg", "1.0")
SHA256 = sha256_hex(BUILT.data)
OTHER = "sha256:" + "1" * 64


def locked(*wheels: Artifact, record_ids: tuple[tuple[str, str], ...] = ()) -> Lock:
    target = Target(
        environment="default", platform=Platform.parse("linux-64"), python=PythonVersion(minor=11)
    )
    return Lock(
        created_by="mooring",
        packages=(Package(name="pkg", version="1.0", wheels=wheels, record_ids=record_ids),),
        provenance=Provenance(
            inputs={"schema": 1},
            environments=(EnvironmentSelection(name="default"),),
            targets=(target,),
        ),
    )


def local(tmp_path: Path, *, sha256: str = SHA256) -> Artifact:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / BUILT.filename).write_bytes(BUILT.data)
    path = f"wheels/{BUILT.filename}"
    return Artifact(kind="wheel", name=BUILT.filename, path=path, hashes=(("sha256", sha256),))


def remote(sha256: str = SHA256, *, host: str = "files.example.org") -> Artifact:
    url = f"https://{host}/{BUILT.filename}"
    return Artifact(kind="wheel", name=BUILT.filename, url=url, hashes=(("sha256", sha256),))


def ids(lock: Lock) -> dict[str, str]:
    return dict(lock.packages[0].record_ids)


def test_a_wheel_beside_the_lock_needs_no_network(tmp_path: Path) -> None:
    lock = locked(local(tmp_path))
    found = find_record_ids(lock, folder=tmp_path, offline=True)
    assert list(ids(found)) == [BUILT.filename]
    assert pylock.packages_digest(found) == pylock.packages_digest(lock)
    assert FactCache(CACHE_NAME).read() == {SHA256: ids(found)[BUILT.filename]}
    # From now on the same wheel is known wherever it is served.
    assert ids(find_record_ids(locked(remote()), folder=tmp_path, offline=True)) == ids(found)


def test_a_wheel_that_is_not_the_locked_one(tmp_path: Path) -> None:
    lock = locked(local(tmp_path, sha256="a" * 64))
    with pytest.raises(WheelError, match="another wheel") as caught:
        find_record_ids(lock, folder=tmp_path)
    assert caught.value.exit_code == 3
    assert FactCache(CACHE_NAME).read() == {}


def test_a_host_speaks_for_its_own_wheels_only(tmp_path: Path) -> None:
    FactCache(CACHE_NAME).add({f"{SHA256} liar.example.org": OTHER})
    liar = locked(remote(host="liar.example.org"))
    assert ids(find_record_ids(liar, folder=tmp_path, offline=True)) == {BUILT.filename: OTHER}
    with pytest.raises(MooringError, match="not in the cache") as caught:
        find_record_ids(locked(remote()), folder=tmp_path, offline=True)
    assert caught.value.exit_code == 3


def test_that_a_wheel_has_no_id_is_a_fact_too(tmp_path: Path, reporter: RecordingReporter) -> None:
    FactCache(CACHE_NAME).add({SHA256: None})
    lock = locked(remote())
    found = find_record_ids(lock, folder=tmp_path, offline=True, reporter=reporter)
    assert found is lock
    assert reporter.steps == []


def test_an_id_that_is_there_is_kept(tmp_path: Path) -> None:
    lock = locked(remote(), record_ids=((BUILT.filename, OTHER),))
    assert find_record_ids(lock, folder=tmp_path, offline=True) is lock


def test_a_wheel_without_a_sha256_is_left_out(tmp_path: Path) -> None:
    lock = locked(replace(remote(), hashes=(("sha512", "a" * 128),)))
    assert find_record_ids(lock, folder=tmp_path, offline=True) is lock


def test_ids_are_carried_over_for_the_same_wheels() -> None:
    before = locked(remote(), record_ids=((BUILT.filename, OTHER),))
    assert ids(carry_over(locked(remote()), before)) == {BUILT.filename: OTHER}
    assert ids(carry_over(locked(remote(host="mirror.example.org")), before)) != {}
    assert ids(carry_over(locked(remote("b" * 64)), before)) == {}
    fresh = locked(remote())
    assert carry_over(fresh, None) is fresh
    assert carry_over(before, before) is before
