from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.debs import AMD, ARM, BOOKWORM, lock_of, locked

from mooring.errors import InputError, InputProblems
from mooring.lock.formats.mooring_lock import BaseImageLock, MooringLock, read, write
from mooring.lock.formats.system_lock import SystemLock, SystemPackage, debian_architecture
from mooring.manifest.system import SystemBase
from mooring.platforms import Platform

ZLIB = locked(b"zlib", "zlib1g", version="1:1.2.13.dfsg-1")
GOMP = locked(b"gomp", "libgomp1", version="12.2.0-14+deb12u1")
SYSTEM = SystemLock(base=BOOKWORM, platform=AMD, requested=("libgomp1",), packages=(GOMP, ZLIB))

TEXT = f"""\
# Written by `mooring lock`: base images, pinned for each platform.
version = 1

[[system-base]]
reference = "debian:bookworm"
platform = "linux-64"
requested = ["libgomp1"]
packages = [
    {{ name = "libgomp1", version = "12.2.0-14+deb12u1", architecture = "amd64", \
path = "pool/main/l/libgomp1/libgomp1_12.2.0-14+deb12u1_amd64.deb", \
sha256 = "{GOMP.sha256}", size = 4 }},
    {{ name = "zlib1g", version = "1:1.2.13.dfsg-1", architecture = "amd64", \
path = "pool/main/z/zlib1g/zlib1g_1:1.2.13.dfsg-1_amd64.deb", \
sha256 = "{ZLIB.sha256}", size = 4 }},
]
"""


def test_the_text_is_what_is_documented() -> None:
    assert write(MooringLock(systems=(SYSTEM,))) == TEXT


def test_what_is_written_is_read_again() -> None:
    other = SystemLock(base=BOOKWORM, platform=ARM, requested=(), packages=(ZLIB,))
    image = BaseImageLock(reference="python:3.12-slim", platform=AMD, digest="sha256:" + "1" * 64)
    lock = MooringLock(base_images=(image,), systems=(SYSTEM, other))
    assert read(write(lock)) == lock
    assert write(MooringLock(systems=(other, SYSTEM))) == write(
        MooringLock(systems=(SYSTEM, other))
    )


def test_look_up_does_not_care_about_the_libc_floor() -> None:
    lock = read(TEXT)
    assert lock.system(BOOKWORM, Platform.parse("linux-64-glibc2.17")) == SYSTEM
    assert lock.system(BOOKWORM, ARM) is None
    assert lock.system(SystemBase(distribution="debian", suite="trixie"), AMD) is None


def test_the_digest_is_of_what_is_unpacked() -> None:
    digest = SYSTEM.digest
    assert digest == "sha256:961424603d7c3ef573bc4eed4bda50a3eaa5e6fbadd52ddb3e31c19364e5b9f2"
    moved = SystemPackage(
        name=ZLIB.name,
        version=ZLIB.version,
        architecture=ZLIB.architecture,
        path="pool/updates/main/z/zlib1g.deb",
        sha256=ZLIB.sha256,
        size=ZLIB.size,
    )
    elsewhere = SystemLock(base=BOOKWORM, platform=AMD, requested=(), packages=(GOMP, moved))
    assert elsewhere.digest == digest, "where a package lies does not change the base"
    assert lock_of(GOMP).digest != digest
    assert lock_of(GOMP, ZLIB, platform=ARM).digest != digest


@pytest.mark.parametrize(
    ("edit", "where", "message"),
    [
        (lambda t: t.replace("debian:bookworm", "debian:stable"), "reference", "not a release"),
        (lambda t: t.replace('"linux-64"', '"osx-arm64"'), "platform", "no system packages"),
        (lambda t: t.replace('"linux-64"', '"plan9"'), "platform", "not a platform"),
        (lambda t: t.replace('["libgomp1"]', '["lib gomp"]'), "requested", "not a list of"),
        (lambda t: t.replace('["libgomp1"]', "3"), "requested", "not a list of"),
        (lambda t: t.replace("pool/main/z", "/pool/main/z"), "packages[1]", "not a package"),
        (lambda t: t.replace("pool/main/z", "pool/../z"), "packages[1]", "not a package"),
        (lambda t: t.replace("pool/main/z", "http://x/z"), "packages[1]", "not a package"),
        (lambda t: t.replace("pool/main/z", "pool//z"), "packages[1]", "not a package"),
        (lambda t: t.replace("size = 4", "size = -4", 1), "packages[0]", "not a package"),
        (lambda t: t.replace("size = 4", "size = true", 1), "packages[0]", "not a package"),
        (lambda t: t.replace("size = 4", 'size = "4"', 1), "packages[0]", "not a package"),
        (lambda t: t.replace(ZLIB.sha256, ZLIB.sha256.upper()), "packages[1]", "not a package"),
        (lambda t: t.replace(ZLIB.sha256, "12"), "packages[1]", "not a package"),
        (lambda t: t.replace('name = "zlib1g"', 'name = "libgomp1"'), "packages[1]", "a second"),
        (lambda t: t.replace('"1:1.2.13.dfsg-1"', '"1 2"'), "packages[1]", "not a package"),
        (lambda t: t.replace("requested =", "wanted = 1\nrequested ="), "wanted", "unknown key"),
    ],
)
def test_wrong_values_are_named(edit: Callable[[str], str], where: str, message: str) -> None:
    text = edit(TEXT)
    assert text != TEXT
    with pytest.raises(InputProblems) as caught:
        read(text, "mooring.lock")
    problem = caught.value.problems[0]
    assert problem.where == f"mooring.lock: system-base[0].{where}"
    assert message in problem.message


def test_other_shapes_are_refused() -> None:
    with pytest.raises(InputProblems, match="not an array of tables"):
        read("version = 1\nsystem-base = 3\n")
    with pytest.raises(InputProblems, match="not a table"):
        read("version = 1\nsystem-base = [3]\n")
    with pytest.raises(InputProblems, match="a second entry"):
        read(TEXT + TEXT[TEXT.index("\n[[system-base]]") :])
    with pytest.raises(InputProblems, match="not a list of packages"):
        read(TEXT[: TEXT.index("packages = [")] + "packages = []\n")


def test_architectures() -> None:
    assert debian_architecture(AMD) == "amd64"
    assert debian_architecture(ARM) == "arm64"
    assert debian_architecture(Platform.parse("linux-ppc64le")) == "ppc64el"
    with pytest.raises(InputError, match="no system packages for win-64"):
        debian_architecture(Platform.parse("win-64"))
