from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from mooring.errors import InputError, InputProblems
from mooring.lock.formats.mooring_lock import BaseImageLock, MooringLock, read, write
from mooring.platforms import Platform

AMD, ARM = Platform.parse("linux-64"), Platform.parse("linux-aarch64")
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64

SLIM_AMD = BaseImageLock(reference="python:3.12-slim", platform=AMD, digest=ONE)
SLIM_ARM = BaseImageLock(reference="python:3.12-slim", platform=ARM, digest=TWO)
LOCAL = BaseImageLock(reference="localhost:5000/base:1", platform=AMD, image_id=ONE)

TEXT = f"""\
# Written by `mooring lock`: base images, pinned for each platform.
version = 1

[[base-image]]
reference = "localhost:5000/base:1"
platform = "linux-64"
image-id = "{ONE}"

[[base-image]]
reference = "python:3.12-slim"
platform = "linux-64"
digest = "{ONE}"

[[base-image]]
reference = "python:3.12-slim"
platform = "linux-aarch64"
digest = "{TWO}"
"""


def test_the_text_is_the_same_whatever_the_order() -> None:
    texts = {
        write(MooringLock(base_images=order))
        for order in itertools.permutations((SLIM_ARM, LOCAL, SLIM_AMD))
    }
    assert texts == {TEXT}


def test_what_is_written_is_read_again() -> None:
    lock = read(TEXT)
    assert lock.base_images == (LOCAL, SLIM_AMD, SLIM_ARM)
    assert write(lock) == TEXT
    assert read(write(MooringLock())) == MooringLock()


def test_look_up_does_not_care_about_the_libc_floor() -> None:
    lock = read(TEXT)
    assert lock.base_image("python:3.12-slim", Platform.parse("linux-64-musl1.2")) == SLIM_AMD
    assert lock.base_image("python:3.12-slim", Platform.parse("osx-arm64")) is None
    assert lock.base_image("python:3.13-slim", AMD) is None


@pytest.mark.parametrize("version", ["0", "2", '"1"', "true", "1.0", "[]"])
def test_another_version_is_refused(version: str) -> None:
    with pytest.raises(InputError) as caught:
        read(TEXT.replace("version = 1", f"version = {version}"), "mooring.lock")
    assert caught.value.where == "mooring.lock: version"
    assert caught.value.exit_code == 2


def test_no_version_is_refused() -> None:
    with pytest.raises(InputError):
        read("", "mooring.lock")


@pytest.mark.parametrize(
    ("edit", "where", "message"),
    [
        (lambda t: t.replace(ONE, "sha256:12", 1), "base-image[0].image-id", "64 hex digits"),
        (lambda t: t.replace(TWO, TWO.upper()), "base-image[2].digest", "64 hex digits"),
        (lambda t: t.replace(f'"{TWO}"', "12"), "base-image[2].digest", "not a string"),
        (lambda t: t.replace("linux-aarch64", "amiga"), "base-image[2].platform", "not a platform"),
        (lambda t: t.replace("localhost:5000/base", "a//b"), "base-image[0].reference", "'a//b:1'"),
        (lambda t: t.replace("image-id", "image_id"), "base-image[0].image_id", "unknown key"),
        (lambda t: t.replace("linux-aarch64", "linux-64"), "base-image[2]", "second entry"),
        (lambda t: t + f'image-id = "{ONE}"\n', "base-image[2]", "one of `digest`"),
        (lambda t: t.replace(f'digest = "{TWO}"', ""), "base-image[2]", "one of"),
        (
            lambda t: t.replace('platform = "linux-aarch64"', ""),
            "base-image[2].platform",
            "missing",
        ),
        (lambda t: t + "[extra]\n", "extra", "unknown key"),
    ],
)
def test_hand_edits_are_named_by_their_key(
    edit: Callable[[str], str], where: str, message: str
) -> None:
    with pytest.raises(InputProblems) as caught:
        read(edit(TEXT), "mooring.lock")
    assert f"mooring.lock: {where}" in [problem.where for problem in caught.value.problems]
    assert message in str(caught.value)


@pytest.mark.parametrize("value", ["1", "{}", "[1]", '"x"'])
def test_base_image_must_be_tables(value: str) -> None:
    with pytest.raises(InputProblems):
        read(f"version = 1\nbase-image = {value}\n")


def test_all_problems_come_together() -> None:
    with pytest.raises(InputProblems) as caught:
        read(TEXT.replace(ONE, "sha256:1").replace("linux-aarch64", "amiga"))
    assert len(caught.value.problems) == 3


def test_conflict_markers_and_broken_toml() -> None:
    with pytest.raises(InputError, match="merge-conflict"):
        read(TEXT.replace("version = 1", "<<<<<<< ours\nversion = 1\n=======\n>>>>>>> theirs"))
    with pytest.raises(InputError) as caught:
        read(TEXT[: len(TEXT) // 2], "mooring.lock")
    assert caught.value.where is not None
    assert caught.value.where.startswith("mooring.lock:")


def test_an_absent_image_is_recorded() -> None:
    lock = MooringLock(
        base_images=(
            BaseImageLock(reference="base:1", platform=Platform.parse("linux-64"), absent=True),
        )
    )
    assert "absent = true" in write(lock)
    assert read(write(lock)) == lock
