"""Where packages stand in the text of a lock."""

from __future__ import annotations

import time

from tests.unit.lock.locks import lock, package, random_lock

from mooring.lock.formats import pylock
from mooring.lock.lines import line_of, package_lines


def test_every_package_of_our_own_locks() -> None:
    for seed in range(20):
        written = random_lock(seed)
        text = pylock.write(written)
        lines = package_lines(text)
        for each in written.packages:
            line = line_of(lines, each.name, each.version)
            assert line is not None
            assert text.splitlines()[line - 1] == f'name = "{each.name}"'


def test_a_name_that_occurs_twice() -> None:
    text = pylock.write(lock(package("alpha", version="1.0"), package("alpha", version="2.0")))
    lines = package_lines(text)
    first, second = line_of(lines, "alpha", "1.0"), line_of(lines, "alpha", "2.0")
    assert first is not None
    assert second is not None
    assert first < second
    assert line_of(lines, "alpha", "3.0") == first
    assert line_of(lines, "alpha", None) == first
    assert line_of(lines, "beta", "1.0") is None


def test_other_layouts() -> None:
    text = (
        "# a comment\r\n[[package]]  # one\r\nname = 'Some_Package'\r\nversion = '1.0'\r\n"
        '[package.source]\nname = "not-this"\n[[package.wheels]]\nname = "nor-this"\n'
        '[[packages]]\n  name = "indented"\n'
        '[[packages]]\nname="tight"\n[tool.x]\nname = "outside"\n'
    )
    assert package_lines(text) == {
        ("some-package", None): 3,
        ("some-package", "1.0"): 3,
        ("indented", None): 10,
        ("tight", None): 12,
    }
    assert package_lines("") == {}
    assert package_lines("\x00\ud800{") == {}


def test_a_large_lock_costs_little() -> None:
    text = '[[packages]]\nname = "a"\n' + "wheels = [" + "x" * 200_000 + "\n" + "[" * 100_000
    started = time.process_time()
    package_lines(text * 10)
    assert time.process_time() - started < 1
