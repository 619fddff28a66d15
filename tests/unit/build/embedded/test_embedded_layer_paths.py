"""Where entries go on a base."""

from __future__ import annotations

import pytest

from mooring.build.embedded.interface import EmbeddedBuildError, Entry
from mooring.build.embedded.layers.paths import placed

LINKS = {"/lib": "/usr/lib", "/bin": "/usr/bin", "/var/run": "/run"}


def resolve(path: str) -> str:
    """Follow links of folders at the start of a path."""
    for link, target in LINKS.items():
        if path == link or path.startswith(f"{link}/"):
            return target + path[len(link) :]
    return path


def paths(*entries: Entry, base: tuple[str, ...] = ()) -> list[str]:
    return [entry.path for entry in placed(entries, resolve, base)]


def test_what_is_below_a_link_of_the_base_goes_where_the_link_leads() -> None:
    base = ("/usr", "/usr/lib", "/usr/bin")
    found = paths(Entry(path="/lib/x/y.so"), Entry(path="/bin/tool"), base=base)
    assert found == ["/usr/bin/tool", "/usr/lib/x", "/usr/lib/x/y.so"]


def test_a_file_replaces_a_link_of_the_base_and_a_folder_follows_it() -> None:
    assert paths(Entry(path="/var/run"), base=("/var",)) == ["/var/run"]
    assert paths(Entry(path="/var/run", kind="directory")) == ["/run"]


def test_folders_of_the_base_are_not_written_and_missing_ones_are() -> None:
    assert paths(Entry(path="/a/b/c/d"), base=("/a", "/a/b")) == ["/a/b/c", "/a/b/c/d"]
    assert paths(Entry(path="/a/b/c")) == ["/a", "/a/b", "/a/b/c"]


def test_a_folder_that_is_asked_for_keeps_its_mode_and_needs_its_parents_once() -> None:
    wanted = Entry(path="/tmp/x", kind="directory", mode=0o1777)
    found = placed([Entry(path="/tmp/x/y"), wanted, wanted], resolve, ())
    assert [(e.path, e.mode) for e in found] == [
        ("/tmp", 0o755),
        ("/tmp/x", 0o1777),
        ("/tmp/x/y", 0o644),
    ]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([Entry(path="/a"), Entry(path="/a")], "the path /a"),
        ([Entry(path="/lib/a"), Entry(path="/usr/lib/a")], "the path /usr/lib/a"),
        ([Entry(path="/a"), Entry(path="/a", kind="directory")], "the path /a"),
        (
            [Entry(path="/a", kind="directory"), Entry(path="/a", kind="directory", uid=1)],
            "the path /a",
        ),
        ([Entry(path="/a/b"), Entry(path="/a")], "/a is a file, and /a/b is below it"),
        (
            [Entry(path="/a/b"), Entry(path="/a", kind="symlink", target="c")],
            "/a is a symlink, and /a/b is below it",
        ),
        ([Entry(path="/base")], "/base is a folder of the base, not a file"),
    ],
)
def test_two_entries_that_cannot_both_be_are_refused(entries: list[Entry], message: str) -> None:
    with pytest.raises(EmbeddedBuildError, match=message):
        placed(entries, resolve, ("/base",))


@pytest.mark.parametrize(
    "path",
    [
        *("", "/", "a", "a/b", "//a", "/a//b", "/a/", "/./a", "/a/..", "/../a", "/a/../b"),
        *("/.wh.a", "/.wh..wh..opq", "/a/.wh.b/c", "/a\nb", "/a\0b", "/a\x7f", "/\udc80"),
        *("/" + "x" * 256, "/" + "abcdefghi/" * 420 + "x"),
    ],
)
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_path_that_no_layer_should_have_is_refused(path: str, kind: str) -> None:
    entry = Entry(path=path, kind="directory" if kind == "directory" else "file")
    with pytest.raises(EmbeddedBuildError, match="cannot be in a layer"):
        placed([entry], resolve, ())


def test_names_that_only_look_odd_are_kept() -> None:
    odd = ["/a b", "/a\\x2d", "/a.wh.b", "/A", "/a", "/é"]
    assert paths(*(Entry(path=path) for path in odd)) == sorted(odd)
