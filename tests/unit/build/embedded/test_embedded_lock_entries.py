"""The lock that goes into an image: what is in it, what is not, and that it can be read back."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from tests.unit.build.documents.made import selected, selection

from mooring.build.embedded.interface import EmbeddedBuildError, Place
from mooring.build.embedded.plan.lock_entries import (
    lock_digest,
    lock_entries,
    lock_path,
    lock_text,
)
from mooring.digests import digest_bytes, sha256_hex
from mooring.lock.carried import CarriedText, read_carried
from mooring.lock.model import Artifact, Selected
from mooring.lock.select import select
from mooring.platforms import Platform, PythonVersion

PLACE = Place(
    root="/opt/env", python=PythonVersion(minor=12, patch=4), interpreter="/usr/bin/python3.12"
)
RECORD_ID = "sha256:" + "9" * 64


def wheel(name: str, tag: str, sha256: str = "c" * 64) -> Selected:
    """Return a selected package with a wheel for some platform."""
    file_name = f"{name}-1.0-{tag}.whl"
    artifact = Artifact(
        kind="wheel",
        name=file_name,
        url=f"https://packages.example.org/{file_name}",
        hashes=(("md5", "0" * 32), ("sha256", sha256)),
    )
    return selected(name, artifact=artifact)


def test_the_file() -> None:
    chosen = selection(selected("alpha", needs=("beta",)), selected("beta"))
    [entry] = lock_entries(chosen, PLACE)
    assert (entry.path, entry.kind, entry.mode) == (
        "/opt/env/share/mooring/pylock.toml",
        "file",
        0o644,
    )
    assert entry.path == lock_path(PLACE)
    assert entry.open is not None
    with entry.open() as source:
        data = source.read()
    assert (len(data), digest_bytes(data)) == (entry.size, lock_digest(chosen))
    with entry.open() as source:
        assert source.read(7) == data[:7], "it can be opened again"


def test_it_is_read_back_as_the_same_selection() -> None:
    git = Artifact(kind="vcs", vcs="git", url="https://example.com/g.git", commit="1" * 40)
    archive = Artifact(
        kind="archive",
        name="d-1.0-py3-none-any.whl",
        url="https://example.com/d-1.0-py3-none-any.whl",
        hashes=(("sha256", "d" * 64),),
    )
    chosen = replace(
        selection(
            selected("alpha"),
            wheel("beta", "cp312-cp312-manylinux_2_34_x86_64"),
            selected("delta", artifact=archive),
            selected("git", artifact=git),
        ),
        environment="prod",
    )
    carried = read_carried(CarriedText(data=lock_text(chosen).encode()), "image")
    assert (carried.target.environment, str(carried.target.platform)) == (
        "prod",
        "linux-64-glibc2.34",
    )
    again = select(
        carried.lock, platform=carried.target.platform, python=PythonVersion(minor=12, patch=9)
    )
    assert [(s.package.name, s.package.version) for s in again.packages] == [
        (s.package.name, s.package.version) for s in chosen.packages
    ]
    assert [s.artifact.sha256 for s in again.packages] == ["c" * 64, "c" * 64, "d" * 64, None]
    assert [s.artifact.kind for s in again.packages] == ["wheel", "wheel", "archive", "vcs"]


@pytest.mark.parametrize(
    ("declared", "tags", "expected"),
    [
        ("linux-64-glibc2.36", ("py3-none-any",), "linux-64"),
        ("linux-64-glibc2.36", ("cp312-cp312-manylinux2014_x86_64",), "linux-64"),
        (
            "linux-64-glibc2.39",
            (
                "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64",
                "py3-none-manylinux_2_31_x86_64",
            ),
            "linux-64-glibc2.31",
        ),
        ("linux-64-musl1.2", ("py3-none-any",), "linux-64-musl1.1"),
        ("linux-64-musl1.2", ("cp312-cp312-musllinux_1_2_x86_64",), "linux-64-musl1.2"),
        ("osx-arm64", ("py3-none-any",), "osx-arm64"),
    ],
)
def test_the_declared_floor_moves_nothing(
    declared: str, tags: tuple[str, ...], expected: str
) -> None:
    packages = [wheel(f"p{number}", tag) for number, tag in enumerate(tags)]
    text = lock_text(selection(*packages, platform=declared))
    [target] = tomllib.loads(text)["tool"]["mooring"]["targets"]
    assert target["platform"] == str(Platform.parse(expected))


def test_it_holds_only_what_the_recipe_covers() -> None:
    plain = selected("alpha", needs=("beta",))
    artifact = plain.artifact
    moved = replace(artifact, url=None, path="wheels/x.whl", size=None, upload_time=None)
    more = replace(artifact, name="alpha-1.0-cp312-cp312-win_amd64.whl")
    other = Selected(
        package=replace(
            plain.package,
            marker="sys_platform == 'linux'",
            requires_python=">=3.8",
            index=None,
            dependencies=(),
            wheels=(moved, more),
            sdist=replace(artifact, kind="sdist", name="alpha-1.0.tar.gz"),
        ),
        artifact=moved,
    )
    one, two = (lock_text(selection(each)) for each in (plain, other))
    assert one == two
    assert "example.org" not in one
    assert "secret" not in one


def test_golden() -> None:
    # Another text is another layer of every image: it needs an entry in the changelog.
    text = lock_text(selection(selected("alpha"), selected("beta", "2.0+cpu")))
    assert sha256_hex(text.encode()) == (
        "40a7a74c6e4cd1921d14dd726d2b468fbf6ebfc69bf235b315cfae0acda0186a"
    ), text


def test_record_ids() -> None:
    alpha = selected("alpha")
    name = alpha.artifact.name
    known = Selected(
        package=replace(alpha.package, record_ids=((name, RECORD_ID), ("x.whl", RECORD_ID))),
        artifact=alpha.artifact,
    )
    assert RECORD_ID in lock_text(selection(known))
    assert "x.whl" not in lock_text(selection(known))
    assert RECORD_ID not in lock_text(selection(known), record_ids={})
    assert lock_text(selection(known), record_ids={name: RECORD_ID}) == lock_text(
        selection(alpha), record_ids={name: RECORD_ID}
    )


def test_a_lock_that_verify_would_refuse_is_not_written() -> None:
    packages = [selected(f"{'p' * 200}{number}") for number in range(5_000)]
    with pytest.raises(EmbeddedBuildError, match="more than 2 MiB"):
        lock_entries(selection(*packages), PLACE)
