"""Declared indexes, and those that sources name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.manifest.folders import complaints, loaded

from mooring.errors import InputError
from mooring.manifest.index_url import index_name, refuse_index_url

BASE = "dependencies = []\n"
CORP = '[[index]]\nname = "corp"\nurl = "https://pypi.example.com/simple"\n'


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[[index]]\nurl = "https://a.example/simple"', "index[0]: the index has no name"),
        ('[[index]]\nname = "a"', "index[0]: the index has no url"),
        ('[[index]]\nname = "a b"\nurl = "https://a.example"', "'a b' is not a name for an index"),
        ('[[index]]\nname = "a.b"\nurl = "https://a.example"', "'a.b' is not a name for an index"),
        (CORP + "explicit = true", "explicit: an explicit index serves only the packages named"),
        (
            CORP + 'explicit = true\npackages = ["x"]\ndefault = true',
            "both explicit and the default",
        ),
        (CORP + 'explicit = "yes"', "explicit: expected true or false, found a string"),
        (CORP + 'packages = ["a b"]', "packages[0]: 'a b' is not a valid name"),
        (CORP + "packges = []", "unknown key 'packges' | did you mean 'packages'?"),
        (CORP + CORP, "index[1]: the names 'corp' and 'corp' (mooring.toml:2: index[0])"),
        (CORP + CORP.replace("corp", "CORP"), "the names 'CORP' and 'corp'"),
        (
            CORP + 'packages = ["a"]\n' + CORP.replace("corp", "b") + 'packages = ["A"]',
            "a is named for two indexes, also for 'corp'",
        ),
        (
            CORP + "default = true\n" + CORP.replace("corp", "b") + "default = true",
            "a second default index; the first is 'corp'",
        ),
        ("index = 1", "index: expected a list"),
        ("index = [1]", "index[0]: expected a table"),
        ('[index]\nname = "a"', "index: expected a list, found a table"),
    ],
)
def test_an_index_that_does_not_fit(tmp_path: Path, text: str, wanted: str) -> None:
    (found,) = complaints(tmp_path, {"mooring.toml": BASE + text + "\n"})
    assert wanted in found


@pytest.mark.parametrize(
    "url",
    [
        "file:///srv/simple",
        "ftp://a.example/simple",
        "//a.example/simple",
        "a.example/simple",
        "",
        "https://",
        "https:///simple",
        "https://[::1/simple",
        "https://a.example:http/simple",
        "https://user:hunter2@a.example/sim ple",
        "https://user:hunter2@a.example/#fragment",
        "https://user:hunter2@a.example/'quote",
        "https://user:hunter2@a.example/\u2028",
        "javascript:alert(1)",
    ],
)
def test_a_url_that_names_no_index_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InputError) as caught:
        refuse_index_url(url)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "url",
    [
        "https://${USER}:${PASSWORD}@pypi.example.com/simple",
        "https://$TOKEN@pypi.example.com/simple",
        "https://user:hunter2${X}@pypi.example.com/simple",
    ],
)
def test_a_variable_in_a_url_gets_the_names_of_uvs_variables(url: str) -> None:
    with pytest.raises(InputError) as caught:
        refuse_index_url(url)
    hint = str(caught.value.hint)
    assert "UV_INDEX_PYPI_EXAMPLE_COM_USERNAME" in hint
    assert "UV_INDEX_PYPI_EXAMPLE_COM_PASSWORD" in hint
    assert "hunter2" not in hint


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://pypi.example.com/simple", "pypi-example-com"),
        ("https://u:p@pypi.example.com/simple/", "pypi-example-com"),
        ("https://pypi.example.com/root/prod/+simple/", "pypi-example-com-root-prod"),
        ("http://127.0.0.1:3141/root", "127-0-0-1-3141-root"),
        ("https://[::1]/simple", "1"),
    ],
)
def test_names_are_derived_from_the_host(url: str, name: str) -> None:
    assert index_name(url) == name


def test_requirements_files_declare_indexes(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "requirements.in": "--index-url https://a.example/simple\n"
            "--extra-index-url=https://u:p@b.example/simple\n"
            "--extra-index-url http://b.example/simple\n-i https://a.example/simple\nflask\n"
        },
    )
    assert [(i.name, i.url, i.default) for i in manifest.indexes] == [
        ("a-example", "https://a.example/simple", True),
        ("b-example", "https://u:p@b.example/simple", False),
        ("b-example-2", "http://b.example/simple", False),
    ]


def test_two_different_default_indexes_are_refused(tmp_path: Path) -> None:
    (found,) = complaints(
        tmp_path, {"requirements.in": "-i https://u:hunter2@a.example\n-i https://b.example\n"}
    )
    assert found.startswith("requirements.in:2: a second default index; the first is 'a-example'")
    assert "hunter2" not in found


def test_an_index_of_the_manifest_stands_for_the_same_url_in_a_source(tmp_path: Path) -> None:
    manifest = loaded(
        tmp_path,
        {
            "mooring.toml": CORP + "default = true\n",
            "requirements.in": "-i https://user:pass@pypi.example.com/simple\nflask\n",
        },
    )
    assert [(i.name, i.url) for i in manifest.indexes] == [
        ("corp", "https://pypi.example.com/simple")
    ]
