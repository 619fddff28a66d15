"""What cannot be unpacked into an image is refused in one message."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.build.embedded.environments_made import selected, selection, with_artifact
from tests.unit.lock import locks
from tests.wheels import wheel

from mooring.artifacts.wheels_only import ArtifactError, require_wheels, unusable
from mooring.lock.model import Artifact, Selected

WHEEL = selected("a", wheel("a", "1.0"))


def of(kind: str, **changes: object) -> Selected:
    artifact = Artifact(kind=kind, hashes=(("sha256", "0" * 64),), **changes)  # type: ignore[arg-type]
    return Selected(package=replace(WHEEL.package, name=kind, wheels=()), artifact=artifact)


def test_wheels_pass_also_those_with_an_address_of_their_own() -> None:
    direct = of("archive", name="x-1.0-py3-none-any.whl", url="https://example.com/x.whl")
    assert unusable(selection([WHEEL, direct])) == ()
    require_wheels(selection([WHEEL]))


def test_all_others_are_named_at_once_with_the_way_out() -> None:
    packages = [
        WHEEL,
        of("vcs", url="https://example.com/x.git", commit="0" * 40),
        of("directory", path="."),
        of("sdist", name="x-1.0.tar.gz"),
        of("archive", name="main.zip", url="https://example.com/main.zip"),
    ]
    none_at_all = (
        "only a source distribution fits linux-64 with Python 3.11.2; there are no wheels at all"
    )
    with pytest.raises(ArtifactError) as caught:
        require_wheels(selection(packages))
    assert caught.value.message.splitlines()[1:] == [
        "  archive 1.0: it is a source archive",
        "  directory 1.0: it comes from a folder",
        f"  sdist 1.0: {none_at_all}",
        "  vcs 1.0: it comes from a version control system",
    ]
    assert "--engine docker" in (caught.value.hint or "")


def test_a_package_without_a_wheel_for_the_platform_says_which_there_are() -> None:
    tags = ["cp312-cp312-win_amd64", *(f"cp31{n}-cp31{n}-macosx_11_0_arm64" for n in range(8))]
    wheels = tuple(locks.wheel("x", tag=tag) for tag in tags)
    chosen = Selected(
        package=replace(WHEEL.package, name="x", wheels=wheels), artifact=locks.sdist("x")
    )
    [line] = unusable(selection([chosen]))
    assert "its wheels are for cp310-cp310-macosx_11_0_arm64, " in line
    assert line.endswith(" and 3 more")


def test_a_wheel_without_sha256_is_no_link_of_the_chain() -> None:
    weak = with_artifact(WHEEL, hashes=(("sha512", "0" * 128),))
    assert unusable(selection([weak])) == ("a: the lock has no SHA-256 of it",)


def test_many_are_counted() -> None:
    packages = [
        replace(each, package=replace(each.package, name=f"p{number:02}"))
        for number, each in enumerate([of("directory", path=".")] * 11)
    ]
    with pytest.raises(ArtifactError, match="and 3 more"):
        require_wheels(selection(packages))
