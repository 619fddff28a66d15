"""uv's own tables: what can be followed is, the rest is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, loaded

HEAD = """[project]
name = "x"
dependencies = ["Six[a]>=1; os_name == 'nt'", "torch>=2"]
[dependency-groups]
dev = ["tools"]
"""
INDEX = '[[tool.uv.index]]\nname = "torch-cpu"\nurl = "https://h.example/cpu"\nexplicit = true\n'


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (
            '{ git = "https://h.example/six", tag = "1.17" }',
            'six[a] @ git+https://h.example/six@1.17 ; os_name == "nt"',
        ),
        (
            '[{ git = "ssh://git@h.example/six", rev = "abc", subdirectory = "s" }]',
            'six[a] @ git+ssh://git@h.example/six@abc#subdirectory=s ; os_name == "nt"',
        ),
        (
            '{ url = "https://h.example/six.zip" }',
            'six[a] @ https://h.example/six.zip ; os_name == "nt"',
        ),
    ],
)
def test_a_source_becomes_a_direct_reference(tmp_path: Path, source: str, wanted: str) -> None:
    text = HEAD + f"[tool.uv.sources]\nSIX = {source}\n"
    manifest = loaded(tmp_path, {"pyproject.toml": text})
    assert [r.text for r in manifest.dependencies] == [wanted, "torch>=2"]


def test_a_package_pinned_to_an_index_stays_there(tmp_path: Path) -> None:
    text = HEAD + INDEX + '[tool.uv.sources]\ntorch = { index = "torch-cpu" }\n'
    manifest = loaded(tmp_path, {"pyproject.toml": text})
    assert [(i.name, i.explicit, i.packages) for i in manifest.indexes] == [
        ("torch-cpu", True, ("torch",))
    ]


def test_an_explicit_index_that_nothing_uses_is_left_out(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"pyproject.toml": HEAD + INDEX}).indexes == ()


def test_an_index_of_the_manifest_takes_over_what_uv_pins(tmp_path: Path) -> None:
    text = (
        HEAD
        + INDEX
        + '[tool.uv.sources]\ntorch = { index = "torch-cpu" }\ntools = { index = "torch-cpu" }\n'
        + '[[tool.mooring.index]]\nname = "mine"\nurl = "https://h.example/cpu"\n'
        + 'explicit = true\npackages = ["torch"]\n'
    )
    manifest = loaded(tmp_path, {"pyproject.toml": text})
    assert [(i.name, i.packages) for i in manifest.indexes] == [("mine", ("torch", "tools"))]


@pytest.mark.parametrize(
    "source",
    [
        "{ workspace = true }",
        '{ path = "../six" }',
        '{ path = "../six", editable = true }',
        '{ url = "https://h.example/six.zip", marker = "os_name == \'nt\'" }',
        '[{ index = "torch-cpu", group = "a" }, { index = "b", group = "b" }]',
        '{ git = "https://h.example/six", tag = "1", branch = "2" }',
        '{ git = "https://h.example/six", lfs = true }',
        '"https://h.example/six"',
        "[]",
        "{}",
    ],
)
def test_a_source_that_cannot_be_followed_is_refused(tmp_path: Path, source: str) -> None:
    text = HEAD + f"[tool.uv.sources]\nsix = {source}\n"
    (found,) = complaints(tmp_path, {"pyproject.toml": text})
    assert found.startswith("pyproject.toml:7: tool.uv.sources.six: this version cannot follow")


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ('{ git = "https://u:hunter2@h.example/six" }', "the URL of six holds credentials"),
        ('{ url = "file:///srv/six.zip" }', "is a file or folder"),
        ('{ git = "git@h.example:six.git" }', "is written in the form of scp"),
        ('{ index = "gone" }', "the index 'gone' is not declared"),
    ],
)
def test_a_source_whose_value_is_wrong(tmp_path: Path, source: str, wanted: str) -> None:
    text = HEAD + f"[tool.uv.sources]\nsix = {source}\n"
    (found,) = complaints(tmp_path, {"pyproject.toml": text})
    assert wanted in found
    assert "hunter2" not in found


def test_sources_of_packages_that_nothing_asks_for_do_not_matter(tmp_path: Path) -> None:
    text = HEAD + '[tool.uv.sources]\nother = { workspace = true }\nx = { path = "." }\n'
    assert loaded(tmp_path, {"pyproject.toml": text}).name == "x"


def test_a_package_that_the_manifest_places_needs_no_source(tmp_path: Path) -> None:
    text = (
        HEAD
        + "[tool.uv.sources]\ntools = { workspace = true }\n"
        + '[[tool.mooring.index]]\nname = "corp"\nurl = "https://h.example"\npackages = ["tools"]\n'
    )
    assert loaded(tmp_path, {"pyproject.toml": text}).indexes[0].packages == ("tools",)
