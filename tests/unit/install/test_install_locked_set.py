"""What an installer is given: the selected artifacts and nothing else."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from tests.environments import locked, selection

from mooring.install.locked_set import locked_set
from mooring.lock.model import Artifact, Dependency, Selected

LOCK = Path("/project")


def test_only_the_selected_artifact() -> None:
    chosen = locked("pkg", others=("cp311-cp311-linux_x86_64",))
    package = replace(
        chosen.package,
        marker="sys_platform == 'linux'",
        dependencies=(Dependency(name="other"),),
        requires_python=">=3.20",
        index="https://packages.example.org/simple/",
    )
    made = locked_set(selection(replace(chosen, package=package)), LOCK)
    assert made.name == "pylock.toml"
    assert "--no-build" in made.options
    [written] = tomllib.loads(made.text)["packages"]
    assert written == {
        "name": "pkg",
        "version": "1.0",
        "index": "https://packages.example.org/simple/",
        "wheels": [
            {
                "url": "https://packages.example.org/files/pkg-1.0-py3-none-any.whl",
                "hashes": {"sha256": "a" * 64},
            }
        ],
    }


def test_an_empty_selection() -> None:
    assert tomllib.loads(locked_set(selection(), LOCK).text)["packages"] == []


def test_builds_are_allowed_only_where_one_is_locked() -> None:
    source = Artifact(
        kind="sdist",
        name="src-1.0.tar.gz",
        url="https://x.example/src-1.0.tar.gz",
        hashes=(("sha256", "b" * 64),),
    )
    made = locked_set(selection(locked("pkg"), locked("src", artifact=source)), LOCK)
    assert "--no-build" not in made.options
    packages = {package["name"]: package for package in tomllib.loads(made.text)["packages"]}
    assert "sdist" not in packages["pkg"]
    assert "wheels" not in packages["src"]


def test_direct_sources() -> None:
    git = Artifact(kind="vcs", url="https://git.example/pkg", vcs="git", commit="1" * 40)
    folder = Artifact(kind="directory", path="packages/own", editable=True)
    wheel = Artifact(
        kind="archive", name="w-1.0-py3-none-any.whl", path="w.whl", hashes=(("sha256", "c" * 64),)
    )
    made = locked_set(
        selection(
            locked("pkg", artifact=git), locked("own", artifact=folder), locked("w", artifact=wheel)
        ),
        LOCK,
    )
    packages = {package["name"]: package for package in tomllib.loads(made.text)["packages"]}
    assert packages["pkg"]["vcs"]["commit-id"] == "1" * 40
    assert packages["own"]["directory"] == {"path": "/project/packages/own", "editable": True}
    assert packages["w"]["archive"]["path"] == "/project/w.whl"
    assert "--no-build" not in made.options


def test_a_lock_without_places_becomes_hashed_requirements() -> None:
    wheel = Artifact(kind="wheel", name="pkg-1.0-py3-none-any.whl", hashes=(("sha256", "a" * 64),))
    chosen: Selected = locked("pkg", artifact=wheel)
    made = locked_set(selection(chosen, locked("other")), LOCK)
    assert made.name == "requirements.txt"
    assert made.options == ("--require-hashes", "--no-build")
    assert f"--hash=sha256:{'a' * 64}" in made.text
    git = Artifact(kind="vcs", url="https://git.example/pkg", vcs="git", commit="1" * 40)
    made = locked_set(selection(chosen, locked("other", artifact=git)), LOCK)
    assert made.options == ()
