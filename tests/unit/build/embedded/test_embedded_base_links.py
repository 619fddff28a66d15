"""Paths of ours, led through the base's links."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mooring.build.embedded.bases.links import MOST_LINKS, resolve
from mooring.build.embedded.interface import BaseScan, EmbeddedBuildError


def base(links: Mapping[str, str]) -> BaseScan:
    return BaseScan(links=links, directories={}, interpreters=(), libc=None, passwd="", group="")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/lib/x86_64-linux-gnu/libx.so", "/usr/lib/x86_64-linux-gnu/libx.so"),
        ("/lib", "/usr/lib"),
        ("/lib/", "/usr/lib"),
        ("/usr/lib/x", "/usr/lib/x"),
        ("/var/run/app.pid", "/run/app.pid"),
        ("/opt/env/bin/python", "/opt/env/bin/python"),
        ("/library/x", "/library/x"),
        ("/chain/x", "/usr/lib/x"),
        ("/up/x", "/usr/x"),
        ("/far/x", "/x"),
        ("/lib/../etc", "/usr/etc"),
        ("/", "/"),
        ("/..", "/"),
        ("//opt/./env//", "/opt/env"),
        ("/dot/x", "/x"),
    ],
)
def test_resolve(path: str, expected: str) -> None:
    links = {
        "/lib": "usr/lib",
        "/var/run": "/run",
        "/chain": "other",
        "/other": "lib",
        "/up": "usr/share/..",
        "/far": "../../../..",
        "/dot": ".",
    }
    assert resolve(base(links), path) == expected


def test_links_in_the_middle_of_a_target() -> None:
    links = {"/a": "b/c", "/b": "/usr", "/usr/c": "d"}
    assert resolve(base(links), "/a/x") == "/usr/d/x"


@pytest.mark.parametrize(
    "links",
    [{"/a": "a"}, {"/a": "/b", "/b": "/a"}, {"/a": "a/x"}, {"/a": "x/../a/../a"}],
    ids=["itself", "two", "growing", "winding"],
)
def test_a_circle_is_an_error(links: Mapping[str, str]) -> None:
    with pytest.raises(EmbeddedBuildError, match="lead in a circle") as caught:
        resolve(base(links), "/a/opt")
    assert caught.value.hint


def test_as_many_links_as_the_kernel_follows() -> None:
    def chain(count: int) -> BaseScan:
        return base({f"/{n}": f"/{n + 1}" for n in range(count)})

    assert resolve(chain(MOST_LINKS), "/0/x") == f"/{MOST_LINKS}/x"
    with pytest.raises(EmbeddedBuildError, match="circle"):
        resolve(chain(MOST_LINKS + 1), "/0/x")
