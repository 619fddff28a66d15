from __future__ import annotations

import random
import tomllib
from dataclasses import replace

import pytest
from packaging.pylock import Pylock
from tests.unit.lock import locks

from mooring.errors import MooringError
from mooring.lock.formats import pylock
from mooring.lock.model import Artifact, Dependency, Lock, Package

SMALL = """\
lock-version = "1.0"
environments = [
    "platform_machine == 'x86_64' and sys_platform == 'linux'",
]
requires-python = "==3.12.*"
extras = ["gpu"]
dependency-groups = ["dev"]
default-groups = ["dev"]
created-by = "mooring"

[[packages]]
name = "my-app"
version = "2.0"
marker = "sys_platform == 'linux'"
requires-python = ">=3.9"
dependencies = [
    { name = "rich" },
    { name = "six", version = "1.16.0" },
]
index = "https://index.example.org/simple"
sdist = { url = "https://files.example.org/my_app-2.0.tar.gz", hashes = { sha256 = "SDIST" } }
wheels = [
    { name = "my_app-2.0-py3-none-any.whl", upload-time = 2025-01-31T09:30:00Z, \
url = "https://files.example.org/other.whl", size = 5, hashes = { sha256 = "WHEEL" } },
]

[packages.tool.mooring.record-ids]
"my_app-2.0-py3-none-any.whl" = "sha256:RECORD"
"""


def small() -> Lock:
    name = "my_app-2.0-py3-none-any.whl"
    return Lock(
        created_by="uv",
        requires_python="==3.12.*",
        environments=(locks.PLATFORMS[0].marker,),
        extras=("gpu",),
        groups=("dev",),
        default_groups=("dev",),
        packages=(
            Package(
                name="my-app",
                version="2.0",
                marker="sys_platform == 'linux'",
                requires_python=">=3.9",
                index="https://user:secret@index.example.org/simple",
                dependencies=(Dependency(name="rich"), Dependency(name="six", version="1.16.0")),
                sdist=replace(locks.sdist("my-app", "2.0"), hashes=(("sha256", locks.sha("s")),)),
                wheels=(
                    Artifact(
                        kind="wheel",
                        name=name,
                        url="https://files.example.org/other.whl",
                        hashes=(("sha256", locks.sha("w")),),
                        size=5,
                        upload_time="2025-01-31T10:30:00.25+01:00",
                    ),
                ),
                record_ids=((name, "sha256:RECORD"),),
            ),
        ),
    )


def test_the_shape_of_a_lock() -> None:
    expected = SMALL.replace("SDIST", locks.sha("s")).replace("WHEEL", locks.sha("w"))

    assert pylock.write(small()) == expected


def test_no_credentials_are_written() -> None:
    assert "secret" not in pylock.write(small())
    assert pylock.packages_digest(small()) == pylock.packages_digest(
        pylock.read(pylock.write(small()), "x")
    )


@pytest.mark.parametrize("seed", range(40))
def test_round_trip(seed: int) -> None:
    lock = locks.random_lock(seed)
    text = pylock.write(lock)

    again = pylock.read(text, "pylock.toml")

    assert pylock.write(again) == text
    assert pylock.packages_digest(again) == pylock.packages_digest(lock)
    Pylock.from_dict(tomllib.loads(text))
    expected = replace(lock, packages=tuple(sorted(lock.packages, key=lambda p: p.name)))
    if lock.provenance:
        digest = pylock.packages_digest(lock)
        expected = replace(expected, provenance=replace(lock.provenance, packages_digest=digest))
    assert again == expected


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_packages_changes_no_byte(seed: int) -> None:
    lock = locks.random_lock(seed)
    shuffled = list(lock.packages)
    random.Random(seed + 1).shuffle(shuffled)

    assert pylock.write(replace(lock, packages=tuple(shuffled))) == pylock.write(lock)


def test_packages_digest_is_golden() -> None:
    # Changing this value is a changelog entry and a new schema number.
    assert pylock.packages_digest(small()) == (
        "sha256:b0171f5b908e54c2536f854c4cf0744cddeb8db4cb13d341c56edddf1fd0e22a"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"requires_python": ">=3.9"},
        {"environments": ()},
        {"extras": ()},
        {"groups": ()},
        {"default_groups": ()},
        {"packages": ()},
    ],
)
def test_packages_digest_sees_every_part_of_the_lock(change: dict[str, object]) -> None:
    assert pylock.packages_digest(replace(small(), **change)) != (  # type: ignore[arg-type]
        pylock.packages_digest(small())
    )


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2.1"},
        {"marker": None},
        {"requires_python": None},
        {"index": "https://other.example.org/simple"},
        {"dependencies": ()},
        {"wheels": ()},
        {"sdist": None},
        {"direct": locks.vcs()},
    ],
)
def test_packages_digest_sees_every_part_of_a_package(change: dict[str, object]) -> None:
    package = replace(small().packages[0], **change)  # type: ignore[arg-type]

    assert pylock.packages_digest(replace(small(), packages=(package,))) != (
        pylock.packages_digest(small())
    )


def test_packages_digest_ignores_record_ids() -> None:
    package = replace(small().packages[0], record_ids=())

    assert pylock.packages_digest(replace(small(), packages=(package,))) == (
        pylock.packages_digest(small())
    )


def test_packages_digest_ignores_who_wrote_it_and_what_mooring_says() -> None:
    lock = replace(small(), created_by="mooring", provenance=locks.provenance())

    assert pylock.packages_digest(lock) == pylock.packages_digest(small())


def test_an_empty_lock_is_a_lock() -> None:
    text = pylock.write(locks.lock())

    assert text == 'lock-version = "1.0"\ncreated-by = "mooring"\npackages = []\n'
    assert pylock.read(text, "x").packages == ()


def test_a_time_that_is_none_is_refused() -> None:
    wheel = replace(locks.wheel("a"), upload_time="yesterday")

    with pytest.raises(MooringError, match="yesterday"):
        pylock.write(locks.lock(Package(name="a", version="1.0", wheels=(wheel,))))


def test_hostile_texts_cannot_leave_their_string() -> None:
    marker = "sys_platform == 'x' ]\n[tool.evil]\n\"\\"
    text = pylock.write(locks.lock(replace(locks.package("a"), marker=marker)))

    assert tomllib.loads(text)["packages"][0]["marker"] == marker
    assert "evil" not in tomllib.loads(text).get("tool", {})


def test_what_a_resolver_leaves_raw_in_a_url_is_written_so_that_it_can_be_read() -> None:
    odd = "https://files.example.org/a|b^/c d`{e}\n/a-1.0-py3-none-any.whl?x={y}|z"
    wheel = replace(locks.wheel("a"), url=odd)
    lock = locks.lock(Package(name="a", version="1.0", wheels=(wheel,), index="https://e.org/{x}"))

    read = pylock.read(pylock.write(lock), "pylock.toml")

    assert read.packages[0].wheels[0].url == (
        "https://files.example.org/a%7Cb%5E/c%20d%60%7Be%7D%0A/a-1.0-py3-none-any.whl?x=%7By%7D%7Cz"
    )
    assert read.packages[0].index == "https://e.org/%7Bx%7D"
    assert pylock.packages_digest(read) == pylock.packages_digest(lock)
