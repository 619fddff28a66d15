from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.lock.conda_locks import BASE, LINUX, LOCK, MAC, PYTHON, SIX, ZLIB

from mooring.errors import InputError, InputProblems
from mooring.lock.conda import select_conda
from mooring.lock.formats import explicit
from mooring.platforms import Platform

SELECTION = select_conda(LOCK, LINUX, ("dev",))
MD5 = "0123456789abcdef" * 2
SHA256 = "0123456789abcdef" * 4


def test_each_package_comes_after_what_it_needs() -> None:
    lines = explicit.write(SELECTION).splitlines()
    start = lines.index("@EXPLICIT")
    assert "# platform: linux-64" in lines[:start]
    assert lines[start + 1 :] == [
        f"{ZLIB.url}#sha256:{ZLIB.sha256}",
        f"{PYTHON.url}#sha256:{PYTHON.sha256}",
        f"{SIX.url}#sha256:{SIX.sha256}",
        f"# pip rich @ {LOCK.pypi[0].url}#sha256={LOCK.pypi[0].sha256}",
    ]


def test_old_clients_get_md5() -> None:
    text = explicit.write(SELECTION, hashes="md5")
    assert f"{ZLIB.url}#{ZLIB.md5}\n" in text
    only = replace(SELECTION, packages=(replace(ZLIB, md5=None),))
    assert f"#sha256:{ZLIB.sha256}" in explicit.write(only, hashes="md5")


def test_a_package_without_a_hash_or_with_a_secret_is_not_written() -> None:
    for bad in (
        replace(ZLIB, md5=None, sha256=None),
        replace(ZLIB, url=ZLIB.url.replace("//", "//user:hidden@")),
        replace(ZLIB, url=ZLIB.url.replace("/forge", "/t/hidden/forge")),
    ):
        with pytest.raises(InputError) as caught:
            explicit.write(replace(SELECTION, packages=(bad,)))
        assert "hidden" not in str(caught.value)


def test_what_is_written_is_read_again() -> None:
    lock = explicit.read(explicit.write(SELECTION), "x.txt")
    assert lock.platforms == (LINUX,)
    assert lock.channels == (BASE,)
    assert [(row.package.name, row.package.sha256) for row in lock.conda] == [
        ("libzlib", ZLIB.sha256),
        ("python", PYTHON.sha256),
        ("six", SIX.sha256),
    ]
    assert lock.conda[0].package.build_number == 1
    assert [(row.name, row.version, row.sha256) for row in lock.pypi] == [
        ("rich", "2.0", LOCK.pypi[0].sha256)
    ]


@pytest.mark.parametrize(
    ("fragment", "md5", "sha256"),
    [
        ("", None, None),
        (f"#{MD5}", MD5, None),
        (f"#{SHA256}", None, SHA256),
        (f"#sha256:{SHA256.upper()}", None, SHA256),
    ],
)
def test_hashes_of_every_writer(fragment: str, md5: str | None, sha256: str | None) -> None:
    text = f"@EXPLICIT\r\n{BASE}/linux-64/a-b-1.0-h1_0.tar.bz2{fragment}\r\n"
    package = explicit.read(text, "x.txt").conda[0].package
    assert (package.name, package.version, package.build) == ("a-b", "1.0", "h1_0")
    assert (package.md5, package.sha256) == (md5, sha256)


def test_the_platform_is_named_or_told_by_the_packages() -> None:
    noarch = f"@EXPLICIT\n{BASE}/noarch/a-1-0.conda\n"
    assert explicit.read(f"# platform: osx-arm64\n{noarch}", "x").platforms == (MAC,)
    assert explicit.read(f"{noarch}{BASE}/win-64/b-1-0.conda\n", "x").platforms == (
        Platform.parse("win-64"),
    )
    with pytest.raises(InputError, match="cannot be told"):
        explicit.read(noarch, "x")
    with pytest.raises(InputError, match="in one file"):
        explicit.read(f"# platform: osx-arm64\n{noarch}{BASE}/win-64/b-1-0.conda\n", "x")


def test_credentials_are_left_out() -> None:
    text = "@EXPLICIT\nhttps://u:hidden@conda.example.org/t/hidden/forge/linux-64/a-1-0.conda\n"
    package = explicit.read(text, "x").conda[0].package
    assert package.url == f"{BASE}/linux-64/a-1-0.conda"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("", "x.txt", "no line @EXPLICIT"),
        ("numpy\n", "x.txt:1", "before anything else"),
        ("@EXPLICIT\nnumpy=1.0\n", "x.txt:2", "is not a URL"),
        ("@EXPLICIT\n/etc/linux-64/a-1-0.conda\n", "x.txt:2", "is not a URL"),
        (f"@EXPLICIT\n{BASE}/linux-64/a-1.conda\n", "x.txt:2", "is not <name>-"),
        (f"@EXPLICIT\n{BASE}/linux-64/a-1-0.zip\n", "x.txt:2", "does not end like"),
        (f"@EXPLICIT\n{BASE}/linux-64/a-1-0.conda#abc\n", "x.txt:2", "neither an md5"),
        (
            f"@EXPLICIT\n{BASE}/linux-64/a-1-0.conda\n{BASE}/linux-64/a-2-0.conda\n",
            "x.txt:3",
            "listed twice",
        ),
        ("# platform: plan9-1\n@EXPLICIT\n", "x.txt", "not a platform"),
        ("@EXPLICIT\nftp://conda.example.org/c/linux-64/a-1-0.conda\n", "x.txt:2", "cannot|can be"),
        (
            f"# platform: linux-64\n@EXPLICIT\n# pip a @ file:///etc/passwd?x#sha256={SHA256}\n",
            "x.txt:3",
            "not a URL",
        ),
        (
            "# platform: linux-64\n@EXPLICIT\n# pip a @ https://x.example/a.whl\n",
            "x.txt:3",
            "version of a",
        ),
    ],
)
def test_every_refusal_names_its_line(text: str, where: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        explicit.read(text, "x.txt")
    assert caught.value.where == where


def test_all_lines_are_told_at_once() -> None:
    with pytest.raises(InputProblems) as caught:
        explicit.read("@EXPLICIT\na\nb\n", "x.txt")
    assert len(caught.value.problems) == 2
