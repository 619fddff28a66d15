"""Selectors: which platforms they choose, and which comments are none."""

from __future__ import annotations

import pytest

from mooring.errors import InputError
from mooring.manifest.conda_selectors import MAX_CHARACTERS, both, is_selector, selected
from mooring.platforms import SUBDIRS


@pytest.mark.parametrize(
    ("text", "platforms"),
    [
        ("linux-64", ["linux-64"]),
        ("win", ["win-64", "win-arm64"]),
        ("osx and arm64", ["osx-arm64"]),
        ("osx and not arm64", ["osx-64"]),
        ("linux64 or win64", ["linux-64", "win-64"]),
        ("unix and x86_64", ["linux-64", "osx-64"]),
        ("not unix", ["win-64", "win-arm64"]),
        ("not (linux or osx)", ["win-64", "win-arm64"]),
        ("not not osx", ["osx-64", "osx-arm64"]),
        ("aarch64", ["linux-aarch64"]),
        ("linux and win", []),
        ("win or linux and s390x", ["linux-s390x", "win-64", "win-arm64"]),
    ],
)
def test_selected(text: str, platforms: list[str]) -> None:
    assert list(selected(text)) == platforms


def test_unix_and_win_are_all() -> None:
    assert selected("unix or win") == SUBDIRS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lnux", "unknown word 'lnux' in the selector 'lnux' | did you mean 'linux'?; a comment"),
        ("linux and", "not a selector"),
        ("and", "not a selector"),
        ("(linux", "not a selector"),
        ("linux)", "not a selector"),
        ("linux osx", "not a selector"),
        ("py<38", "unknown word 'py'"),
        ("=", "not a selector"),
        ("", "not a selector"),
        ("not " * MAX_CHARACTERS, "longer than"),
    ],
)
def test_no_selector(text: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        selected(text)
    assert message in f"{raised.value.message} | {raised.value.hint}"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("linux", True),
        ("lnux", True),
        ("py<38", True),
        ("osx and arm64", True),
        ("linux and (win or osx)", True),
        ("see the issue", False),
        ("needed by the docs and tests", False),
        ("", False),
    ],
)
def test_prose_is_no_selector(text: str, meant: bool) -> None:
    assert is_selector(text) is meant


def test_both() -> None:
    assert both(None, None) is None
    assert both(("win-64",), None) == ("win-64",)
    assert both(None, ("win-64",)) == ("win-64",)
    assert both(("linux-64", "win-64"), ("win-64", "osx-64")) == ("win-64",)
