"""Commands of a wheel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.embedded_wheels import PLACE

from mooring.build.embedded.interface import EmbeddedBuildError
from mooring.build.embedded.wheels.refused import WheelRefused
from mooring.build.embedded.wheels.scripts import (
    EntryPoint,
    interpreter,
    read_entry_points,
    rewritten,
    script_of,
)


def read(text: str) -> tuple[tuple[str, str, str], ...]:
    points = read_entry_points(text.encode(), "demo.whl")
    return tuple((point.name, point.module, point.function) for point in points)


def test_commands_of_both_groups_are_read_and_others_are_not() -> None:
    text = """
# a comment
[console_scripts]
Demo = demo.cli:main
b-2.x=demo : app.run [extra,more]
; another

[gui_scripts]
    demo-gui = demo.gui:main
[pytest11]
plugin = demo.plugin
broken
[empty]
"""
    assert read(text) == (
        ("Demo", "demo.cli", "main"),
        ("b-2.x", "demo", "app.run"),
        ("demo-gui", "demo.gui", "main"),
    )


def test_of_two_commands_of_one_name_the_last_one_counts() -> None:
    assert read("[console_scripts]\na = b:c\na = d:e\n") == (("a", "d", "e"),)


def test_no_file_means_no_commands() -> None:
    assert read("") == ()


@pytest.mark.parametrize(
    "line",
    [
        "a",
        "a =",
        "a = b",
        "a = b:",
        "a = :c",
        "a = b:c:d",
        "a = b c:d",
        "a = b:c d",
        "a = b.:c",
        "a = b:c;import os",
        "a = b:c()",
        "a = b:c\\",
        "a = 1b:c",
        "a = b:class",
        "a = import:c",
        "a = b:c [x",
        "a = b..c:d",
        "a = b:.c",
    ],
)
def test_what_is_no_function_is_refused(line: str) -> None:
    with pytest.raises(WheelRefused, match="its command") as caught:
        read(f"[console_scripts]\n{line}\n")
    assert caught.value.where == "demo.whl"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "/x", "a/b", "a\\b", ".wh.a", "a\tb", "x" * 256]
)
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(WheelRefused, match="no file name"):
        read(f"[gui_scripts]\n{name} = demo:main\n")


def test_a_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(WheelRefused, match="not UTF-8"):
        read_entry_points(b"[console_scripts]\na\xff = b:c\n", "demo.whl")


def test_a_script_runs_its_function_with_the_interpreter_of_the_image() -> None:
    point = EntryPoint(name="demo", module="demo.cli", function="app.run")
    text = script_of(point, PLACE)
    assert text.startswith(b"#!/opt/env/bin/python\n")
    assert b"from demo.cli import app\n" in text
    assert text.endswith(b"sys.exit(app.run())\n")
    compile(text, "demo", "exec")


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (b"#!python\n", b"#!/opt/env/bin/python\n"),
        (b"#!pythonw\n", b"#!/opt/env/bin/python\n"),
        (b"#!python3\n", b"#!/opt/env/bin/python\n"),
        (b"#!python3.12\r\n", b"#!/opt/env/bin/python\n"),
        (b"#!python -E\n", b"#!/opt/env/bin/python -E\n"),
        (b"#!python -E \r\n", b"#!/opt/env/bin/python -E\n"),
    ],
)
def test_the_placeholder_becomes_the_interpreter(first: bytes, expected: bytes) -> None:
    assert rewritten(first + b"import demo\n", PLACE) == (len(first), expected)


def test_a_script_that_is_only_a_placeholder_becomes_a_line() -> None:
    assert rewritten(b"#!python", PLACE) == (8, b"#!/opt/env/bin/python\n")


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"import demo\n",
        b"#!/bin/sh\n",
        b"#!/usr/bin/env python\n",
        b"#!pythonista\n",
        b"#! python\n",
        b"\x7fELF\x02\x01",
        b"\n#!python\n",
    ],
)
def test_other_first_lines_are_left_alone(start: bytes) -> None:
    assert rewritten(start, PLACE) is None


@pytest.mark.parametrize("root", ["/opt/my env", "/opt/" + "x" * 120, "/opt/a\tb"])
def test_a_folder_that_no_first_line_can_name_is_an_error(root: str) -> None:
    with pytest.raises(EmbeddedBuildError, match="cannot name the interpreter"):
        interpreter(replace(PLACE, root=root))
