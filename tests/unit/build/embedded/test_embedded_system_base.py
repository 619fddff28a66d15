"""A base out of packages: what Mooring makes itself, and the same bytes everywhere."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import time
from pathlib import Path

import pytest
from tests.debs import ARM, File, deb, filled_store, lock_of, locked, minimal_debs, symlink
from tests.fakes import RecordingReporter

from mooring.artifacts.deb_apt import AptError
from mooring.build.embedded.interface import BaseContent, EmbeddedBuildError
from mooring.build.embedded.layers.cache import LayerCache
from mooring.build.embedded.system.base import SystemBaseError, open_system_base, system_layer
from mooring.lock.formats.system_lock import SystemLock
from mooring.oci.blob_store import BlobStore

GOLDEN = "sha256:39638bce58a961c20e9de0ce737a93c63eb806696ea30e3689dfc513c0c82632"
CERTIFICATES = (
    b"-----BEGIN CERTIFICATE-----\nfirst\n-----END CERTIFICATE-----\n"
    b"-----BEGIN CERTIFICATE-----\nsecond\n-----END CERTIFICATE-----\n"
)


def assembled(tmp_path: Path, debs: dict[str, bytes]) -> tuple[BaseContent, tarfile.TarFile]:
    """Assemble a base of these packages and return it with its layer."""
    store = BlobStore(tmp_path / "blobs")
    lock = locked_set(debs)
    with open_system_base(
        lock,
        store=store,
        cache=LayerCache(tmp_path / "layers", store=store),
        debs=filled_store(tmp_path / "debs", *debs.values()),
        offline=True,
    ) as base:
        with base.layers[0].open() as stream:
            data = gzip.decompress(stream.read())
        assert base.layers[0].diff_id == f"sha256:{hashlib.sha256(data).hexdigest()}"
        return base, tarfile.open(fileobj=io.BytesIO(data))


def locked_set(debs: dict[str, bytes]) -> SystemLock:
    every = {"ca-certificates": "all"}
    return lock_of(
        *(locked(data, name, architecture=every.get(name, "amd64")) for name, data in debs.items())
    )


def text(layer: tarfile.TarFile, path: str) -> str:
    member = layer.extractfile(path)
    assert member is not None
    return member.read().decode()


def test_what_scripts_would_have_made_is_there(tmp_path: Path) -> None:
    _, layer = assembled(tmp_path, minimal_debs())
    assert text(layer, "etc/passwd").splitlines() == [
        "root:*:0:0:root:/root:/bin/sh",
        "nobody:*:65534:65534:nobody:/:/bin/false",
    ]
    assert text(layer, "etc/group") == "root:*:0:\nnogroup:*:65534:\n"
    assert text(layer, "etc/nsswitch.conf") == "hosts: files dns\n"
    assert text(layer, "etc/ssl/certs/ca-certificates.crt").encode() == CERTIFICATES
    links = {m.name: m.linkname for m in layer if m.issym()}
    assert links == {
        "bin": "usr/bin",
        "etc/os-release": "../usr/lib/os-release",
        "lib": "usr/lib",
        "lib64": "usr/lib64",
        "sbin": "usr/sbin",
        "usr/bin/sh": "dash",
        "usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt",
        "var/lock": "/run/lock",
        "var/run": "/run",
    }
    modes = {m.name: m.mode for m in layer if m.isdir()}
    shared = ("tmp", "var/tmp", "run/lock", "root", "var/local", "usr")
    assert [oct(modes[name]) for name in shared] == [
        "0o1777",
        "0o1777",
        "0o1777",
        "0o700",
        "0o2775",
        "0o755",
    ]
    assert layer.getmember("usr/bin/dash").mode == 0o755, "no program becomes root"
    assert not any("postinst" in m.name for m in layer)


def test_a_shell_that_is_there_is_kept(tmp_path: Path) -> None:
    _, layer = assembled(tmp_path, minimal_debs() | {"bash": deb("bash", [File("./bin/bash")])})
    assert text(layer, "etc/passwd").startswith("root:*:0:0:root:/root:/bin/bash\n")


def test_the_database_is_what_scanners_read(tmp_path: Path) -> None:
    _, layer = assembled(tmp_path, minimal_debs())
    status = text(layer, "var/lib/dpkg/status")
    assert status.count("\nStatus: install ok installed\n") == 5
    packages = [line for line in status.splitlines() if line.startswith("Package: ")]
    assert packages == sorted(packages)
    libc_bin = status[status.index("Package: libc-bin") :]
    md5 = hashlib.md5(b"# none\n").hexdigest()
    assert f"Conffiles:\n /etc/gai.conf {md5}\n" in libc_bin
    info = sorted(m.name.removeprefix("var/lib/dpkg/info/") for m in layer if "/info/" in m.name)
    assert info == [
        "base-files.list",
        "base-files.md5sums",
        "base-passwd.list",
        "base-passwd.md5sums",
        "ca-certificates.list",
        "ca-certificates.md5sums",
        "dash:amd64.list",
        "dash:amd64.md5sums",
        "format",
        "libc-bin.conffiles",
        "libc-bin.list",
        "libc-bin.md5sums",
    ]
    assert text(layer, "var/lib/dpkg/info/dash:amd64.list") == "/.\n/bin/dash\n/bin/sh\n"
    listed = text(layer, "var/lib/dpkg/info/base-files.list")
    assert "/usr/share/doc/base-files/copyright" in listed
    assert "changelog" not in listed, "what was left out is not missing"
    sums = text(layer, "var/lib/dpkg/info/libc-bin.md5sums")
    assert "gai.conf" not in sums
    assert hashlib.md5(b"hosts: files dns\n").hexdigest() + "  usr/share/libc-bin" in sums


def test_the_image_says_what_it_is(tmp_path: Path) -> None:
    base, _ = assembled(tmp_path, minimal_debs())
    lock = locked_set(minimal_debs())
    assert (base.reference, base.digest, base.platform) == (
        "debian:bookworm",
        lock.digest,
        "linux/amd64",
    )
    assert base.config == {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        },
        "rootfs": {"type": "layers", "diff_ids": [base.layers[0].diff_id]},
        "history": [{"created_by": "mooring: debian:bookworm (5 packages)"}],
    }
    assert base.scan.links["/bin"] == "usr/bin"
    assert base.scan.directories["/tmp"] == 0o1777
    assert base.scan.passwd.startswith("root:")


def test_links_of_packages_are_followed(tmp_path: Path) -> None:
    more = {
        "a": deb("a", [symlink("./usr/share/a", "../../etc/a"), File("./etc/a/x", b"1")]),
        "b": deb("b", [File("./usr/share/a/y", b"2"), File("./var/run/b/pid", b"3")]),
    }
    _, layer = assembled(tmp_path, minimal_debs() | more)
    assert text(layer, "etc/a/y") == "2"
    assert text(layer, "run/b/pid") == "3"
    assert layer.getmember("usr/share/a").issym()


def test_the_same_bytes_in_other_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = assembled(tmp_path / "one", minimal_debs())
    reverse = dict(reversed(minimal_debs().items()))
    before = os.umask(0o077)
    try:
        monkeypatch.setenv("TZ", "Pacific/Chatham")
        time.tzset()
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        second, _ = assembled(tmp_path / "two", reverse)
    finally:
        os.umask(before)
        monkeypatch.delenv("TZ")
        time.tzset()
    assert first.layers[0].descriptor == second.layers[0].descriptor
    assert first.layers[0].descriptor.digest == GOLDEN


def test_the_layer_is_written_once(tmp_path: Path) -> None:
    debs = minimal_debs()
    first, _ = assembled(tmp_path, debs)
    for path in (tmp_path / "debs" / "sha256").iterdir():
        path.unlink()
    store = BlobStore(tmp_path / "blobs")
    reporter = RecordingReporter()
    with open_system_base(
        locked_set(debs),
        store=store,
        cache=LayerCache(tmp_path / "layers", store=store),
        debs=filled_store(tmp_path / "debs"),
        offline=True,
        reporter=reporter,
    ) as again:
        assert again == first
    assert reporter.steps == []


def test_what_scripts_would_have_done_is_said(tmp_path: Path) -> None:
    script = (
        "#!/bin/sh\n# adduser no\nupdate-alternatives --quiet \\\n  --install /usr/bin/x x /y 1\n"
    )
    debs = {
        "vim": deb("vim", scripts={"postinst": script}),
        "redis": deb("redis", scripts={"postinst": "#!/bin/sh\nadduser --system redis\n"}),
        "mawk": deb("mawk", scripts={"postinst": script}),
        "quiet": deb("quiet", scripts={"postinst": "#!/bin/sh\n# useradd is not run\nldconfig\n"}),
    }
    reporter = RecordingReporter()
    store = filled_store(tmp_path / "debs", *debs.values())
    plan = system_layer(
        locked_set(debs), store, offline=True, reporter=reporter, scratch=tmp_path / "scratch"
    )
    with plan.entries():
        pass
    assert reporter.warnings == [
        f"scripts of packages are not run: {what} are not in the base"
        for what in ("links of the alternatives system of vim", "users or groups of redis")
    ]


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    data = deb("dash", [File("./bin/dash", bytes(3 << 20))])
    store = filled_store(tmp_path / "debs", data)
    plan = system_layer(lock_of(locked(data, "dash")), store, scratch=tmp_path / "scratch")
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        refused = pytest.raises(EmbeddedBuildError, match="cannot be unpacked: File too large")
        with refused as caught, plan.entries():
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "free some space" in (caught.value.hint or "")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_offline_without_the_packages_says_so(tmp_path: Path) -> None:
    plan = system_layer(locked_set(minimal_debs()), filled_store(tmp_path), offline=True)
    with pytest.raises(AptError, match=r"5 packages .* --offline"), plan.entries():
        pass


def test_a_file_that_is_another_package_is_refused(tmp_path: Path) -> None:
    data = deb("other")
    lock = lock_of(locked(data, "dash"))
    plan = system_layer(lock, filled_store(tmp_path, data), scratch=tmp_path / "scratch")
    refused = pytest.raises(SystemBaseError, match=r"dash 1.0-1 .* says that it is other")
    with refused, plan.entries():
        pass
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_base_for_another_machine_has_another_key() -> None:
    data = deb("dash")
    one = system_layer(lock_of(locked(data, "dash")), filled_store(Path("none")))
    other = system_layer(lock_of(locked(data, "dash"), platform=ARM), filled_store(Path("none")))
    assert one.key != other.key
    assert one.title == "debian:bookworm (1 package)"
