"""Is it the locked artifact: tags, local builds, and wheels that were merely renamed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.environments import found, install, locked, make_venv, verify

from mooring.lock.model import Artifact
from mooring.verify.findings import Finding

HERE = "cp311-cp311-manylinux_2_28_x86_64"


def judged(
    tmp_path: Path, tags: list[str], tag: str, *, others: tuple[str, ...] = (), sdist: bool = True
) -> list[tuple[str, str]]:
    install(make_venv(tmp_path), "pkg", tags=tags)
    result = verify(tmp_path, locked("pkg", tag=tag, others=others, sdist=sdist))
    return [(finding.rule.id, finding.rule.severity) for finding in result.findings]


@pytest.mark.parametrize(
    ("tags", "tag"),
    [
        (["py2-none-any", "py3-none-any"], "py2.py3-none-any"),
        (["py3-none-any"], "py2.py3-none-any"),
        ([HERE], "cp311-cp311-manylinux2014_x86_64.manylinux_2_28_x86_64"),
        (["cp38-abi3-manylinux_2_17_x86_64"], "cp38-abi3-manylinux_2_17_x86_64"),
        ([], "py3-none-any"),
        (["no tag at all"], "py3-none-any"),
    ],
)
def test_the_locked_wheel(tmp_path: Path, tags: list[str], tag: str) -> None:
    assert judged(tmp_path, tags, tag) == []


def test_a_build_number_is_no_tag(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg")
    wheel = Artifact(kind="wheel", name="pkg-1.0-3-py3-none-any.whl", url="https://x.example/w")
    assert found(verify(tmp_path, locked("pkg", artifact=wheel))) == []


def test_another_locked_wheel(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg", tags=["py3-none-any"])
    result = verify(tmp_path, locked("pkg", tag=HERE, others=("py3-none-any",), sdist=False))
    [finding] = result.failing
    assert finding.rule.id == "MOR104"
    assert finding.expected == f"pkg-1.0-{HERE}.whl"
    assert finding.actual == "pkg-1.0-py3-none-any.whl"


@pytest.mark.parametrize(
    "tags",
    [
        ["cp311-cp311-linux_x86_64"],  # as a build on this machine is tagged
        ["py3-none-any"],  # without its compiled part
    ],
)
def test_built_from_the_sdist(tmp_path: Path, tags: list[str]) -> None:
    assert judged(tmp_path, tags, HERE) == [("MOR104", "error")]


def test_uv_says_that_it_built(tmp_path: Path) -> None:
    info = "pkg-1.0.dist-info"
    files = {"pkg.py": b"", f"{info}/uv_build.json": b"{}"}
    install(make_venv(tmp_path), "pkg", files=files)
    [finding] = verify(tmp_path, locked("pkg")).failing
    assert (finding.rule.id, finding.actual) == ("MOR104", "a local build")


@pytest.mark.parametrize(
    ("tags", "tag"),
    [
        # Seen on released wheels: their file names were changed after the build.
        (["cp311-cp311-linux_x86_64"], HERE),
        (["py3-none-any"], "py3-none-manylinux1_x86_64"),
        (["cp311-cp311-linux_x86_64"], "cp311-cp311-musllinux_1_2_x86_64"),
        (["cp311-cp311-macosx_14_0_arm64"], "cp311-cp311-macosx_11_0_arm64"),
    ],
)
def test_a_wheel_that_may_be_renamed_fails_nothing(
    tmp_path: Path, tags: list[str], tag: str
) -> None:
    [first, *_] = judged(tmp_path, tags, tag, sdist=False)
    assert first == ("MOR104", "info")


@pytest.mark.parametrize(
    "tags",
    [
        ["cp311-cp311-linux_aarch64"],
        ["cp311-cp311-musllinux_1_2_x86_64"],
        ["cp310-cp310-linux_x86_64"],
        ["cp311-cp311-win_amd64"],
        ["cp311-abi3-linux_x86_64"],
    ],
)
def test_what_no_renaming_explains(tmp_path: Path, tags: list[str]) -> None:
    assert ("MOR104", "error") in judged(tmp_path, tags, HERE, sdist=False)


def test_an_sdist_has_no_tags_to_compare(tmp_path: Path) -> None:
    install(make_venv(tmp_path), "pkg", tags=["cp311-cp311-linux_x86_64"])
    source = Artifact(kind="sdist", name="pkg-1.0.tar.gz", url="https://x.example/s")
    assert found(verify(tmp_path, locked("pkg", artifact=source))) == []


@pytest.mark.parametrize(
    ("tags", "fits"),
    [
        (["py3-none-any"], True),
        (["py2.py3-none-any"], True),
        (["cp311-none-any"], True),
        (["cp32-abi3-manylinux1_x86_64"], True),
        (["cp311-cp311-linux_x86_64"], True),
        (["cp311-cp311-manylinux_2_5_x86_64"], True),
        (["py311-none-manylinux_2_17_x86_64"], True),
        (["cp312-cp312-linux_x86_64"], False),
        (["cp312-abi3-linux_x86_64"], False),
        (["cp311-cp311t-linux_x86_64"], False),
        (["cp311-cp311-musllinux_1_2_x86_64"], False),
        (["cp311-cp311-macosx_11_0_arm64"], False),
        (["py2-none-any"], False),
    ],
)
def test_tags_against_the_interpreter(tmp_path: Path, tags: list[str], fits: bool) -> None:
    install(make_venv(tmp_path), "pkg", tags=tags)
    source = Artifact(kind="sdist", name="pkg-1.0.tar.gz", url="https://x.example/s")
    result = verify(tmp_path, locked("pkg", artifact=source))
    assert found(result) == ([] if fits else [("MOR117", "pkg")])


def test_tags_are_judged_by_the_python_that_is_there(tmp_path: Path) -> None:
    install(make_venv(tmp_path, version="3.12.1"), "pkg", tags=["cp312-cp312-linux_x86_64"])
    source = Artifact(kind="sdist", name="pkg-1.0.tar.gz", url="https://x.example/s")
    findings: tuple[Finding, ...] = verify(tmp_path, locked("pkg", artifact=source)).findings
    assert [finding.rule.id for finding in findings] == ["MOR115"]
