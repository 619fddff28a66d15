from __future__ import annotations

import time
from dataclasses import replace

import pytest
from tests.unit.lock.conda_locks import BASE, LINUX, LOCK, PYTHON, ZLIB, row

from mooring.errors import InputError, InputProblems
from mooring.lock.conda import CondaLock
from mooring.lock.formats import conda_lock
from mooring.platforms import Platform

WRITTEN = conda_lock.write(LOCK)
ROW = f"""\
- name: libzlib
  version: 1.3.1
  manager: conda
  platform: linux-64
  dependencies: {{}}
  url: {BASE}/linux-64/libzlib-1.3.1-hb9_1.conda
  hash:
    md5: {ZLIB.md5}
    sha256: {ZLIB.sha256}
  category: main
  optional: false
"""
HEAD = """\
version: 1
metadata:
  content_hash:
    linux-64: ab
  channels:
  - url: forge
    used_env_vars: []
  platforms:
  - linux-64
  sources: []
package:
"""
FILE = HEAD + ROW


def problems(text: str) -> str:
    with pytest.raises(InputError) as caught:
        conda_lock.read(text, "conda-lock.yml")
    return str(caught.value)


def test_a_lock_comes_back_as_it_was() -> None:
    found = conda_lock.read(WRITTEN, "x.yml")
    assert found.facts is not None
    assert not found.facts.edited
    assert set(found.content_hashes) == {"linux-64", "osx-arm64"}
    expected = tuple(sorted(LOCK.conda, key=lambda r: (r.package.name, r.platform.subdir)))
    digest = conda_lock.packages_digest(LOCK)
    assert LOCK.facts is not None
    assert replace(found, content_hashes={}) == replace(
        LOCK, conda=expected, facts=replace(LOCK.facts, packages_digest=digest)
    )
    assert conda_lock.write(found) == WRITTEN


def test_a_floor_and_an_odd_record_are_kept() -> None:
    special = Platform.parse("linux-64-glibc2.17")
    odd = replace(ZLIB, build_number=7, depends=("b >=1", "a", "b <2"))
    lock = CondaLock(channels=(), platforms=(special,), conda=(row(odd, special),))
    found = conda_lock.read(conda_lock.write(lock), "x.yml")
    assert found.platforms == (special,)
    assert found.conda == lock.conda
    assert found.facts is None


def test_what_stands_in_the_row_counts_more_than_what_is_recorded_beside_it() -> None:
    assert LOCK.facts is not None
    odd = replace(ZLIB, depends=("b >=1", "b <2"))
    lock = CondaLock(channels=(), platforms=(LINUX,), conda=(row(odd),), facts=LOCK.facts)
    text = conda_lock.write(lock).replace("    b: '>=1,<2'\n", "    b: '>=1,<3'\n")
    found = conda_lock.read(text, "x.yml")
    assert found.conda[0].package.depends == ("b >=1,<3",)
    assert found.facts is not None
    assert found.facts.edited


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  version: 3.12.4\n", "  version: 3.12.4\n"),
        (f"    md5: {ZLIB.md5}", f"    md5: {'1a' * 16}"),
        ("  category: docs", "  category: test"),
        ("    markdown-it-py: '>=2.2.0'", "    markdown-it-py: '>=2.3.0'"),
        ("  - url: forge\n", "  - url: other\n"),
        ('"python":"3.12"', '"python":"3.13"'),
        ("__glibc=2.28=0", "__glibc=2.17=0"),
    ],
)
def test_an_edit_is_told(old: str, new: str) -> None:
    assert old in WRITTEN
    facts = conda_lock.read_facts(WRITTEN.replace(old, new))
    assert facts is not None
    assert facts.edited is (old != new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("package:\n", "# packages\npackage:\n"),
        ("\n", "\r\n"),
        ("- name: six\n", "- name: 'six'\n"),
        ("- name: six\n", '- name: "six"\n'),
        ('"license":"Zlib",', ""),
        ("optional: true", "optional: false"),
    ],
)
def test_layout_comments_and_details_are_no_edit(old: str, new: str) -> None:
    assert old in WRITTEN
    facts = conda_lock.read_facts(WRITTEN.replace(old, new))
    assert facts is not None
    assert not facts.edited


def test_locks_of_others_say_nothing_of_their_inputs() -> None:
    assert conda_lock.read_facts(FILE) is None
    custom = HEAD.replace("package:\n", "  custom_metadata:\n    theirs: x\npackage:\n")
    assert conda_lock.read_facts(custom + ROW) is None
    later = custom.replace("theirs: x", "mooring: '{\"schema\": 2}'")
    assert conda_lock.read_facts(later + ROW) is None


@pytest.mark.parametrize("value", ["x", "'{'", "'[]'", "'" + "[" * 100_000 + "'", "1"])
def test_broken_facts_are_named(value: str) -> None:
    head = HEAD.replace("package:\n", f"  custom_metadata:\n    mooring: {value}\npackage:\n")
    assert "metadata.custom_metadata.mooring" in problems(head + ROW)


def test_facts_without_a_schema_are_refused() -> None:
    text = WRITTEN.replace('"python":"3.12","schema":1', '"python":"3.12"')
    assert text != WRITTEN
    assert "mooring.inputs.schema: missing" in problems(text)


def test_half_of_a_surrogate_pair_is_no_text() -> None:
    assert "surrogate" in problems(FILE.replace("url: forge", "url: \ud800"))


@pytest.mark.parametrize(
    ("url", "channel"),
    [
        ("https://user:secret@conda.example.org/forge", BASE),
        ("https://conda.example.org/t/secret/forge", BASE),
        ("https://user:secret@conda.example.org/t/${SECRET}/forge", BASE),
    ],
)
def test_credentials_are_left_out(url: str, channel: str) -> None:
    text = FILE.replace(BASE, url).replace("url: forge", f"url: {url}")
    lock = conda_lock.read(text, "x.yml")
    assert lock.channels == (channel,)
    assert lock.conda[0].package.url.startswith(f"{channel}/linux-64/")
    assert "secret" not in conda_lock.write(lock).lower()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 1.3.1", "version: 1.10", "12: package[0].version: '1.10' is no text"),
        ("name: libzlib", "name: numpy", "is the file of another package"),
        ("version: 1.3.1", "version: 1.3.2", "is the file of another package"),
        ("linux-64/libzlib", "osx-arm64/libzlib", "a package for osx-arm64 in a row for linux-64"),
        ("manager: conda", "manager: npm", "neither conda nor pip"),
        ("platform: linux-64", "platform: win-64", "is none of metadata.platforms"),
        ("https://", "ftp://", "not a URL that can be fetched"),
        ("https://conda", "https://con[da", "not a URL that can be fetched"),
        (".conda\n", ".conda?token=hidden\n", "not a URL that can be fetched"),
        (".conda\n", ".zip\n", "does not end like a conda package"),
        ("md5: ", "md5: x", "hash.md5: this is not a md5"),
        ("category: main", "category: ma in", "not the name of a category"),
        ("dependencies: {}", "dependencies: {a b: '1'}", "not the name of a package"),
        ("dependencies: {}", "dependencies: x", "a table is expected"),
        ("dependencies: {}", 'dependencies: {a: "1\\e[2J"}', "control character U+001B"),
        ("name: libzlib", "name: libzlіb", "not the name of a conda package"),
        ("  manager: conda\n", "", "manager: missing"),
        ("  url: ", "  uri: ", "url: missing"),
        ("version: 1\n", "version: 2\n", "version '2'"),
        ("version: 1\n", "", "version: missing"),
        ("  - linux-64\n", "  - plan9-64\n", "metadata.platforms[0]: 'plan9-64'"),
        ("  platforms:\n  - linux-64\n", "", "metadata.platforms: missing"),
        ("  - url: forge\n", "  - url: ../../etc\n", "metadata.channels[0]"),
        ("metadata:", "metadate:", "metadata: missing"),
        ("package:\n", "package: x\nrest:\n", "package: a list is expected"),
    ],
)
def test_every_rule_names_its_place(old: str, new: str, expected: str) -> None:
    assert old in FILE
    said = problems(FILE.replace(old, new))
    assert expected in said
    assert said.startswith("conda-lock.yml")
    assert "hidden" not in said


def test_all_bad_rows_are_told_at_once_with_their_lines() -> None:
    bad = ROW.replace("manager: conda", "manager: npm")
    with pytest.raises(InputProblems) as caught:
        conda_lock.read(HEAD + bad + ROW + bad, "conda-lock.yml")
    places = [problem.where for problem in caught.value.problems]
    assert places == [
        "conda-lock.yml:12: package[0].manager",
        "conda-lock.yml:34: package[2].manager",
    ]


def test_a_file_of_noise_is_not_told_in_full() -> None:
    with pytest.raises(InputProblems) as caught:
        conda_lock.read(HEAD + ROW.replace("manager: conda", "manager: npm") * 500, "x.yml")
    assert len(caught.value.problems) == 50


def test_one_package_has_one_file_on_one_platform() -> None:
    other = ROW.replace("hb9_1", "hb9_2")
    assert "listed twice" in problems(HEAD + ROW + other)
    twice = conda_lock.read(HEAD + ROW.replace("main", "dev") + ROW.replace("main", "docs"), "x")
    assert twice.conda[0].categories == ("dev", "docs")
    assert conda_lock.read(HEAD + ROW + ROW.replace("main", "docs"), "x").conda[0].categories == (
        "main",
    )


def test_virtual_packages_among_the_rows_are_passed_over() -> None:
    virtual = ROW.replace("name: libzlib", "name: __glibc").replace(BASE, "")
    assert len(conda_lock.read(HEAD + virtual + ROW, "x.yml").conda) == 1


def test_rows_as_pixi_wrote_them_first() -> None:
    text = HEAD + ROW.replace(
        "  dependencies: {}\n",
        "  dependencies:\n  - libgcc >=13\n  - __glibc >=2.17\n  build: hb9_1\n  build_number: 4\n"
        "  license: Zlib\n  size: 99\n  timestamp: 1700000000000\n  arch: x86_64\n",
    )
    package = conda_lock.read(text, "x.yml").conda[0].package
    assert package.depends == ("libgcc >=13", "__glibc >=2.17")
    assert (package.build_number, package.license, package.size) == (4, "Zlib", 99)


@pytest.mark.parametrize("text", ["", "x", "[]", "a: b\n", "{}", "package:\n- name: a\n"])
def test_other_files_are_refused(text: str) -> None:
    assert problems(text).startswith("conda-lock.yml")


def test_a_pixi_lock_is_recognised() -> None:
    assert "this is a pixi.lock" in problems("version: 6\nenvironments: {}\npackages: []\n")


def test_reading_a_thousand_rows_takes_a_moment() -> None:
    rows = [
        replace(PYTHON, name=f"p{i}", url=PYTHON.url.replace("python", f"p{i}", 1))
        for i in range(1000)
    ]
    text = conda_lock.write(CondaLock(channels=(), platforms=(LINUX,), conda=tuple(map(row, rows))))
    start = time.process_time()
    assert len(conda_lock.read(text, "x.yml").conda) == 1000
    assert time.process_time() - start < 0.5
