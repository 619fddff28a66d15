"""A base of real packages, for this machine and a foreign one, that runs; and who may make it."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.engines import DockerCli

from mooring.build.embedded.interface import BaseContent
from mooring.build.embedded.layers.cache import LayerCache
from mooring.build.embedded.system.base import open_system_base
from mooring.lock.formats import mooring_lock
from mooring.lock.formats.mooring_lock import MooringLock
from mooring.lock.formats.system_lock import SystemLock
from mooring.manifest.system import SystemBase
from mooring.oci.blob_store import BlobStore
from mooring.platforms import Platform, PythonVersion
from mooring.resolve.system.apt import python_of, resolve_system

pytestmark = [
    pytest.mark.index,
    pytest.mark.skipif(shutil.which("apt-get") is None, reason="there is no apt here"),
]

SUITE = SystemBase(distribution="debian", suite="bookworm")
PYTHON = PythonVersion(minor=11, patch=2)

PROBE = """\
import bz2, ctypes, ctypes.util, grp, json, lzma, os, pwd, sqlite3, ssl, stat, sys, zoneinfo
print(json.dumps({
    "machine": os.uname().machine,
    "root": pwd.getpwuid(0).pw_dir,
    "nogroup": grp.getgrnam("nogroup").gr_gid,
    "zone": str(zoneinfo.ZoneInfo("Europe/Berlin")),
    "certificates": len(ssl.create_default_context().get_ca_certs()) > 100,
    "sqlite": sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0],
    "library": ctypes.CDLL("libgomp.so.1").omp_get_max_threads() > 0,
    "wheels": all(map(ctypes.CDLL, ("libstdc++.so.6", "libgcc_s.so.1", "libz.so.1"))),
    "tmp": oct(stat.S_IMODE(os.stat("/tmp").st_mode)),
}))
"""
FACTS = {
    "root": "/root",
    "nogroup": 65534,
    "zone": "Europe/Berlin",
    "certificates": True,
    "sqlite": 42,
    "library": True,
    "wheels": True,
    "tmp": "0o1777",
}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A base, and its layer as a plain tar."""

    lock: SystemLock
    base: BaseContent
    tar: Path


def make(lock: SystemLock, folder: Path) -> Made:
    store = BlobStore(folder / "blobs")
    cache = LayerCache(folder / "layers", store=store)
    path = folder / f"{lock.architecture}.tar"
    with open_system_base(lock, store=store, cache=cache) as base:
        with base.layers[0].open() as packed:
            path.write_bytes(gzip.decompress(packed.read()))
        return Made(lock=lock, base=base, tar=path)


@pytest.fixture(scope="module")
def locks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SystemLock, ...]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOORING_CACHE_DIR", str(tmp_path_factory.mktemp("system-cache")))
        yield tuple(
            resolve_system(SUITE, ["libgomp1"], Platform.parse(name))
            for name in ("linux-64", "linux-aarch64")
        )


@pytest.fixture(scope="module")
def bases(
    locks: tuple[SystemLock, ...], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Made]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOORING_CACHE_DIR", str(tmp_path_factory.mktemp("debs-cache")))
        yield {lock.architecture: make(lock, tmp_path_factory.mktemp("made")) for lock in locks}


def test_the_lock_names_no_host(locks: tuple[SystemLock, ...]) -> None:
    text = mooring_lock.write(MooringLock(systems=locks))
    assert mooring_lock.read(text).systems == locks
    assert "://" not in text
    for lock in locks:
        assert str(python_of(lock)) == "3.11"
        assert all(package.path.startswith("pool/") for package in lock.packages)
        assert {p.architecture for p in lock.packages} == {lock.architecture, "all"}


def test_what_a_scan_finds(bases: dict[str, Made]) -> None:
    for made in bases.values():
        scan = made.base.scan
        assert [(i.path, i.version) for i in scan.interpreters] == [("/usr/bin/python3.11", PYTHON)]
        assert scan.libc == ("glibc", (2, 36))
        assert scan.links["/lib"] == "usr/lib"


def test_no_member_of_a_layer_is_dangerous(bases: dict[str, Made]) -> None:
    for made in bases.values():
        with tarfile.open(made.tar) as layer:
            members = layer.getmembers()
        names = [member.name for member in members]
        assert len(set(names)) == len(names)
        assert {m.mtime for m in members} == {315532800}
        assert not any(member.isdev() or member.islnk() for member in members)
        assert not any(member.isfile() and member.mode & 0o6000 for member in members)
        assert not any(name.startswith(("/", "bin/", "lib/", "sbin/")) for name in names)


def test_an_engine_runs_it(bases: dict[str, Made], docker_cli: DockerCli) -> None:
    image = f"mooring-test/system-base:{os.getpid()}"
    docker_cli.run("import", str(bases["amd64"].tar), image)
    try:
        run = ("run", "--rm", "--network", "none")
        found = json.loads(docker_cli.run(*run, "-u", "65532:65532", image, "python3", "-c", PROBE))
        assert found.pop("machine") == "x86_64"
        assert found == FACTS
        assert docker_cli.run(*run, image, "id", "-un").strip() == "root"
        assert docker_cli.run(*run, image, "dpkg", "--verify").strip() == ""
        listed = docker_cli.run(*run, image, "dpkg-query", "-W", "-f", "${Package} ${Version}\n")
        locked = [f"{p.name} {p.version}" for p in bases["amd64"].lock.packages]
        assert sorted(listed.split("\n")[: len(locked)]) == sorted(locked)
        # What ldconfig would write is what there is.
        show = "ldconfig -p; ldconfig; echo ==; ldconfig -p"
        ours, _, theirs = docker_cli.run(*run, image, "sh", "-c", show).partition("==")
        assert libraries(ours) == libraries(theirs)
    finally:
        docker_cli.run("rmi", "--force", image)


def libraries(text: str) -> list[str]:
    """Return the names of a cache in its order; paths may differ by the merged /usr."""
    return [line.split()[0] for line in text.splitlines() if "=>" in line]


@pytest.mark.skipif(shutil.which("qemu-aarch64-static") is None, reason="there is no emulator")
def test_a_foreign_machine_runs_it(bases: dict[str, Made], tmp_path: Path) -> None:
    root = tmp_path / "root"
    with tarfile.open(bases["arm64"].tar) as layer:
        layer.extractall(root, filter="fully_trusted")
    program = ["qemu-aarch64-static", "-L", str(root), str(root / "usr/bin/python3")]
    settings = {"SSL_CERT_FILE": str(root / "etc/ssl/certs/ca-certificates.crt")}
    done = subprocess.run(
        [*program, "-c", PROBE],
        check=True,
        capture_output=True,
        env=settings | {"LD_LIBRARY_PATH": "/usr/lib/aarch64-linux-gnu"},
        timeout=120,
    )
    found = json.loads(done.stdout)
    assert found.pop("machine") == "aarch64"
    assert found == FACTS


def test_another_machine_makes_the_same_bytes(bases: dict[str, Made], tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        again = make(bases["amd64"].lock, tmp_path)
    finally:
        os.umask(before)
    assert again.base == bases["amd64"].base


SCRIPT = """\
import os, sys
from mooring.build.embedded.system.base import open_system_base
from mooring.manifest.system import SystemBase
from mooring.oci.blob_store import BlobStore
from mooring.platforms import Platform
from mooring.resolve.system.apt import resolve_system
assert os.getuid() == 65534
base = SystemBase(distribution="debian", suite="bookworm")
lock = resolve_system(base, ["libgomp1"], Platform.parse("linux-64"))
with open_system_base(lock, store=BlobStore()) as made:
    print(made.digest, made.layers[0].descriptor.digest)
"""


def python_of_everybody(environment: dict[str, str]) -> str:
    """Return an interpreter that others may run and that has what Mooring needs."""
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            tried = subprocess.run(
                [python, "-c", "import mooring.build.embedded.system.base, zlib_ng.zlib_ng"],
                check=False,
                capture_output=True,
                env=environment,
                user=65534,
                group=65534,
                extra_groups=(),
            )
            if tried.returncode == 0:
                return python
    pytest.skip("there is no interpreter that others may run")


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    """Give a folder that is not below pytest's own, which others may not enter."""
    with tempfile.TemporaryDirectory(prefix="mooring-test-") as name:
        with contextlib.suppress(PermissionError):
            os.chown(name, 65534, 65534)
        yield Path(name)


def test_nobody_needs_to_be_root(bases: dict[str, Made], folder_of_nobody: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("this is not root, so all the other tests show it")
    environment = os.environ | {
        "HOME": str(folder_of_nobody),
        "MOORING_CACHE_DIR": str(folder_of_nobody / "cache"),
        "PYTHONPATH": ":".join(path for path in sys.path if path),
    }
    done = subprocess.run(
        [python_of_everybody(environment), "-c", SCRIPT],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder_of_nobody,
        user=65534,
        group=65534,
        extra_groups=(),
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    made = bases["amd64"].base
    assert done.stdout.split() == [made.digest, made.layers[0].descriptor.digest]
