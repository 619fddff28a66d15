"""What no wheel may hold."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from mooring.build.embedded.wheels.checks import check_members, name_problem
from mooring.build.embedded.wheels.refused import WheelRefused, shown
from mooring.build.embedded.wheels.zip_directory import STORED, Member

FILE = stat.S_IFREG | 0o644


def member(name: str, *, size: int = 1, mode: int = FILE, offset: int = 0) -> Member:
    return Member(
        name=name,
        size=size,
        packed=1,
        offset=offset,
        method=STORED,
        flags=0,
        crc=0,
        mode=mode,
    )


def check(*members: Member, packed: int = 1000) -> None:
    placed = [m if m.offset else replace(m, offset=1000 * n) for n, m in enumerate(members)]
    check_members(placed, packed=packed, where="demo.whl")


def refused(message: str, *members: Member, packed: int = 1000) -> None:
    with pytest.raises(WheelRefused, match=message) as caught:
        check(*members, packed=packed)
    assert caught.value.where == "demo.whl"
    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_ordinary_members_pass() -> None:
    check(
        member("demo/__init__.py"),
        member("demo/", size=0, mode=stat.S_IFDIR | 0o755),
        member("demo/empty/", size=0, mode=0),
        member("Demo/__init__.py"),
        member("demo/é b,c\"d'.py", mode=stat.S_IFREG | 0o755),
        member("demo/..data/...", mode=0),
        member("demo/x.wh.y"),
    )


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "a/..",
        "..",
        "/x",
        "//x",
        "./x",
        "a/./x",
        "a//x",
        "",
        "a\\x",
        "..\\x",
        "C:\\x",
        "a\nb",
        "a\x00b",
        "\x7f",
        "a/\x1bx",
        ".wh.a",
        "a/.wh..wh..opq",
        "a/.wh.b/c",
        "x" * 256,
        "é" * 128,
    ],
)
def test_names_that_leave_the_wheel_or_mean_something_else_are_refused(name: str) -> None:
    assert name_problem(name)
    refused("it holds", member(name))
    refused("it holds", member(f"{name}/", size=0))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_devices_are_refused(kind: int) -> None:
    message = "a symbolic link" if kind == stat.S_IFLNK else "neither file nor folder"
    refused(message, member("demo/x", mode=kind | 0o777))
    refused(message, member("demo/x/", mode=kind | 0o777, size=0))


def test_folders_are_folders() -> None:
    refused("a folder with content", member("demo/", size=3))
    refused("named like a file", member("demo", mode=stat.S_IFDIR | 0o755))


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ("'a' twice", ["a", "b", "a"]),
        ("'a/' twice", ["a/", "a/"]),
        ("'a' in it is both a file and a folder", ["a", "a/"]),
        ("'a' in it is both a file and a folder", ["a/b/c", "a"]),
        ("'a/b' in it is both a file and a folder", ["a/b", "a/b/c/"]),
    ],
)
def test_a_path_that_is_two_things_is_refused(message: str, names: list[str]) -> None:
    refused(message, *(member(name, size=0) for name in names))


def test_bombs_are_refused() -> None:
    refused("would unpack to", member("a", size=2 << 30), packed=10 << 20)
    refused("would unpack to", *(member(f"{n}", size=1 << 20) for n in range(2000)), packed=9999)
    refused("would unpack to", member("a", size=65 << 30), packed=60 << 30)


def test_what_is_small_or_merely_well_packed_is_no_bomb() -> None:
    check(member("zeros", size=900 << 20), packed=1 << 20)
    check(member("cuda", size=6 << 30), packed=2 << 30)


def test_members_that_share_bytes_are_refused() -> None:
    refused("'b' in it overlaps", member("a", offset=1), member("b", offset=20))


def test_a_name_is_shown_on_one_line_and_not_without_end() -> None:
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("x" * 5000)) < 130
