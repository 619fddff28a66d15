"""Pythons and libc of a base, however its files tell of them."""

from __future__ import annotations

import pytest
from tests.unit.build.embedded.bases_made import (
    GLIBC_236,
    LOADED_BY_GLIBC,
    LOADED_BY_MUSL,
    PYTHON_312,
    Member,
    file,
    folder,
    hard,
    link,
    program,
    scan,
)

MUSL = b"\x7fELF musl libc (x86_64)\nVersion %s\n\x001.2.5\0Dynamic Program Loader"
DPKG = b"""Package: python3.11-minimal
Status: install ok installed
Version: 3.11.2-6+deb12u6
Description: x
 Package: python3.11
 Version: 9.9.9

Package: libc6
Version: 1:2.36-9+deb12u13

Package: other
Version: 3.11.9-1
"""
APK = b"C:Q1x=\nP:musl\nV:1.2.5-r9\nA:x86_64\n\nP:python3\nV:3.12.8-r1\nT:x\n\n"


def pythons(*layers: list[Member]) -> list[tuple[str, str]]:
    return [(each.path, str(each.version)) for each in scan(*layers).interpreters]


def test_an_official_image() -> None:
    found = scan(list(PYTHON_312))
    assert [(each.path, str(each.version)) for each in found.interpreters] == [
        ("/usr/local/bin/python3.12", "3.12.8")
    ]
    assert found.libc == ("glibc", (2, 36))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], "3.12"),
        ([file("usr/lib/libpython3.12.so.1.0", b"\x003.12.8\0")], "3.12.8"),
        ([file("usr/lib64/libpython3.12.so.1.0", b"/x-3.12.8\0")], "3.12.8"),
        ([file("usr/lib/x86_64-linux-gnu/libpython3.12.so.1.0", b"\x003.12.8\0")], "3.12.8"),
        ([file("opt/lib/libpython3.12.so.1.0", b"\x003.12.8\0")], "3.12"),
        ([file("usr/lib/libpython3.12.so.1.0", b"\x003.12.8\0\x003.12.9\0")], "3.12"),
        ([file("usr/lib/libpython3.12.so.1.0", b"\x003.12.0rc1\0")], "3.12"),
        ([file("usr/lib/libpython3.12.so.1.0", b"13.12.8\0 3.12.80x")], "3.12"),
        ([file("usr/include/python3.12/patchlevel.h", b'#define PY_VERSION   "3.12.8"')], "3.12.8"),
        ([file("lib/apk/db/installed", APK)], "3.12.8"),
        ([file("usr/lib/apk/db/installed", APK)], "3.12.8"),
        ([file("var/lib/dpkg/status", DPKG.replace(b"3.11", b"3.12"))], "3.12.2"),
        ([file("var/lib/dpkg/status.d/python3.12", DPKG.replace(b"3.11", b"3.12"))], "3.12.2"),
        ([file("var/lib/dpkg/status", DPKG)], "3.12"),
    ],
)
def test_where_the_patch_release_is_told(more: list[Member], expected: str) -> None:
    assert pythons([program("usr/bin/python3.12"), *more]) == [("/usr/bin/python3.12", expected)]


def test_what_the_program_says_comes_first() -> None:
    members = [program("usr/bin/python3.11", b"\x003.11.4\0"), file("var/lib/dpkg/status", DPKG)]
    assert pythons(members) == [("/usr/bin/python3.11", "3.11.4")]


def test_packages_tell_nothing_of_other_folders() -> None:
    members = [program("usr/local/bin/python3.11"), file("var/lib/dpkg/status", DPKG)]
    assert pythons(members) == [("/usr/local/bin/python3.11", "3.11")]


def test_text_over_two_pieces_is_found() -> None:
    for offset in range(-12, 4):
        data = b"x" * ((1 << 20) + offset) + b"\x003.12.8\0"
        assert pythons([program("usr/bin/python3.12", data)])[0][1] == "3.12.8"


def test_several_pythons() -> None:
    members = [
        *PYTHON_312,
        program("usr/bin/python3.11", b"\x003.11.2\0"),
        link("usr/bin/python3", "python3.11"),
        program("opt/conda/bin/python3.13", b"\x003.13.1\0"),
    ]
    assert pythons(members) == [
        ("/opt/conda/bin/python3.13", "3.13.1"),
        ("/usr/bin/python3.11", "3.11.2"),
        ("/usr/local/bin/python3.12", "3.12.8"),
    ]


@pytest.mark.parametrize(
    "member",
    [
        file("usr/bin/python3.12"),
        link("usr/bin/python3.12", "elsewhere"),
        folder("usr/bin/python3.12"),
        program("usr/bin/python3.12-config"),
        program("usr/bin/python3.13t"),
        program("usr/bin/python2.7"),
        program("usr/bin/python3"),
        program("usr/share/python3.12"),
        program("usr/xbin/python3.12"),
    ],
)
def test_what_is_no_interpreter(member: Member) -> None:
    assert pythons([member]) == []


def test_a_name_without_a_version() -> None:
    assert pythons([program("usr/bin/python3", b"\x003.12.8\0")]) == [
        ("/usr/bin/python3", "3.12.8")
    ]
    both = [
        program("usr/bin/python3.12", b"\x003.12.8\0"),
        hard("usr/bin/python3", "usr/bin/python3.12"),
    ]
    assert pythons(both) == [("/usr/bin/python3.12", "3.12.8")]


def test_copies_in_virtual_environments_are_none() -> None:
    copy = program("opt/venv/bin/python3.12", b"\x003.12.8\0")
    assert pythons([copy]) == [("/opt/venv/bin/python3.12", "3.12.8")]
    assert pythons([copy, file("opt/venv/pyvenv.cfg")]) == []
    assert pythons([copy], [file("opt/venv/pyvenv.cfg")], [file("opt/venv/.wh.pyvenv.cfg")])


def test_one_that_a_higher_layer_replaces() -> None:
    low = [program("usr/bin/python3.12", b"\x003.12.8\0")]
    assert pythons(low, [program("usr/bin/python3.12", b"\x003.12.9\0")])[0][1] == "3.12.9"
    assert pythons(low, [file("usr/bin/.wh.python3.12")]) == []
    assert pythons(low, [file("usr/bin/python3.12", b"no program")]) == []


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([file("lib/x86_64-linux-gnu/libc.so.6", GLIBC_236)], ("glibc", (2, 36))),
        ([file("usr/lib64/libc.so.6", GLIBC_236)], ("glibc", (2, 36))),
        ([file("lib64/libc-2.28.so", b"")], ("glibc", (2, 28))),
        ([file("var/lib/dpkg/status", DPKG)], ("glibc", (2, 36))),
        ([file("opt/other/lib/libc.so.6", GLIBC_236)], None),
        ([program("lib/ld-musl-x86_64.so.1", MUSL)], ("musl", (1, 2))),
        ([program("lib/ld-musl-aarch64.so.1")], ("musl", (1, 1))),
        (
            [program("lib/ld-musl-aarch64.so.1"), file("lib/apk/db/installed", APK)],
            ("musl", (1, 2)),
        ),
        ([link("lib/libc.so.6", "x")], None),
    ],
)
def test_libc(members: list[Member], expected: tuple[str, tuple[int, int]] | None) -> None:
    assert scan(members).libc == expected


@pytest.mark.parametrize(
    ("loaded", "expected"),
    [(LOADED_BY_MUSL, ("musl", (1, 2))), (LOADED_BY_GLIBC, ("glibc", (2, 36)))],
)
def test_the_libc_that_starts_python(loaded: bytes, expected: tuple[str, tuple[int, int]]) -> None:
    both = [program("lib/ld-musl-x86_64.so.1", MUSL), file("usr/lib/libc.so.6", GLIBC_236)]
    assert scan([*both, program("usr/bin/python3.12", loaded)]).libc == expected


def test_a_database_of_odd_lines() -> None:
    odd = b"x" * 9000 + b"\nPackage: python3.12-minimal\n\nVersion: 3.12.1-1\n" + b"\0\xff\n"
    members = [program("usr/bin/python3.12"), file("var/lib/dpkg/status", odd)]
    assert pythons(members) == [("/usr/bin/python3.12", "3.12")]
