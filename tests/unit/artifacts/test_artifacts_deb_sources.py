"""apt's source files of both styles, and which of them serve a release."""

from __future__ import annotations

from pathlib import Path

import pytest

from mooring.artifacts.deb_sources import Source, read_sources, sources_for
from mooring.manifest.system import SystemBase

BOOKWORM = SystemBase(distribution="debian", suite="bookworm")
TRIXIE = SystemBase(distribution="debian", suite="trixie")
NOBLE = SystemBase(distribution="ubuntu", suite="noble")

DEB822 = """\
# A comment
Types: deb deb-src
URIs: http://mirror.example.com/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Types: deb
URIs: http://security.example.com/debian
Suites: bookworm-security
Components: main
Allow-Insecure: yes
Check-Valid-Until: no

Types: deb-src
URIs: http://source.example.com/
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.example.com/
Suites: bookworm
Components: main
"""
LINES = """\
# deb http://comment.example.com/ bookworm main
deb [arch=amd64,arm64 signed-by=/x.gpg trusted=yes] http://a.example.com/x bookworm main non-free
deb-src http://a.example.com/x bookworm main
deb http://flat.example.com/ ./
deb http://other.example.com stable main  # words behind
deb file:/srv/archive bookworm main
nonsense
"""


def read(tmp_path: Path, name: str, text: str) -> tuple[Source, ...]:
    path = tmp_path / name
    path.write_text(text)
    return read_sources([path])


def test_stanzas(tmp_path: Path) -> None:
    key = ("Signed-By", "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc")
    main = "http://mirror.example.com/debian"
    components = ("main", "contrib")
    assert read(tmp_path, "debian.sources", DEB822) == (
        Source(uri=main, release="bookworm", components=components, options=(key,)),
        Source(uri=main, release="bookworm-updates", components=components, options=(key,)),
        Source(
            uri="http://security.example.com/debian",
            release="bookworm-security",
            components=("main",),
            options=(("Check-Valid-Until", "no"),),
        ),
    )


def test_lines(tmp_path: Path) -> None:
    assert read(tmp_path, "sources.list", LINES) == (
        Source(
            uri="http://a.example.com/x",
            release="bookworm",
            components=("main", "non-free"),
            architectures=("amd64", "arm64"),
            options=(("Signed-By", "/x.gpg"), ("Trusted", "yes")),
        ),
        Source(uri="http://other.example.com", release="stable", components=("main",)),
        Source(uri="copy:/srv/archive", release="bookworm", components=("main",)),
    )


def test_a_stanza_is_read_as_it_was_written(tmp_path: Path) -> None:
    for source in read(tmp_path, "debian.sources", DEB822):
        (again,) = read(tmp_path, "again.sources", source.stanza("arm64"))
        assert again.architectures == ("arm64",)
        assert (again.uri, again.release, again.options) == (
            source.uri,
            source.release,
            source.options,
        )


def test_files_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "binary.list").write_bytes(b"\xff\x00deb")
    assert read_sources([tmp_path / "none.list", tmp_path, tmp_path / "binary.list"]) == ()


def source(release: str, *, uri: str = "http://a.example.com", **others: tuple[str, ...]) -> Source:
    components = others.get("components", ("main",))
    return Source(
        uri=uri,
        release=release,
        components=components,
        architectures=others.get("architectures", ()),
    )


HERE = (
    source("bookworm"),
    source("bookworm-updates"),
    source("bookworm-security", uri="http://s.example.com"),
    source("bookworm-backports"),
    source("bookworm", uri="http://engine.example.com", components=("stable",)),
    source("nodistro"),
)


def chosen(
    base: SystemBase, sources: tuple[Source, ...], *, on: str = "debian", arch: str = "amd64"
) -> list[str]:
    found = sources_for(base, sources, architecture=arch, distribution=on)
    return [f"{each.uri.partition('//')[2]} {each.release}" for each in found]


def test_a_release_comes_from_its_pockets() -> None:
    assert chosen(BOOKWORM, HERE) == [
        "a.example.com bookworm",
        "a.example.com bookworm-updates",
        "s.example.com bookworm-security",
    ]
    assert chosen(BOOKWORM, HERE, on="ubuntu"), "its own sources are enough, whatever runs here"


def test_another_release_comes_from_where_the_own_one_does() -> None:
    assert chosen(TRIXIE, HERE[:3]) == [
        "a.example.com trixie",
        "a.example.com trixie-updates",
        "s.example.com trixie-security",
    ]


def test_another_distribution_is_not_guessed() -> None:
    assert chosen(NOBLE, HERE) == []
    assert chosen(TRIXIE, HERE, on="ubuntu") == []


@pytest.mark.parametrize(("arch", "count"), [("amd64", 1), ("arm64", 0)])
def test_sources_for_other_machines_are_left_out(arch: str, count: int) -> None:
    only = (source("bookworm", architectures=("amd64",)),)
    assert len(chosen(BOOKWORM, only, arch=arch)) == count
