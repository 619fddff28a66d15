"""The virtual packages of each platform."""

from __future__ import annotations

import pytest

from mooring.errors import InputError
from mooring.platforms import SUBDIRS, Platform
from mooring.resolve.conda.virtual import virtual_packages


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux-64", "__archspec=1=x86_64 __glibc=2.28=0 __linux=5.10=0 __unix=0=0"),
        ("linux-64-glibc2.17", "__archspec=1=x86_64 __glibc=2.17=0 __linux=5.10=0 __unix=0=0"),
        ("linux-aarch64", "__archspec=1=aarch64 __glibc=2.28=0 __linux=5.10=0 __unix=0=0"),
        ("osx-arm64", "__archspec=1=m1 __osx=13.0=0 __unix=0=0"),
        ("osx-64-macos14.2", "__archspec=1=x86_64 __osx=14.2=0 __unix=0=0"),
        ("win-64", "__archspec=1=x86_64 __win=0=0"),
    ],
)
def test_defaults_follow_the_platform(platform: str, expected: str) -> None:
    assert virtual_packages(Platform.parse(platform)) == tuple(expected.split())


@pytest.mark.parametrize("subdir", SUBDIRS)
def test_every_platform_has_some_and_none_has_cuda(subdir: str) -> None:
    names = {text.partition("=")[0] for text in virtual_packages(Platform.parse(subdir))}
    assert "__archspec" in names
    assert "__cuda" not in names


def test_declared_ones_replace_and_add() -> None:
    declared = (
        ("*", "__cuda=12.0=0"),
        ("linux-64", "__cuda=12.4=0"),
        ("linux-64", "__glibc=2.35"),
        ("win-64", "__archspec=1=x86_64_v3"),
    )
    linux = virtual_packages(Platform.parse("linux-64"), declared)
    assert "__cuda=12.4=0" in linux
    assert "__glibc=2.35=0" in linux
    assert "__glibc=2.28=0" not in linux
    assert "__cuda=12.0=0" in virtual_packages(Platform.parse("win-64"), declared)
    assert "__archspec=1=x86_64_v3" in virtual_packages(Platform.parse("win-64"), declared)


def test_a_declaration_for_all_is_left_out_where_it_cannot_be() -> None:
    declared = (("*", "__cuda=12.0=0"), ("*", "__glibc=2.35=0"))
    found = virtual_packages(Platform.parse("osx-arm64"), declared)
    assert not [text for text in found if "cuda" in text or "glibc" in text]


def test_the_shell_does_not_leak_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "11.0")
    monkeypatch.setenv("CONDA_OVERRIDE_GLIBC", "2.99")
    found = virtual_packages(Platform.parse("linux-64"))
    assert "__glibc=2.28=0" in found
    assert not [text for text in found if "cuda" in text]


def test_musl_is_refused() -> None:
    with pytest.raises(InputError, match="built for glibc"):
        virtual_packages(Platform.parse("linux-64-musl1.2"))
