"""Debian packages made by tests, honest and otherwise, and the locks that name them."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from mooring.artifacts.deb_store import DebStore
from mooring.lock.formats.system_lock import SystemLock, SystemPackage
from mooring.manifest.system import SystemBase
from mooring.oci.blob_store import BlobStore
from mooring.platforms import Platform

BOOKWORM = SystemBase(distribution="debian", suite="bookworm")
AMD = Platform.parse("linux-64")
ARM = Platform.parse("linux-aarch64")

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
}


class File(NamedTuple):
    """One member of a package; `kind` is the type byte of its tar header."""

    path: str
    content: bytes = b""
    mode: int = 0o644
    kind: bytes = tarfile.REGTYPE
    target: str = ""
    uid: int = 0
    gid: int = 0


def folder(path: str, mode: int = 0o755, gid: int = 0) -> File:
    return File(path, mode=mode, kind=tarfile.DIRTYPE, gid=gid)


def symlink(path: str, target: str) -> File:
    return File(path, mode=0o777, kind=tarfile.SYMTYPE, target=target)


def hardlink(path: str, target: str) -> File:
    return File(path, kind=tarfile.LNKTYPE, target=target)


def tar(files: Iterable[File], form: int = tarfile.GNU_FORMAT) -> bytes:
    """Return a tar of these members, exactly as they are named."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for file in files:
            info = tarfile.TarInfo()
            info.name, info.mode, info.type = file.path, file.mode, file.kind
            info.linkname, info.uid, info.gid = file.target, file.uid, file.gid
            info.size = len(file.content)
            archive.addfile(info, io.BytesIO(file.content))
    return buffer.getvalue()


def ar(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the outer container of a package."""
    parts = [b"!<arch>\n"]
    for name, data in members:
        parts.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode())
        parts += [data, b"\n" * (len(data) % 2)]
    return b"".join(parts)


def deb(
    name: str,
    files: Iterable[File] = (),
    *,
    version: str = "1.0-1",
    architecture: str = "amd64",
    fields: Mapping[str, str] | None = None,
    scripts: Mapping[str, str] | None = None,
    compression: str = ".xz",
) -> bytes:
    """Return a package."""
    paragraph = {
        "Package": name,
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "Nobody <nobody@example.com>",
        **(fields or {}),
        "Description": f"{name} of a test\n It does nothing.",
    }
    control = "".join(f"{key}: {value}\n" for key, value in paragraph.items())
    files_of_control = [File("./control", control.encode())]
    files_of_control += [File(f"./{key}", text.encode()) for key, text in (scripts or {}).items()]
    pack = COMPRESSIONS[compression]
    return ar(
        [
            ("debian-binary", b"2.0\n"),
            (f"control.tar{compression}", pack(tar(files_of_control))),
            (f"data.tar{compression}", pack(tar(files))),
        ]
    )


def locked(
    data: bytes, name: str, *, version: str = "1.0-1", architecture: str = "amd64"
) -> SystemPackage:
    """Return how a lock names a package."""
    return SystemPackage(
        name=name,
        version=version,
        architecture=architecture,
        path=f"pool/main/{name[0]}/{name}/{name}_{version}_{architecture}.deb",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
    )


def lock_of(*packages: SystemPackage, platform: Platform = AMD) -> SystemLock:
    """Return the lock of a base of these packages."""
    ordered = tuple(sorted(packages, key=lambda package: package.name))
    return SystemLock(base=BOOKWORM, platform=platform, requested=(), packages=ordered)


def filled_store(root: Path, *datas: bytes) -> DebStore:
    """Return a store that has these packages already."""
    blobs = BlobStore(root)
    for data in datas:
        blobs.add(data)
    return DebStore(root)


def minimal_debs() -> dict[str, bytes]:
    """Return packages that make a small base of about the shape of a real one."""
    certificate = b"-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"
    return {
        "base-files": deb(
            "base-files",
            [
                folder("./"),
                folder("./bin/"),
                folder("./tmp/", 0o1777),
                folder("./var/run/"),
                folder("./var/local/", 0o2775, gid=50),
                File("./usr/lib/os-release", b"ID=debian\n"),
                symlink("./etc/os-release", "../usr/lib/os-release"),
                File("./usr/share/doc/base-files/copyright", b"licence\n"),
                File("./usr/share/doc/base-files/changelog.gz", b"long\n"),
                File("./usr/share/man/man1/x.1.gz", b"long\n"),
            ],
        ),
        "base-passwd": deb(
            "base-passwd",
            [
                File(
                    "./usr/share/base-passwd/passwd.master",
                    b"root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/:/bin/false\n",
                ),
                File("./usr/share/base-passwd/group.master", b"root:*:0:\nnogroup:*:65534:\n"),
            ],
        ),
        "ca-certificates": deb(
            "ca-certificates",
            [
                folder("./usr/share/ca-certificates/mozilla/"),
                File("./usr/share/ca-certificates/mozilla/b.crt", certificate % b"second"),
                File("./usr/share/ca-certificates/mozilla/a.crt", certificate % b"first"),
                File("./usr/share/ca-certificates/mozilla/README", b"no certificate"),
            ],
            architecture="all",
            scripts={"postinst": "#!/bin/sh\ntouch /tmp/postinst-was-run\n"},
        ),
        "dash": deb(
            "dash",
            [File("./bin/dash", b"\x7fELF", 0o4755), symlink("./bin/sh", "dash")],
            fields={"Multi-Arch": "same"},
        ),
        "libc-bin": deb(
            "libc-bin",
            [
                File("./usr/share/libc-bin/nsswitch.conf", b"hosts: files dns\n"),
                File("./etc/gai.conf", b"# none\n"),
                File("./lib64/ld.so", b"\x7fELF", 0o755),
            ],
            scripts={"conffiles": "/etc/gai.conf\n"},
        ),
    }
