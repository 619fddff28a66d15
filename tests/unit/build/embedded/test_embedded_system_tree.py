"""Packages in one tree: the merged /usr, what is left out, and packages that collide."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.debs import File, deb, folder, hardlink, symlink

from mooring.artifacts.deb import open_deb
from mooring.artifacts.deb_tar import DebRefused
from mooring.build.embedded.interface import EmbeddedBuildError, Entry
from mooring.build.embedded.system.spool import Spool
from mooring.build.embedded.system.tree import Tree


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "scratch") as spool:
        yield spool


def tree_of(spool: Spool, *packages: bytes) -> Tree:
    tree = Tree(spool)
    for data in packages:
        with open_deb(io.BytesIO(data), Path("none"), where="x.deb", size=len(data)) as package:
            tree.add(package)
    spool.seal()
    return tree


def entries(tree: Tree) -> dict[str, Entry]:
    return {entry.path: entry for entry in tree.entries()}


def content(entry: Entry) -> bytes:
    assert entry.open is not None
    with entry.open() as stream:
        return stream.read()


def test_the_folders_of_the_root_are_merged(spool: Spool) -> None:
    tree = tree_of(
        spool,
        deb(
            "libc6",
            [folder("./lib/"), File("./lib/x/libc.so"), File("./lib64/ld.so"), File("./sbin/y")],
        ),
        deb("base-files", [symlink("./bin", "usr/bin"), symlink("./lib", "usr/lib")]),
    )
    assert set(tree.nodes) == {"/usr/lib", "/usr/lib/x/libc.so", "/usr/lib64/ld.so", "/usr/sbin/y"}
    assert dict(tree.merge_links()) == {
        "/bin": "usr/bin",
        "/sbin": "usr/sbin",
        "/lib": "usr/lib",
        "/lib64": "usr/lib64",
    }


def test_a_second_library_folder_is_linked_only_where_there_is_one(spool: Spool) -> None:
    tree = tree_of(spool, deb("libc6", [File("./lib/ld-linux-aarch64.so.1")]))
    assert [path for path, _ in tree.merge_links()] == ["/bin", "/sbin", "/lib"]


def test_contents_keep_apart(spool: Spool) -> None:
    tree = tree_of(
        spool,
        deb("a", [File("./usr/a", b"aaa"), hardlink("./usr/b", "./usr/a"), File("./usr/empty")]),
        deb("c", [File("./usr/c", b"c" * 700_000)]),
    )
    found = entries(tree)
    assert content(found["/usr/a"]) == content(found["/usr/b"]) == b"aaa"
    assert content(found["/usr/c"]) == b"c" * 700_000
    assert content(found["/usr/empty"]) == b""
    with found["/usr/a"].open() as one, found["/usr/c"].open() as other:  # type: ignore[misc]
        assert (one.read(1), other.read(1), one.read(9)) == (b"a", b"c", b"aa")


def test_nothing_becomes_another_user_but_folders_stay_shared(spool: Spool) -> None:
    tree = tree_of(
        spool,
        deb(
            "x",
            [
                File("./usr/bin/su", b"x", 0o4755),
                File("./usr/bin/wall", b"x", 0o2755, gid=5),
                folder("./var/mail/", 0o2775, gid=8),
                folder("./tmp/", 0o1777),
            ],
        ),
    )
    modes = {path: (node.mode, node.gid) for path, node in tree.nodes.items()}
    assert modes == {
        "/usr/bin/su": (0o755, 0),
        "/usr/bin/wall": (0o755, 5),
        "/var/mail": (0o2775, 8),
        "/tmp": (0o1777, 0),
    }


def test_documentation_is_left_out_but_licences_are_not(spool: Spool) -> None:
    tree = tree_of(
        spool,
        deb(
            "x",
            [
                File("./usr/share/doc/x/copyright", b"licence"),
                File("./usr/share/doc/x/README"),
                File("./usr/share/doc/x/examples/copyright/y"),
                symlink("./usr/share/doc/y", "x"),
                File("./usr/share/man/man1/x.1.gz"),
                File("./usr/share/locale/de/LC_MESSAGES/x.mo"),
                File("./usr/share/lintian/overrides/x"),
                File("./usr/share/zoneinfo/UTC"),
            ],
        ),
    )
    kept = {"/usr/share/doc/x/copyright", "/usr/share/doc/y", "/usr/share/zoneinfo/UTC"}
    assert set(tree.nodes) == kept
    (package,) = tree.packages
    assert set(package.paths) == kept


def test_equal_files_of_two_packages_pass(spool: Spool) -> None:
    tree = tree_of(spool, deb("a", [File("./x", b"1")]), deb("b", [File("./x", b"1")]))
    assert tree.nodes["/x"].package == "a"


def test_different_files_of_two_packages_are_refused(spool: Spool) -> None:
    with pytest.raises(EmbeddedBuildError, match="a and b both have /usr/lib/x") as caught:
        tree_of(spool, deb("a", [File("./lib/x", b"1")]), deb("b", [File("./usr/lib/x", b"2")]))
    assert "scripts of packages are not run" in (caught.value.hint or "")


@pytest.mark.parametrize("relation", ["a", "z, a (<< 2)", "z | a:any"])
def test_a_package_that_replaces_another_wins(spool: Spool, relation: str) -> None:
    old, new = (
        deb("a", [File("./x", b"1")]),
        deb("b", [File("./x", b"2")], fields={"Replaces": relation}),
    )
    for order in ((old, new), (new, old)):
        tree = tree_of(spool, *order)
        assert content(entries(tree)["/x"]) == b"2"


def test_one_package_with_two_files_of_one_path_is_refused(spool: Spool) -> None:
    with pytest.raises(EmbeddedBuildError, match="a has /usr/lib/x twice"):
        tree_of(spool, deb("a", [File("./lib/x", b"1"), File("./usr/lib/x", b"2")]))


def test_a_folder_and_a_link_to_one_are_the_same(spool: Spool) -> None:
    link, real = deb("a", [symlink("./usr/x", "y")]), deb("b", [folder("./usr/x/")])
    assert tree_of(spool, link, real).nodes["/usr/x"].kind == "symlink"
    assert tree_of(spool, real, link).nodes["/usr/x"].kind == "directory"


def test_a_file_and_a_folder_are_not(spool: Spool) -> None:
    with pytest.raises(EmbeddedBuildError, match="both have /usr/x"):
        tree_of(spool, deb("a", [File("./usr/x")]), deb("b", [folder("./usr/x/")]))


@pytest.mark.parametrize("target", ["./usr/none", "./usr/folder", "./usr/link"])
def test_a_hard_link_that_leads_nowhere_is_refused(spool: Spool, target: str) -> None:
    files = [folder("./usr/folder"), symlink("./usr/link", "x"), hardlink("./usr/x", target)]
    with pytest.raises(DebRefused, match="leads nowhere"):
        tree_of(spool, deb("a", files))


def test_a_spool_without_a_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EmbeddedBuildError, match="cannot be unpacked") as caught:
        Spool(tmp_path / "file" / "scratch")
    assert "MOORING_CACHE_DIR" in (caught.value.hint or "")


def test_nothing_is_left_of_a_spool(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.add(io.BytesIO(b"x" * 100_000))
        assert list(tmp_path.iterdir()) == []
