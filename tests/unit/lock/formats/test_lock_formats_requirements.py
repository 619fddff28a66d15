from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.lock import locks

from mooring.errors import InputError
from mooring.lock.formats import requirements
from mooring.lock.model import Artifact, Lock, Package
from mooring.lock.select import select

COMMIT = locks.vcs().commit
LINUX = locks.PLATFORMS[0]
HEADER = "# Written by mooring from its lock: edit the declared inputs, not this file.\n"


def sha(artifact: Artifact | None) -> str:
    assert artifact is not None
    return f"--hash=sha256:{artifact.sha256}"


def one_platform(lock: Lock) -> str:
    return requirements.write(select(lock, platform=LINUX, python=locks.PYTHON))


def universal(lock: Lock, *, extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> str:
    return requirements.write_universal(lock, extras=extras, groups=groups)


def test_one_platform_allows_only_what_was_selected() -> None:
    b = locks.package("b", "cp312-cp312-win_amd64", "py3-none-any", marker="os_name == 'posix'")
    a = replace(locks.package("a", "cp312-cp312-win_amd64"), sdist=locks.sdist("a"))

    assert one_platform(locks.lock(b, a)) == (
        f"{HEADER}"
        f"a==1.0 \\\n    {sha(a.sdist)}\n"
        f"b==1.0 \\\n    {sha(b.wheels[1])}\n"
    )  # fmt: skip


def test_universal_allows_every_artifact_and_keeps_environment_markers() -> None:
    a = replace(locks.package("a", "py3-none-any", "cp312-cp312-win_amd64"), sdist=locks.sdist("a"))
    b = locks.package("b", marker="'gpu' in extras and sys_platform == 'linux'")
    c = locks.package("c", marker="'dev' in dependency_groups")
    lock = locks.lock(c, b, a, extras=["gpu"], groups=["dev"])
    hashes = sorted([sha(a.sdist), sha(a.wheels[0]), sha(a.wheels[1])])

    assert universal(lock, extras=("gpu",)) == (
        f"{HEADER}"
        f"a==1.0 \\\n    {hashes[0]} \\\n    {hashes[1]} \\\n    {hashes[2]}\n"
        f"b==1.0 ; sys_platform == 'linux' \\\n    {sha(b.wheels[0])}\n"
    )
    assert "c==1.0 \\" in universal(lock, groups=("dev",))
    assert "b==" not in universal(lock)


def test_a_fork_is_two_lines() -> None:
    lock = locks.lock(
        locks.package("a", version="2.0", marker="sys_platform == 'linux'"),
        locks.package("a", version="1.0", marker="sys_platform != 'linux'"),
    )

    lines = [line for line in universal(lock).splitlines() if line.startswith("a==")]

    assert lines == [
        "a==1.0 ; sys_platform != 'linux' \\",
        "a==2.0 ; sys_platform == 'linux' \\",
    ]


@pytest.mark.parametrize(
    ("direct", "expected"),
    [
        (
            locks.vcs(),
            f"a @ git+https://git.example.org/team/tool.git@{COMMIT}#subdirectory=python",
        ),
        (
            replace(locks.vcs(), url="git+ssh://git@example.org/x.git", subdirectory=None),
            f"a @ git+ssh://git@example.org/x.git@{COMMIT}",
        ),
        (
            locks.archive(),
            "a @ https://files.example.org/tool-1.0.zip#subdirectory=python \\\n    HASH",
        ),
        (
            replace(locks.archive(), url="https://e.org/x.zip#a=b", subdirectory="c"),
            "a @ https://e.org/x.zip#a=b&subdirectory=c \\\n    HASH",
        ),
        (
            replace(locks.archive(), url=None, path="vendor/tool.zip", subdirectory=None),
            "./vendor/tool.zip \\\n    HASH",
        ),
        (Artifact(kind="directory", path="./lib", subdirectory="py"), "./lib/py"),
        (Artifact(kind="directory", path="lib", editable=True), "-e ./lib"),
    ],
)
def test_direct_sources(direct: Artifact, expected: str) -> None:
    lock = locks.lock(Package(name="a", direct=direct))

    expected = expected.replace("HASH", sha(locks.archive()))
    assert one_platform(lock) == universal(lock) == f"{HEADER}{expected}\n"


def test_a_wheel_beside_the_lock() -> None:
    wheel = replace(locks.wheel("a"), url=None, path="wheels/a-1.0-py3-none-any.whl")
    lock = locks.lock(Package(name="a", version="1.0", wheels=(wheel,)))

    assert f"./wheels/a-1.0-py3-none-any.whl \\\n    {sha(wheel)}\n" in one_platform(lock)


def test_no_credentials_are_written() -> None:
    direct = replace(locks.archive(), url="https://me:secret@files.example.org/tool-1.0.zip")

    assert "secret" not in one_platform(locks.lock(Package(name="a", direct=direct)))


def test_the_best_hash_is_taken() -> None:
    both = replace(locks.wheel("a"), hashes=(("md5", "0" * 32), ("sha512", "1" * 128)))

    text = one_platform(locks.lock(Package(name="a", version="1.0", wheels=(both,))))

    assert f"--hash=sha512:{'1' * 128}\n" in text
    assert "md5" not in text


def test_an_artifact_without_a_good_hash_is_refused() -> None:
    weak = replace(locks.wheel("a"), hashes=(("md5", "0" * 32),))

    with pytest.raises(InputError, match="SHA-2"):
        one_platform(locks.lock(Package(name="a", version="1.0", wheels=(weak,))))


@pytest.mark.parametrize(
    "package",
    [
        locks.package("a", marker="os_name != 'x --index-url=https://evil.example.org'"),
        locks.package("a", marker="os_name != 'x #'"),
        locks.package("a", marker="os_name != '${SECRET}'"),
        Package(name="a", direct=Artifact(kind="directory", path="lib --pre")),
        Package(name="a", direct=replace(locks.archive(), url="https://e.org/x\n--pre")),
        Package(name="a", direct=Artifact(kind="directory", path="lib ; os_name == 'no'")),
        Package(name="a", direct=Artifact(kind="directory", path="lib#egg=b", editable=True)),
        Package(name="a", direct=replace(locks.archive(), url=None, path="lib[extra]")),
        Package(name="a", direct=replace(locks.archive(), subdirectory="x&egg=b")),
        Package(name="a", direct=replace(locks.vcs(), subdirectory="x#y")),
        Package(name="a", version="1\u2028--pre", wheels=(locks.wheel("a"),)),
    ],
)
def test_nothing_in_a_lock_becomes_an_option(package: Package) -> None:
    with pytest.raises(InputError, match="a cannot be written"):
        universal(locks.lock(package))


def test_a_package_without_a_version_is_refused() -> None:
    with pytest.raises(InputError, match="no version"):
        universal(locks.lock(Package(name="a", wheels=(locks.wheel("a"),))))


def test_the_same_lock_gives_the_same_text() -> None:
    for seed in range(10):
        lock = locks.random_lock(seed)
        other = replace(lock, packages=lock.packages[::-1])

        assert universal(lock, groups=("dev",)) == universal(other, groups=("dev",))
