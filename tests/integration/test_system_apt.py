"""System bases with the real apt and an archive on this machine: locking, fetching, failing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.apt_archive import Archive, configured, new_key, serving, stanza
from tests.debs import AMD, ARM, BOOKWORM, COMPRESSIONS, File, deb, folder
from tests.fakes import RecordingReporter

from mooring.artifacts.deb import open_deb
from mooring.artifacts.deb_apt import AptError, UnknownSuite
from mooring.artifacts.deb_store import DebStore
from mooring.build.embedded.system.base import open_system_base
from mooring.errors import InputError
from mooring.lock.formats import mooring_lock
from mooring.lock.formats.mooring_lock import MooringLock
from mooring.lock.formats.system_lock import SystemLock
from mooring.manifest.system import SystemBase
from mooring.oci.blob_store import BlobStore
from mooring.platforms import Platform
from mooring.resolve.system.apt import SEEDS, python_of, resolve_system

pytestmark = [
    pytest.mark.process,
    pytest.mark.network,
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="there is no apt here"),
]


@dataclass(kw_only=True)
class Machine:
    """A machine whose apt knows one archive."""

    archive: Archive
    address: str
    folder: Path

    def know(self, *stanzas: str) -> None:
        configured(self.folder, *stanzas)

    def publish(
        self,
        name: str,
        *,
        version: str = "1.0-1",
        architecture: str = "amd64",
        fields: Mapping[str, str] | None = None,
    ) -> Path:
        more = fields or {}
        data = deb(
            name,
            [folder("./usr/share/x/"), File(f"./usr/share/x/{name}", version.encode())],
            version=version,
            architecture=architecture,
            fields=more,
            scripts={"postinst": "#!/bin/sh\ntouch /tmp/mooring-postinst-was-run\n"},
        )
        control = f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n"
        control += "".join(f"{key}: {value}\n" for key, value in more.items())
        path = self.archive.add(data, control)
        self.archive.publish()
        return path

    def lock(
        self, *requested: str, platform: Platform = AMD, previous: SystemLock | None = None
    ) -> SystemLock:
        return resolve_system(BOOKWORM, requested, platform, previous=previous)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    archive = Archive(folder=tmp_path / "archive")
    monkeypatch.setenv("APT_CONFIG", str(configured(tmp_path / "host")))
    (tmp_path / "archive").mkdir()
    with serving(archive.folder) as address:
        found = Machine(archive=archive, address=address, folder=tmp_path / "host")
        found.know(stanza(address))
        for name in SEEDS:
            if name == "python3":
                for architecture in ("amd64", "arm64"):
                    found.publish(
                        name,
                        version="3.11.2-1+b1",
                        architecture=architecture,
                        fields={"Depends": "libx (>= 1)"},
                    )
            else:
                found.publish(name, architecture="all")
        for architecture in ("amd64", "arm64"):
            found.publish("libx", architecture=architecture)
        yield found


def test_a_base_is_locked_for_two_machines_and_assembled(
    machine: Machine, tmp_path: Path, reporter: RecordingReporter
) -> None:
    locks = [machine.lock(platform=platform) for platform in (AMD, ARM)]
    text = mooring_lock.write(MooringLock(systems=tuple(locks)))
    assert "127.0.0.1" not in text
    assert "http" not in text
    assert mooring_lock.read(text).systems == tuple(locks)
    store = BlobStore(tmp_path / "blobs")
    for lock, architecture in zip(locks, ("amd64", "arm64"), strict=True):
        assert {package.name for package in lock.packages} == {*SEEDS, "libx"}
        assert {p.architecture for p in lock.packages} == {architecture, "all"}
        assert str(python_of(lock)) == "3.11"
        with open_system_base(lock, store=store, reporter=reporter) as base:
            assert base.platform == f"linux/{architecture}"
    assert [step.partition(" (")[0] for step in reporter.steps] == [
        f"Fetching {len(SEEDS) + 1} packages of debian:bookworm",
        f"Unpacking {len(SEEDS) + 1} packages of debian:bookworm",
        "Fetching 2 packages of debian:bookworm",
        f"Unpacking {len(SEEDS) + 1} packages of debian:bookworm",
    ]
    assert not Path("/tmp/mooring-postinst-was-run").exists()


def test_declared_packages_come_with_what_they_need(machine: Machine) -> None:
    machine.publish("git", fields={"Depends": "git-lib", "Recommends": "git-doc"})
    machine.publish("git-lib")
    machine.publish("git-doc")
    lock = machine.lock("git")
    assert lock.requested == ("git",)
    assert {p.name for p in lock.packages} - {*SEEDS, "libx"} == {"git", "git-lib"}


def test_versions_are_kept_until_an_upgrade(machine: Machine) -> None:
    old = machine.lock()
    machine.publish("libx", version="2.0-1")
    machine.publish("git")
    kept = machine.lock("git", previous=old)
    assert kept.package("libx") == old.package("libx")
    assert kept.package("git") is not None
    moved = machine.lock("git")
    assert moved.package("libx") is not None
    assert moved.package("libx") != old.package("libx")


def test_a_version_that_is_gone_moves(machine: Machine) -> None:
    old = machine.lock()
    machine.archive._paragraphs["amd64"] = [
        text for text in machine.archive._paragraphs["amd64"] if "Package: libx" not in text
    ]
    machine.publish("libx", version="1.5-1")
    found = machine.lock(previous=old).package("libx")
    assert found is not None
    assert found.version == "1.5-1"


def test_an_unknown_package_is_named_with_the_release(machine: Machine) -> None:
    with pytest.raises(InputError) as caught:
        machine.lock("libx", "nonesuch", "neither")
    assert "debian:bookworm has no package neither, nonesuch for amd64" in caught.value.message
    assert caught.value.where == "tool.mooring.image.system"
    assert caught.value.exit_code == 2


def test_packages_that_exclude_each_other_are_named(machine: Machine) -> None:
    machine.publish("git", fields={"Depends": "libx (>= 9)"})
    with pytest.raises(InputError, match=r"exclude each other: .*git : Depends: libx"):
        machine.lock("git")


def test_an_unknown_release_is_named(machine: Machine) -> None:
    machine.know(stanza(machine.address, suites="bookwrm"))
    with pytest.raises(UnknownSuite, match="no release 'bookwrm' of debian"):
        resolve_system(SystemBase(distribution="debian", suite="bookwrm"), (), AMD)
    with pytest.raises(UnknownSuite, match="no source of ubuntu:noble for amd64"):
        resolve_system(SystemBase(distribution="ubuntu", suite="noble"), (), AMD)


def test_an_archive_that_does_not_answer(machine: Machine) -> None:
    machine.know(stanza("http://user:secret@127.0.0.1:9/debian"))
    with pytest.raises(AptError, match="Could not connect") as caught:
        machine.lock()
    assert "secret" not in str(caught.value)
    assert "apt-get update" in (caught.value.hint or "")


def test_passwords_reach_the_archive_and_nobody_else(machine: Machine, tmp_path: Path) -> None:
    with serving(machine.archive.folder, "someone:se cret") as address:
        machine.know(stanza(address))
        with pytest.raises(AptError, match="401"):
            machine.lock()
        machine.know(stanza(address.replace("://", "://someone:se%20cret@")))
        with pytest.raises(AptError, match="401"):
            machine.lock()  # a file of passwords has no spaces
    with serving(machine.archive.folder, "someone:s3cret") as address:
        machine.know(stanza(address.replace("://", "://someone:s3cret@")))
        lock = machine.lock()
        DebStore(tmp_path / "debs").fetch(lock)
        (machine.folder / "etc/auth.conf").write_text(
            f"machine {address} login someone password s3cret\n"
        )
        machine.know(stanza(address))
        DebStore(tmp_path / "others").fetch(lock)
    assert "s3cret" not in mooring_lock.write(MooringLock(systems=(lock,)))
    cache = Path(os.environ["MOORING_CACHE_DIR"])
    holders = [
        path for path in cache.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()
    ]
    assert {path.name for path in holders} == {"auth.conf"}
    assert {path.parents[1].stat().st_mode & 0o777 for path in holders} == {0o700}


def test_an_archive_without_signature_is_refused(machine: Machine) -> None:
    machine.know(stanza(machine.address, option=""))
    with pytest.raises(AptError, match="signature cannot be checked"):
        machine.lock()


@pytest.mark.skipif(shutil.which("gpg") is None, reason="there is no gpg here")
def test_signatures_are_checked_with_the_keys_of_this_machine(
    machine: Machine, tmp_path: Path
) -> None:
    keys = [new_key(tmp_path / name) for name in ("own", "other")]
    machine.archive.key = tmp_path / "own"
    machine.archive.publish()
    machine.know(stanza(machine.address, option=f"Signed-By: {keys[0]}"))
    assert machine.lock().packages
    machine.know(stanza(machine.address, option=f"Signed-By: {keys[1]}"))
    with pytest.raises(AptError, match="signature cannot be checked"):
        machine.lock()


def test_archives_of_others_are_left_out(machine: Machine, tmp_path: Path) -> None:
    other = Archive(folder=tmp_path / "other", origin="Somebody")
    control = "Package: libx\nVersion: 9.0-1\nArchitecture: amd64\n"
    other.add(deb("libx", version="9.0-1"), control)
    other.publish()
    with serving(other.folder) as address:
        machine.know(stanza(address), stanza(machine.address))
        found = machine.lock().package("libx")
        assert found is not None
        assert found.version == "1.0-1"
        machine.know(stanza(machine.address))


def test_a_mirror_with_a_name_of_its_own_is_taken(machine: Machine) -> None:
    machine.archive.origin = "Some company"
    machine.archive.publish()
    assert machine.lock().packages


def test_a_package_that_was_changed_in_the_archive(machine: Machine, tmp_path: Path) -> None:
    lock = machine.lock()
    path = next(machine.archive.folder.rglob("libx_1.0-1_amd64.deb"))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    store = DebStore(tmp_path / "debs")
    with pytest.raises(AptError, match=r"something else for libx 1\.0-1 than what is locked"):
        store.fetch(lock)
    assert [package.name for package in store.missing(lock)] == ["libx"], "others are kept"


def test_a_package_that_is_gone_from_the_archive(machine: Machine, tmp_path: Path) -> None:
    lock = machine.lock()
    next(machine.archive.folder.rglob("libx_1.0-1_amd64.deb")).unlink()
    with pytest.raises(AptError, match=r"do not have libx 1\.0-1 any more") as caught:
        DebStore(tmp_path / "debs").fetch(lock)
    assert "--upgrade-base" in (caught.value.hint or "")


def test_a_package_of_a_second_archive_is_found(machine: Machine, tmp_path: Path) -> None:
    lock = machine.lock()
    path = next(machine.archive.folder.rglob("libx_1.0-1_amd64.deb"))
    second = tmp_path / "second" / path.relative_to(machine.archive.folder)
    second.parent.mkdir(parents=True)
    path.rename(second)
    with serving(tmp_path / "second") as address:
        machine.know(stanza(machine.address), stanza(address, suites="bookworm-updates"))
        DebStore(tmp_path / "debs").fetch(lock)


def test_an_archive_in_a_folder(machine: Machine, tmp_path: Path) -> None:
    machine.know(stanza(f"file:{machine.archive.folder}"))
    lock = machine.lock()
    DebStore(tmp_path / "debs").fetch(lock)
    assert DebStore(tmp_path / "debs").missing(lock) == ()


def test_two_at_once_do_not_disturb_each_other(machine: Machine, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        locks = list(pool.map(lambda _: machine.lock(), range(4)))
        assert len({lock.digest for lock in locks}) == 1
        list(pool.map(lambda _: DebStore(tmp_path / "debs").fetch(locks[0]), range(4)))
    assert DebStore(tmp_path / "debs").missing(locks[0]) == ()


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg-deb here")
def test_packages_in_zstd_are_unpacked(tmp_path: Path) -> None:
    source = tmp_path / "x"
    (source / "DEBIAN").mkdir(parents=True)
    (source / "DEBIAN/control").write_text(
        "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: x\n"
    )
    (source / "usr").mkdir()
    (source / "usr/file").write_bytes(b"z" * 70_000)
    path = tmp_path / "x.deb"
    subprocess.run(
        ["dpkg-deb", "-Zzstd", "--root-owner-group", "--build", str(source), str(path)],
        check=True,
        capture_output=True,
    )
    assert b"data.tar.zst" in path.read_bytes()
    size = path.stat().st_size
    with path.open("rb") as stream, open_deb(stream, path, where="x", size=size) as opened:
        assert opened.fields["Package"] == "x"
        found = {member.path: opened.members.read() for member in opened.members}
    assert found["/usr/file"] == b"z" * 70_000


def test_dpkg_agrees_with_the_packages_that_tests_make(tmp_path: Path) -> None:
    for compression in set(COMPRESSIONS) - {".bz2", ".lzma"}:
        path = tmp_path / f"x{compression}.deb"
        path.write_bytes(deb("x", [File("./usr/x", b"1")], compression=compression))
        done = subprocess.run(
            ["dpkg-deb", "--contents", str(path)], check=True, capture_output=True
        )
        assert b"./usr/x" in done.stdout
