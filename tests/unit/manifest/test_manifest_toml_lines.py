"""Lines of TOML keys, for texts that `tomllib` accepts."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mooring.manifest.tables import TomlFile, dotted
from mooring.manifest.toml_lines import Key, KeyPath, key_lines

TRICKY = """# [not.a.table]
a = 1 # = [x]
"quoted.key" = "# no comment ] }"
'literal.key' = 2
multi = \"\"\"
[fake]
b = 1 \\\"\"\" still
\"\"\" # end
literal = '''
c = "
'''
dates = [1979-05-27T07:32:00Z, 1979-05-27]
list = [
  1, # one
  [ "x", 'y' ],
  { k = "v", deep.er = [ { z = 1 } ] },
]
d.e.f = true
empty = []
none = {}

[table . "with space"]
key = 1

[[array]]
name = "first"
[array.sub]
x = 1
[[array.inner]]
y = 1
[[array.inner]]
y = 2
[[array]]
name = "second"
[[array.inner]]
y = 3
"""


def test_the_lines_of_a_tricky_text() -> None:
    assert "fake" not in tomllib.loads(TRICKY)
    lines = key_lines(TRICKY)
    by_line = TRICKY.split("\n")
    wanted: dict[KeyPath, str] = {
        ("a",): "a = 1",
        ("quoted.key",): '"quoted.key"',
        ("multi",): "multi =",
        ("literal",): "literal =",
        ("dates", 1): "dates =",
        ("list", 0): "  1,",
        ("list", 1, 1): '  [ "x"',
        ("list", 2, "deep", "er", 0, "z"): "  { k",
        ("d", "e", "f"): "d.e.f",
        ("none",): "none",
        ("table",): "[table .",
        ("table", "with space", "key"): "key = 1",
        ("array", 0, "name"): 'name = "first"',
        ("array", 0, "sub", "x"): "x = 1",
        ("array", 0, "inner", 1, "y"): "y = 2",
        ("array", 1, "inner", 0, "y"): "y = 3",
    }
    for path, start in wanted.items():
        assert by_line[lines[path] - 1].startswith(start), path
    assert ("fake",) not in lines


@pytest.mark.parametrize(
    "text",
    [
        TRICKY,
        "",
        "a = 1",
        "a = 1\r\n[b]\r\nc = '''\r\n'''\r\n",
        'a = """"quoted" and ""two"""""\nb = 1\n',
        "a = ''''it's'''\nb = 1\n",
        'a = "\\"" # "\nb = "\\\\"\n',
        "a = [\n[],\n[[]],\n# ]\n{}]\nb = 1\n",
        "[[a]]\n[a.b]\n[[a]]\n[a.b]\nc = 1\n",
        "[a.b.c]\n[a]\nx = 1\n",
        "a.b = 1\na.c = {d.e = 1, d.f = [{g=1}]}\n",
        "1 = 1\n-_ = 2\n[3.4]\n5 = {6.7 = 8}\n",
        "x = +inf\ny = nan\nz = 07:32:00\n",
    ],
)
def test_every_key_of_a_text_has_a_line(text: str) -> None:
    lines = key_lines(text)
    paths = set(_paths(tomllib.loads(text), ()))
    assert paths <= set(lines)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


def test_real_files_are_understood() -> None:
    path = Path(__file__).resolve().parents[3] / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    assert set(_paths(tomllib.loads(text), ())) == set(key_lines(text))


def test_a_text_that_is_not_understood_gives_what_came_before() -> None:
    assert key_lines("a = 1\n]\nb = 2\n") == {("a",): 1}
    assert key_lines("a = [\n")[("a",)] == 1
    assert ("a",) in key_lines("a = " + "[" * 100_000)


def test_a_place_falls_back_to_the_nearest_line() -> None:
    file = TomlFile(Path("x"), "x.toml", "\n[a]\nb = 1\n", {"a": {"b": 1}})
    assert file.where(("a", "gone", 3)) == "x.toml:2: a.gone[3]"
    assert file.where(("gone",)) == "x.toml: gone"
    assert file.where(()) == "x.toml"


def test_key_paths_are_written_as_toml_writes_them() -> None:
    assert dotted(("a", "b c", 3, "d.e", "\x1b")) == 'a."b c"[3]."d.e"."\\x1b"'


def _paths(value: object, path: KeyPath) -> Iterator[KeyPath]:
    if path:
        yield path
    pairs: list[tuple[Key, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for key, below in pairs:
        yield from _paths(below, (*path, key))
