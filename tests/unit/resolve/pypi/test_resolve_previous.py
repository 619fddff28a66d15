"""The pins that uv starts from."""

from __future__ import annotations

import tomllib

from tests.resolving import manifest, request

from mooring.lock.model import Artifact, Lock, Package
from mooring.resolve.pypi.previous import previous_lock

COMMIT = "0" * 40
PREVIOUS = Lock(
    created_by="mooring",
    extras=("x",),
    packages=(
        Package(name="a", version="1", marker="sys_platform == 'win32' or 'x' in extras"),
        Package(name="a", version="2", marker="sys_platform != 'win32'"),
        Package(name="b", version="3", marker="'x' in extras", index="https://i.example"),
        Package(
            name="g",
            version="1",
            direct=Artifact(
                kind="vcs",
                vcs="git",
                url="https://g.example/g.git",
                commit=COMMIT,
                requested_revision="v 1",
                subdirectory="lib",
            ),
        ),
        Package(name="u", version="1", direct=Artifact(kind="archive", url="https://u.example/u")),
        Package(name="d", direct=Artifact(kind="directory", path="d")),
    ),
)


def test_pins_are_written_without_where_they_came_from() -> None:
    text = previous_lock(request(manifest(["a"]), previous=PREVIOUS))
    assert text is not None
    found = tomllib.loads(text)
    nowhere = {"registry": "https://previous.invalid/simple"}
    assert found == {
        "version": 1,
        "requires-python": ">=3.11",
        "package": [
            {"name": "a", "version": "1", "source": nowhere},
            {
                "name": "a",
                "version": "2",
                "source": nowhere,
                "resolution-markers": ["sys_platform != 'win32'"],
            },
            {"name": "b", "version": "3", "source": nowhere},
            {
                "name": "g",
                "version": "1",
                "source": {"git": f"https://g.example/g.git?subdirectory=lib&rev=v%201#{COMMIT}"},
            },
        ],
    }


def test_the_date_limit_is_repeated_so_that_uv_keeps_the_pins() -> None:
    declared = manifest(["a"], exclude_newer="2024-05-06T00:00:00Z")
    text = previous_lock(request(declared, previous=PREVIOUS))
    assert text is not None
    assert tomllib.loads(text)["options"] == {"exclude-newer": "2024-05-06T00:00:00Z"}


def test_what_is_upgraded_has_no_pin() -> None:
    text = previous_lock(request(manifest(["a"]), previous=PREVIOUS, upgrade_packages=["a", "g"]))
    assert text is not None
    assert [package["name"] for package in tomllib.loads(text)["package"]] == ["b"]
    assert previous_lock(request(manifest(["a"]), previous=PREVIOUS, upgrade=True)) is None
    assert previous_lock(request(manifest(["a"]))) is None
