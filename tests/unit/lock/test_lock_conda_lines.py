"""Where packages stand in a conda-lock.yml."""

from __future__ import annotations

from tests.unit.render.conda_making import lock_for

from mooring.lock.conda_lines import conda_package_lines
from mooring.lock.formats import conda_lock
from mooring.lock.lines import line_of


def test_lines_are_those_of_the_platform() -> None:
    text = conda_lock.write(lock_for(("linux-64", "win-64"), "rich"))
    rows = text.split("\n")
    for subdir in ("linux-64", "win-64"):
        lines = conda_package_lines(text, subdir)
        for name, version in (("python", "3.12.4"), ("libwave", "1.0"), ("rich", "2.0")):
            line = line_of(lines, name, version)
            assert line is not None
            assert rows[line - 1] == f"- name: {name}"
            assert f"platform: {subdir}" in rows[line + 2]
    assert line_of(conda_package_lines(text, "osx-64"), "python", None) is None


def test_other_writers_and_no_lock_at_all() -> None:
    text = (
        "package:\r\n  - platform: linux-64\r\n    name: \"a\"\r\n    version: '1'\r\n"
        "- name: b\r\n  platform: linux-64\r\n"
    )
    assert conda_package_lines(text, "linux-64")[("b", None)] == 5
    assert conda_package_lines("- - -\n: x\n", "linux-64") == {}
