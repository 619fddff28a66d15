"""Layers read from the top: what a running container would see, and no more."""

from __future__ import annotations

import io
from functools import partial

import pytest
from tests.images import HARD, LINK, Member, layer

from mooring.verify.collectors.layers import LayeredEntries, MovedRootError
from mooring.verify.collectors.tar_stream import TarError


def seen(*layers: list[Member], root: str = "env", most: int = 1000) -> dict[str, str]:
    """Return path to content, `-> target` for links, empty for folders."""
    reader = reading(*layers, root=root, most=most)
    found: dict[str, str] = {}
    for entry in reader.entries():
        content = b"".join(reader.pieces()).decode() if entry.kind == "file" else ""
        if entry.kind == "hardlink":
            content = found.get(entry.target, f"=> {entry.target}")
        found[entry.path] = f"-> {entry.target}" if entry.kind == "symlink" else content
    return {path: text for path, text in found.items() if not root or path.startswith(root)}


def reading(
    *layers: list[Member], root: str = "env", most: int = 1000, whiteouts: bool = True
) -> LayeredEntries:
    opened = [partial(io.BytesIO, layer(each)) for each in layers]
    return LayeredEntries(opened, root, "web", most=most, whiteouts=whiteouts)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([[("env/a", b"1")], [("env/a", b"2")]], {"env/a": "2"}),
        ([[("env/a", b"1"), ("env/b", b"1")], [("env/.wh.a", b"")]], {"env/b": "1"}),
        ([[("env/a/b", b"1")], [("env/.wh.a", b"")]], {}),
        ([[("env/a/b", b"1")], [("env/.wh.a", b""), ("env/a/c", b"2")]], {"env/a/c": "2"}),
        ([[("env/a/b", b"1")], [("env/a/.wh..wh..opq", b""), ("env/a/c", b"2")]], {"env/a/c": "2"}),
        ([[("env/b", b"1")], [(".wh.env", b"")]], {}),
        ([[("env/b", b"1")], [(".wh..wh..opq", b"")]], {}),
        ([[("env/b", b"1")], [("env/.wh..wh.plnk", b"")]], {"env/b": "1"}),
        ([[("env/.wh.a", b""), ("env/a", b"1")]], {"env/a": "1"}),
        ([[("env/a", b"1")], [("env/.wh.a", b"")], [("env/a", b"3")]], {"env/a": "3"}),
        ([[("env/a/b", b"1")], [("env/a", b"file")]], {"env/a": "file"}),
        ([[("env/a", b"file")], [("env/a/b", b"1")]], {"env/a/b": "1"}),
        ([[("env/a", LINK, "b"), ("env/b/c", b"1")], [("env/a/d", b"2")]],
         {"env/a/d": "2", "env/b/c": "1"}),
        ([[("./env/a", b"1")], [("/env/../env/a", b"2")]], {"env/a": "2"}),
        ([[("../env/a", b"1"), ("other", b"1"), ("environment/x", b"1")]], {"environment/x": "1"}),
    ],
)  # fmt: skip
def test_what_lies_on_top(layers: list[list[Member]], expected: dict[str, str]) -> None:
    found = seen(*layers)
    found.pop("environment/x", None)
    expected.pop("environment/x", None)
    assert found == expected


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        # In one layer, as it is nearly always.
        ([[("env/a", b"1"), ("env/b", HARD, "env/a")]], {"env/a": "1", "env/b": "1"}),
        # The target was replaced above; the link still has the old content.
        (
            [
                [("env/a", b"1"), ("env/b", HARD, "env/a"), ("env/c", HARD, "env/a")],
                [("env/a", b"2")],
            ],
            {"env/a": "2", "env/b": "1", "env/c": "1"},
        ),
        # The target lies in a lower layer.
        ([[("env/a", b"1")], [("env/b", HARD, "env/a")]], {"env/a": "1", "env/b": "1"}),
        (
            [[("env/a", b"1")], [("env/b", HARD, "env/a")], [("env/a", b"2")]],
            {"env/a": "2", "env/b": "1"},
        ),
        # The target is outside of the environment, such as an installer's cache.
        ([[("cache/a", b"1"), ("env/b", HARD, "cache/a")]], {"env/b": "1"}),
        ([[("cache/a", b"1")], [("env/b", HARD, "cache/a")]], {"env/b": "1"}),
        # The target does not exist.
        ([[("env/b", HARD, "env/none")]], {"env/b": "=> env/none"}),
        ([[("env/b", HARD, "../none")]], {"env/b": "=> ../none"}),
    ],
)
def test_hard_links(layers: list[list[Member]], expected: dict[str, str]) -> None:
    assert seen(*layers) == expected


def test_without_whiteouts_names_are_names() -> None:
    reader = reading([("env/.wh.a.pth", b"")], whiteouts=False)
    assert [entry.path for entry in reader.entries()] == ["env/.wh.a.pth"]


@pytest.mark.parametrize(
    ("layers", "root", "leads"),
    [
        ([[("opt/env", LINK, "../srv/env")]], "opt/env", "srv/env"),
        ([[("opt", LINK, "/data"), ("data/env/a", b"")]], "opt/env", "data/env"),
        ([[("opt", LINK, "../../data")]], "opt/env", "data/env"),
        ([[("opt/env", LINK, "a")], [("opt/env", LINK, "b")]], "opt/env", "opt/b"),
    ],
)
def test_a_root_that_is_a_link(layers: list[list[Member]], root: str, leads: str) -> None:
    with pytest.raises(MovedRootError) as caught:
        seen(*layers, root=root)
    assert str(caught.value) == leads


def test_a_link_that_a_higher_layer_replaced_does_not_count() -> None:
    layers: list[list[Member]] = [[("opt", LINK, "data")], [("opt/env/a", b"1")]]
    assert seen(*layers, root="opt/env") == {"opt/env/a": "1"}


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh..."])
def test_a_whiteout_of_no_name(name: str) -> None:
    with pytest.raises(TarError, match="whiteout"):
        seen([("env/" + name, b"")])


@pytest.mark.parametrize("upper", [[], [("env/.wh..wh..opq", b"")]])
def test_too_many_files(upper: list[Member]) -> None:
    many: list[Member] = [(f"env/{number}", b"") for number in range(30)]
    with pytest.raises(TarError, match="more than 20 files"):
        seen(many, upper, most=20)


def test_folders_without_end() -> None:
    deep = "env/" + "a/" * 1500 + "b"
    with pytest.raises(TarError, match="more than"):
        seen([(deep, b"")], most=1000)
    assert len(seen([(deep, b"")], [("env/.wh.a", b"")], most=5000)) == 0
