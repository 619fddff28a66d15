"""Layers laid on each other: what is there at the end, and what is refused."""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from typing import IO, cast

import pytest
from tests.unit.build.embedded.bases_made import (
    Member,
    device,
    file,
    folder,
    hard,
    link,
    opener,
    program,
    scan,
    tar,
)

from mooring.build.embedded.bases.scan import scan_layers
from mooring.build.embedded.interface import BaseScan, EmbeddedBuildError
from mooring.errors import MooringError
from mooring.verify.collectors.tar_stream import TarError

LOW: Sequence[Member] = (
    folder("opt", 0o755),
    folder("opt/a", 0o750),
    file("opt/a/x"),
    link("opt/a/l", "x"),
    folder("opt/a/deep"),
    link("opt/a/deep/l", "../x"),
    folder("tmp", 0o1777),
)


def paths(found: BaseScan) -> set[str]:
    return {*found.links, *found.directories}


def over(*top: Member) -> set[str]:
    """Return what is left of LOW below a layer."""
    return paths(scan(list(LOW), list(top)))


def test_one_layer() -> None:
    found = scan(list(LOW))
    assert found.links == {"/opt/a/l": "x", "/opt/a/deep/l": "../x"}
    assert found.directories == {
        "/opt": 0o755, "/opt/a": 0o750, "/opt/a/deep": 0o755, "/tmp": 0o1777
    }  # fmt: skip


def test_names_are_written_in_many_ways() -> None:
    found = scan([folder("./"), folder("./usr/"), folder("/etc"), link("usr/./x/../l", "y")])
    assert found.directories == {"/usr": 0o755, "/etc": 0o755}
    assert found.links == {"/usr/l": "y"}


def test_folders_that_no_entry_names_are_there_all_the_same() -> None:
    assert scan([file("a/b/c")]).directories == {"/a": 0o755, "/a/b": 0o755}


def test_a_folder_again_changes_its_mode_and_keeps_what_is_in_it() -> None:
    found = scan(list(LOW), [folder("opt/a", 0o700)])
    assert found.directories["/opt/a"] == 0o700
    assert "/opt/a/deep/l" in found.links


def test_a_folder_above_a_new_file_keeps_its_mode() -> None:
    assert scan(list(LOW), [file("tmp/x")]).directories["/tmp"] == 0o1777


def test_a_whiteout_takes_away_a_file_a_link_and_a_folder() -> None:
    assert "/opt/a/l" not in over(file("opt/a/.wh.l"))
    assert over(file("opt/.wh.a")) == {"/opt", "/tmp"}
    assert over(file(".wh.opt")) == {"/tmp"}


def test_a_whiteout_of_nothing() -> None:
    assert over(file("opt/.wh.none"), file("none/.wh.x")) == paths(scan(list(LOW)))


@pytest.mark.parametrize("first", [True, False])
def test_a_whiteout_spares_what_its_own_layer_has(first: bool) -> None:
    new: tuple[Member, ...] = (folder("opt/a"), link("opt/a/new", "y"))
    gone: tuple[Member, ...] = (file("opt/.wh.a"),)
    found = over(*gone, *new) if first else over(*new, *gone)
    assert found == {"/opt", "/opt/a", "/opt/a/new", "/tmp"}


@pytest.mark.parametrize("first", [True, False])
def test_an_opaque_folder_hides_what_was_below(first: bool) -> None:
    new: tuple[Member, ...] = (link("opt/a/deep/new", "y"),)
    gone: tuple[Member, ...] = (file("opt/a/.wh..wh..opq"),)
    found = over(*gone, *new) if first else over(*new, *gone)
    assert found == {"/opt", "/opt/a", "/opt/a/deep", "/opt/a/deep/new", "/tmp"}


def test_an_opaque_root() -> None:
    assert over(file(".wh..wh..opq"), folder("new")) == {"/new"}


def test_notes_of_storage_drivers_are_nothing() -> None:
    assert over(file(".wh..wh.aufs"), file(".wh..wh.plnk/1")) >= paths(scan(list(LOW)))


@pytest.mark.parametrize(
    "top", [file("opt/a"), device("opt/a"), link("opt/a", "b"), program("opt/a")]
)
def test_what_is_no_folder_hides_a_folder(top: Member) -> None:
    found = over(top)
    assert "/opt/a/l" not in found
    assert "/opt/a/deep" not in found


def test_a_folder_hides_a_link_of_a_lower_layer() -> None:
    below = [folder("usr/lib"), link("lib", "usr/lib")]
    for top in ([folder("lib")], [file("lib/x")]):
        found = scan(below, top)
        assert found.links == {}
        assert "/lib" in found.directories


def test_a_link_of_the_same_layer_is_followed() -> None:
    found = scan([folder("usr/lib"), link("lib", "usr/lib"), link("lib/inner", "x")])
    assert found.links == {"/lib": "usr/lib", "/usr/lib/inner": "x"}
    found = scan([link("a", "/b/c"), folder("a/d")])
    assert set(found.directories) == {"/b", "/b/c", "/b/c/d"}


def test_a_folder_that_is_listed_replaces_a_link_of_the_same_layer() -> None:
    assert scan([link("lib", "usr/lib"), folder("lib")]).links == {}


def test_a_link_replaced_by_a_file_or_another_link() -> None:
    assert scan(list(LOW), [file("opt/a/l")]).links == {"/opt/a/deep/l": "../x"}
    assert scan(list(LOW), [link("opt/a/l", "z")]).links["/opt/a/l"] == "z"


def test_hard_links() -> None:
    python = program("usr/bin/python3.12", b"\x003.12.8\0")
    found = scan([python, hard("opt/bin/python3.12", "usr/bin/python3.12")])
    assert [(each.path, str(each.version)) for each in found.interpreters] == [
        ("/opt/bin/python3.12", "3.12.8"),
        ("/usr/bin/python3.12", "3.12.8"),
    ]
    found = scan([link("a", "target"), hard("b", "a")])
    assert found.links == {"/a": "target", "/b": "target"}
    # A file whose own name says nothing: then the link's name does.
    found = scan(
        [program("usr/libexec/interpreter"), hard("usr/bin/python3.9", "usr/libexec/interpreter")]
    )
    assert [str(each.version) for each in found.interpreters] == ["3.9"]
    # A hard link in the place of a link, to a file that does not matter.
    assert scan([file("x"), link("l", "x"), hard("l", "x")]).links == {}


def test_passwd_and_group() -> None:
    found = scan(
        [file("etc/passwd", b"old"), file("etc/group", b"g")], [file("etc/passwd", b"new\xff")]
    )
    assert found.group == "g"
    assert found.passwd.encode("utf-8", "surrogateescape") == b"new\xff"
    assert scan([file("etc/passwd", b"old")], [file("etc/.wh.passwd")]).passwd == ""


def test_nothing_at_all() -> None:
    found = scan_layers([])
    assert paths(found) == set()
    assert (found.interpreters, found.libc, found.passwd) == ((), None, "")


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (file("../etc/passwd"), "leads out"),
        (file("a/../../b"), "leads out"),
        (hard("a", "../../b"), "leads out"),
        (file("a/.wh."), "whiteout of ''"),
        (file("a/.wh..."), "whiteout of '..'"),
        (link("a", ""), "empty or too long"),
        (link("a", "x" * 5000), "empty or too long"),
        (file("d/" * 2200 + "x"), "characters"),
        (file("etc/passwd", b"x" * ((1 << 20) + 1)), "larger than 1 MiB"),
    ],
    ids=["up", "winding", "hard", "whiteout", "whiteout-up", "empty", "long", "path", "passwd"],
)
def test_what_no_honest_tool_makes(member: Member, message: str) -> None:
    with pytest.raises(EmbeddedBuildError, match=message) as caught:
        scan([folder("a"), member])
    assert caught.value.exit_code == 3


def test_links_of_a_layer_in_a_circle() -> None:
    with pytest.raises(EmbeddedBuildError, match="circle"):
        scan([link("a", "b"), link("b", "a"), file("a/x")])
    with pytest.raises(EmbeddedBuildError, match="circle"):
        scan([link("a", "a/a"), file("a/x")])


def test_too_many_folders() -> None:
    many = [folder(f"d{number}") for number in range(100)]
    assert len(scan_layers([opener(tar(*many))], most_kept=100).directories) == 100
    for members in ([*many, link("l", "x")], [file("a/" * 101 + "x")]):
        with pytest.raises(EmbeddedBuildError, match="more than 100 folders and links"):
            scan_layers([opener(tar(*members))], most_kept=100)


def test_too_many_entries() -> None:
    layers = [opener(tar(*[file("same")] * 60))] * 2
    scan_layers(layers, most_entries=120)
    with pytest.raises(EmbeddedBuildError, match="more than 119 files"):
        scan_layers(layers, most_entries=119)


class Endless(io.RawIOBase):
    """The same header again and again."""

    block = tar(folder("a"))[:512]

    def read(self, size: int = -1, /) -> bytes:
        return (self.block * (size // 512 + 1))[:size]


def test_a_stream_without_end() -> None:
    @contextlib.contextmanager
    def opened() -> Iterator[IO[bytes]]:
        yield cast("IO[bytes]", Endless())

    with pytest.raises(EmbeddedBuildError, match="list more than 1000 files"):
        scan_layers([opened], most_entries=1000)


@pytest.mark.parametrize(
    "data", [b"", b"no tar" * 200, tar(file("a", b"x" * 2000))[:1024]], ids=["empty", "text", "cut"]
)
def test_a_damaged_tar(data: bytes) -> None:
    with pytest.raises(TarError, match="tar") as caught:
        scan_layers([opener(tar(folder("a"))), opener(data)])
    assert "layer 2 of the base image" in str(caught.value)


def test_an_extended_header_of_any_size() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 4 << 20
    with pytest.raises(MooringError, match="extended header"):
        scan_layers([opener(info.tobuf())])


def test_names_that_are_no_text() -> None:
    found = scan([link("caf\udce9", "b\udcff")])
    assert found.links == {"/caf\udce9": "b\udcff"}
