"""environment.yml as nobody should write it: one clear problem each, with its line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, loaded

from mooring.manifest.yaml_nodes import MAX_ALIASES, MAX_CHARACTERS, MAX_DEPTH


def complaint(root: Path, text: str) -> str:
    found = complaints(root, {"environment.yml": text})
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "environment.yml: the file is empty"),
        ("# only\n", "environment.yml: the file is empty"),
        ("- numpy\n", "environment.yml:1: expected a table, found a list"),
        ("numpy\n", "environment.yml:1: expected a table, found text"),
        ("dependencies: numpy\n", ":1: `dependencies`: expected a list, found text | write"),
        ("channels: conda-forge\n", ":1: `channels`: expected a list, found text"),
        ("dependencies:\n  a: 1\n", ":2: `dependencies`: expected a list, found a table"),
        ("dependencies:\n- python: 3.10\n", ":2: expected a dependency, found the key 'python' | "),
        ("dependencies:\n- python: 3.10\n", "write `- python=3.10`, without a colon"),
        ("dependencies:\n- 3.10\n", ":2: dependency: expected text, found a number"),
        ("dependencies:\n- no\n", ":2: dependency: expected text, found true or false"),
        ("dependencies:\n- \n- a\n", ":2: dependency: expected text, found nothing"),
        ("dependencies:\n- ''\n", ":2: dependency: the text is empty"),
        ("dependencies:\n- [a]\n", ":2: expected a dependency, found a list"),
        ("dependencies:\n- npm: [a]\n", ":2: packages of 'npm' cannot be locked"),
        ("dependencies:\n- pip: rich\n", ":2: `pip`: expected a list, found text"),
        ("dependencies:\n- pip:\n  - a: 1\n", ":3: requirement: expected text, found a table"),
        ("dependencies:\n- pip:\n  - -e .\n", ":3: the option -e cannot be part"),
        ("dependencies:\n- pip:\n  - sub/module\n", ":3: 'sub/module' is a file or folder"),
        ("dependencies:\n- pip:\n  - -r gone.txt\n", ":3: the file 'gone.txt' does not exist"),
        ("dependencies:\n- pip:\n  - -r ../up.txt\n", ":3: '../up.txt' lies outside"),
        ("dependencies:\n- pip:\n  - -c c.txt # [win]\n", ":3: the file 'c.txt' does not exist"),
        ("dependencies:\n- pip:\n  - -i https://i.example.org # [win]\n", ":3: an index or a"),
        ('dependencies:\n- pip:\n  - "a\\x1b"\n', ":3: the file holds the control character"),
        ("dependencies:\n- pip:\n  - |\n    a\n    b ==\n", ":5: 'b ==' is not a requirement"),
        ("dependencies:\n- a # [lnux]\n", ":2: unknown word 'lnux' in the selector"),
        ("dependencies:\n- sel(lnux): a\n", ":2: unknown word 'lnux' in the selector"),
        ("channels:\n- a # [win]\n", ":2: a channel cannot be for some platforms only"),
        ("channels:\n- a: b\n", ":2: channel: expected text, found a table"),
        ("channels:\n- https://me:secret@h.example.org/a b\n", ":2: the URL of the channel is not"),
        ("dependencies:\n- num\u0440y\n", ":2: the package name 'num\u0440y' holds the character"),
        ("dependencies:\n- numpy >=1 <2\n", ":2: '<2' is not a build"),
        ('dependencies:\n- "a\\nb"\n', ":2: dependency: the text holds the control character"),
        ("dependencies:\n- '{{ pkg }}'\n", ":2: '{{ pkg }}' is part of a template"),
        ("dependencies:\n- {{ pkg }}\n", "is not read | a template must be rendered first"),
        ("name: x\n{% set a = 1 %}\n", "the file is a template"),
        ("name: a/b\n", ":1: 'a/b' is not a name for an environment"),
        ("name: [a]\n", ":1: name: expected text, found a list"),
        ("chanels: []\n", ":1: unknown key 'chanels' | did you mean 'channels'?"),
        ("python: 3.10\n", ":1: unknown key 'python' | write it as an entry of `dependencies`"),
        ("pip: [a]\n", ":1: unknown key 'pip' | write it as an entry"),
        ("platforms: [linux64]\n", ":1: 'linux64' is not a platform | did you mean 'linux-64'?"),
        ("category: a b\n", ":1: 'a b' is not a valid name"),
        ("variables: [a]\n", ":1: expected a table of variables, found a list"),
        ('variables:\n  A: "b\\nc"\n', ":2: the value of A holds the control character U+000A"),
        ("variables:\n  A: |\n    b\n", ":2: the value of A holds the control character U+000A"),
        ("variables:\n  A-B: c\n", ":2: 'A-B' is not the name of a variable"),
        ("variables:\n  A: yes\n", ":2: value: expected text, found true or false | put quotes"),
        ("variables:\n  A: [b]\n", ":2: value: expected text, found a list"),
        ("name: a\nname: b\n", ":2: the key 'name' is given twice, first in line 1"),
        ("a: &a {x: y}\n<<: *a\n", "a merged key is not read"),
        ("? [a]\n: b\n", ":1: a list as a key is not read"),
        ("dependencies:\n\t- numpy\n", ":2: not valid YAML: a tab cannot be part"),
        ("dependencies: [a\n", "not valid YAML"),
        ("dependencies:\n- *gone\n", ":2: the alias '*gone' refers to no anchor above"),
        ("dependencies:\n- a\n b\n- c: d: e\n", ":4: not valid YAML"),
        ("name: !!python/object:os.system x\n", ":1: the YAML holds the tag"),
        ("dependencies: !include other.yml\n", ":1: the YAML holds the tag '!include'"),
        ("name: a\n---\nname: b\n", ":2: the file holds several documents"),
        ("name: a\x00b\n", ":1: the file holds the control character U+0000"),
        ("name: a\u2028b\n", ":1: the file holds the control character U+2028"),
        ("name: a\rb\n", ":1: the file holds the control character U+000D"),
        ("<<<<<<< HEAD\nname: a\n", ":1: the file holds merge-conflict markers"),
        ("dependencies: " + "[" * (MAX_DEPTH + 1), ":1: the YAML is nested more than"),
        ("a: &a [*a]\n", ":1: the alias '*a' refers to no anchor above"),
    ],
)
def test_refused(tmp_path: Path, text: str, message: str) -> None:
    found = complaints(tmp_path, {"environment.yml": text})
    assert any(message in line for line in found), found
    assert all(line.startswith("environment.yml") for line in found)
    assert "secret" not in "".join(found)


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_bytes(b"name: a\ndependencies: [caf\xe9]\n")
    (found,) = complaints(tmp_path, {})
    assert "environment.yml:2: the file is not UTF-8 text" in found


def test_all_problems_of_a_file_are_reported_together(tmp_path: Path) -> None:
    found = complaints(
        tmp_path,
        {
            "environment.yml": "nam: x\nchannels: [a b]\ndependencies:\n- a ==\n- b\n"
            "- pip:\n  - c ==\n  - -e .\n- d[\nvariables: {'1': x}\nvariables: {}\n"
        },
    )
    assert [line.split(": ")[0] for line in found] == [
        f"environment.yml:{line}" for line in (1, 2, 4, 7, 8, 9, 10, 11)
    ]


def test_a_bomb_ends_soon(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 11)]
    started = time.monotonic()
    assert "the YAML has more than" in complaint(tmp_path, "\n".join(lines))
    many = "a: &a x\ndependencies: [" + ", ".join(["*a"] * (MAX_ALIASES + 1)) + "]\n"
    assert f"more than {MAX_ALIASES} aliases" in complaint(tmp_path, many)
    assert time.monotonic() - started < 2


def test_a_large_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    assert "larger than 4 MiB" in complaint(tmp_path, "#" * (MAX_CHARACTERS + 1))


def test_many_values_are_refused(tmp_path: Path) -> None:
    text = "dependencies:\n" + "- a\n" * 100_001
    assert "more than 100000 values" in complaint(tmp_path, text)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").mkdir()
    (found,) = complaints(tmp_path, {})
    assert "not a regular file" in found


def test_a_password_is_not_in_the_text_of_the_manifest(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {"environment.yml": "channels:\n- https://me:secret@conda.example.org/c\n"},
    )
    assert "secret" not in repr(manifest)
