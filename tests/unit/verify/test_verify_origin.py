"""direct_url.json against the locked artifact, in every combination that means something."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.environments import install, locked, make_venv, verify

from mooring.lock.model import Artifact
from mooring.verify.findings import Finding
from mooring.verify.origin import Origin, parse_origin

A, B = "a" * 64, "b" * 64
COMMIT, OTHER = "1" * 40, "2" * 40
URL = "https://packages.example.org/files/pkg-1.0-py3-none-any.whl"

ARCHIVE = Artifact(
    kind="archive", name="pkg-1.0.zip", url="https://x.example/pkg-1.0.zip", hashes=(("sha256", A),)
)
GIT = Artifact(kind="vcs", url="https://git.example/pkg.git", vcs="git", commit=COMMIT)
FOLDER = Artifact(kind="directory", path="packages/pkg")
EDITABLE = Artifact(kind="directory", path="packages/pkg", editable=True)


def archive(url: str, sha256: str | None = None) -> dict[str, object]:
    return {"url": url, "archive_info": {"hashes": {"sha256": sha256}} if sha256 else {}}


def git(commit: str, url: str = "https://git.example/pkg.git") -> dict[str, object]:
    return {"url": url, "vcs_info": {"vcs": "git", "commit_id": commit}}


def folder(*, editable: bool = False) -> dict[str, object]:
    return {"url": "file:///src/pkg", "dir_info": {"editable": True} if editable else {}}


def judge(
    tmp_path: Path, artifact: Artifact | None, direct_url: dict[str, object] | None
) -> tuple[Finding, ...]:
    install(make_venv(tmp_path), "pkg", direct_url=direct_url)
    return verify(tmp_path, locked("pkg", artifact=artifact)).findings


@pytest.mark.parametrize(
    ("artifact", "direct_url"),
    [
        (None, None),
        (None, archive("file:///wheelhouse/renamed.whl", A)),
        (None, archive(URL)),
        (None, archive(URL + "#sha256=whatever")),
        (ARCHIVE, archive("https://x.example/pkg-1.0.zip", A)),
        (ARCHIVE, archive("https://mirror.example/pkg-1.0.zip", A)),
        (ARCHIVE, archive("https://user:secret@x.example/pkg-1.0.zip")),
        (ARCHIVE, {"url": "file:///x.zip", "archive_info": {"hash": f"sha256={A}"}}),
        (GIT, git(COMMIT)),
        (GIT, git(COMMIT.upper(), "https://mirror.example/pkg")),
        (FOLDER, folder()),
        (EDITABLE, folder()),
    ],
)
def test_the_same_origin(
    tmp_path: Path, artifact: Artifact | None, direct_url: dict[str, object] | None
) -> None:
    assert judge(tmp_path, artifact, direct_url) == ()


@pytest.mark.parametrize(
    ("artifact", "direct_url", "rule"),
    [
        (None, archive("file:///wheelhouse/pkg-1.0-py3-none-any.whl", B), "MOR105"),
        (None, archive("file:///wheelhouse/pkg-1.0-py3-none-any.whl"), "MOR105"),
        (None, git(COMMIT), "MOR105"),
        (None, folder(), "MOR105"),
        (ARCHIVE, None, "MOR105"),
        (ARCHIVE, archive("https://x.example/pkg-1.0.zip", B), "MOR105"),
        (ARCHIVE, archive("https://x.example/other.zip"), "MOR105"),
        (ARCHIVE, git(COMMIT), "MOR105"),
        (GIT, git(OTHER), "MOR114"),
        (GIT, None, "MOR105"),
        (GIT, archive("https://x.example/pkg-1.0.zip", A), "MOR105"),
        (FOLDER, None, "MOR105"),
        (FOLDER, git(COMMIT), "MOR105"),
    ],
)
def test_another_origin(
    tmp_path: Path, artifact: Artifact | None, direct_url: dict[str, object] | None, rule: str
) -> None:
    [finding] = judge(tmp_path, artifact, direct_url)
    assert (finding.rule.id, finding.rule.severity) == (rule, "error")
    assert finding.expected
    assert finding.actual
    assert finding.expected != finding.actual


def test_editable(tmp_path: Path) -> None:
    findings = judge(tmp_path, None, folder(editable=True))
    assert [(f.rule.id, f.rule.severity) for f in findings] == [
        ("MOR105", "error"),
        ("MOR113", "warning"),
    ]
    assert findings[0].actual == "file:///src/pkg"


@pytest.mark.parametrize(("artifact", "severity"), [(FOLDER, "warning"), (EDITABLE, "info")])
def test_editable_folder(tmp_path: Path, artifact: Artifact, severity: str) -> None:
    findings = judge(tmp_path, artifact, folder(editable=True))
    assert [(f.rule.id, f.rule.severity) for f in findings] == [("MOR113", severity)]


def test_no_secret_is_told(tmp_path: Path) -> None:
    [finding] = judge(tmp_path, None, archive("https://user:hunter2@x.example/pkg.whl", B))
    assert "hunter2" not in repr(finding)
    assert "x.example" in (finding.actual or "")


def test_a_local_wheel_in_the_lock(tmp_path: Path) -> None:
    wheel = Artifact(kind="wheel", name="pkg-1.0-py3-none-any.whl", path="wheels/pkg.whl")
    there = archive("file:///project/wheels/pkg-1.0-py3-none-any.whl")
    assert judge(tmp_path, wheel, there) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '{"url": 1, "archive_info": {}}',
        '{"url": "x"}',
        '{"url": "x", "vcs_info": {}}',
        '{"url": "x", "archive_info": {"hashes": 3}}',
        '{"url": "x", "archive_info": {"hash": 3}}',
        "[" * 50_000,
    ],
)
def test_what_is_no_direct_url(text: str) -> None:
    assert parse_origin(text) is None


def test_what_cannot_be_parsed_is_unverifiable(tmp_path: Path) -> None:
    [finding] = judge(tmp_path, None, {"url": "x"})
    assert finding.rule.id == "MOR109"
    assert finding.rule.unverifiable


def test_control_characters_are_not_shown(tmp_path: Path) -> None:
    [finding] = judge(tmp_path, None, archive("file:///\x1b[2Jx"))
    assert "\x1b" not in repr(finding.actual)
    assert parse_origin('{"url": "u#f", "dir_info": {}}') == Origin(kind="directory", url="u")
