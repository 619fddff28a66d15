"""`export`, `sync`, `verify` and `render` of a lock with conda packages."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml
from tests.conda_channels import CondaChannelFolder, as_conda_records
from tests.functional.command import Mooring
from tests.functional.conda_projects import channel, environment_yml, mooring_toml

from mooring.platforms import Platform

__all__ = ["channel"]

HERE = Platform.current().subdir


@pytest.fixture
def locked(project: Path, channel: CondaChannelFolder, mooring: Mooring) -> Path:
    """Return a project that is locked for two platforms, with a group."""
    text = mooring_toml(
        channel, "python 3.11.*", "libwave", platforms=("linux-64", "linux-aarch64", "win-64")
    )
    (project / "mooring.toml").write_text(text)
    assert mooring("lock").code == 0
    return project


def test_an_explicit_list_is_for_one_platform(locked: Path, mooring: Mooring) -> None:
    said = mooring("export", "--platform", "linux/arm64")
    assert said.code == 0
    lines = said.out.splitlines()
    urls = lines[lines.index("@EXPLICIT") + 1 :]
    names = [url.rpartition("/")[2].partition("-")[0] for url in urls]
    assert sorted(names) == ["libwave", "python", "wave"]
    assert names.index("wave") < names.index("libwave")
    assert all("#sha256:" in url for url in urls)
    assert all("/linux-aarch64/" in url for url in urls)
    assert mooring("export", "--format", "explicit").out == mooring("export").out
    dev = mooring("export", "--environment", "dev", "--platform", "win-64").out
    assert "/tool-1.0-0" in dev
    assert "/pure-2.0-" in dev


@pytest.mark.parametrize(
    ("pin", "expected"),
    [
        ("build", ["libwave=2.1=h1234_0", "python=3.11.4=0_cpython", "wave=1.1=0"]),
        ("version", ["libwave=2.1", "python=3.11.4", "wave=1.1"]),
        ("intent", ["python 3.11.*", "libwave"]),
    ],
)
def test_an_environment_yml_is_pinned_as_asked(
    pin: str, expected: list[str], locked: Path, mooring: Mooring, channel: CondaChannelFolder
) -> None:
    said = mooring("export", "--format", "environment-yml", "--pin", pin, "--platform", "linux-64")
    assert said.code == 0, said.err
    document = yaml.safe_load(said.out)
    assert document["name"] == "project"
    assert document["channels"] == [channel.url, "nodefaults"]
    assert document["dependencies"] == expected


def test_other_formats_hold_the_same(locked: Path, mooring: Mooring) -> None:
    assert mooring("export", "--format", "conda-lock", "-o", "small.yml").code == 0
    small = yaml.safe_load((locked / "small.yml").read_text())
    assert {row["name"] for row in small["package"]} == {"libwave", "python", "wave"}
    assert {row["category"] for row in small["package"]} == {"main"}
    everywhere = mooring("export", "--lock", "small.yml", "--platform", "win-64")
    assert everywhere.out == mooring("export", "--platform", "win-64").out
    assert mooring("export", "--format", "pixi", "-o", "pixi.lock").code == 0
    again = mooring("export", "--lock", "pixi.lock", "--platform", "win-64")
    assert sorted(again.out.splitlines()) == sorted(everywhere.out.splitlines())
    assert mooring("export", "--platform", "win-64", "-o", "list.txt").code == 0
    listed = mooring("export", "--lock", "list.txt", "--platform", "win-64")
    assert sorted(listed.out.splitlines()) == sorted(everywhere.out.splitlines())
    empty = tomllib.loads(mooring("export", "--format", "pylock").out)
    assert empty["packages"] == []
    assert empty["requires-python"] == "==3.11.*"


def test_what_cannot_be_exported_says_so(locked: Path, mooring: Mooring) -> None:
    for arguments, words in (
        (["--platform", "osx-arm64"], "the lock is not for osx-arm64"),
        (["--environment", "prod"], "known environments: default, dev"),
        (["--format", "requirements"], "choose from explicit"),
        (["--pin", "build"], "--format environment-yml"),
        (["--lock", "conda-lock.yml", "--format", "environment-yml", "--pin", "intent"], "--pin"),
        (["--lock", "absent.yml"], "does not exist"),
    ):
        said = mooring("export", *arguments)
        assert said.code == 2, arguments
        assert words in said.err
        assert said.out == ""
    (locked / "mooring.toml").write_text((locked / "mooring.toml").read_text() + "# more\n")
    assert mooring("export").code == 0
    (locked / "mooring.toml").write_text(
        (locked / "mooring.toml").read_text().replace("libwave", "wave")
    )
    stale = mooring("export")
    assert stale.code == 1
    assert "conda.dependencies" in stale.err
    assert mooring("export", "--frozen").code == 0


def test_a_prefix_is_made_verified_and_put_right(locked: Path, mooring: Mooring) -> None:
    alone = mooring("sync")
    assert alone.code == 2
    assert "mooring sync --prefix DIR" in alone.err
    synced = mooring("sync", "--prefix", "env", "--format", "json")
    assert synced.code == 0, synced.err
    assert synced.document["installed"] == ["libwave", "python", "wave"]
    assert synced.document["created"] is True
    assert mooring("sync", "--prefix", "env", "--format", "json").document["installed"] == []
    assert mooring("verify", "env").code == 0
    assert mooring("sync", "--prefix", "env", "--environment", "dev").code == 0
    assert mooring("verify", "env", "--environment", "dev").code == 0
    extra = mooring("verify", "env", "--format", "json")
    assert extra.code == 1
    assert {f["package"] for f in extra.document["findings"]} == {"tool", "pure"}
    assert mooring("sync", "--prefix", "env", "--format", "json").document["removed"] == [
        "pure",
        "tool",
    ]
    (locked / "env/share/libwave/data.txt").write_text("edited\n")
    drifted = mooring("verify", "env", "--format", "json")
    assert drifted.code == 1
    [finding] = drifted.document["findings"]
    assert (finding["rule"], finding["package"]) == ("MOR124", "libwave")
    lines = (locked / "conda-lock.yml").read_text().splitlines()
    assert lines[finding["lock_line"] - 1] == "- name: libwave"
    assert lines[finding["lock_line"] + 2] == f"  platform: {HERE}"
    repaired = mooring("sync", "--prefix", "env", "--format", "json")
    assert repaired.code == 0, repaired.err
    assert repaired.document["reinstalled"] == ["libwave"]
    assert mooring("verify", "env").code == 0


def test_a_prefix_as_conda_records_it_is_clean(locked: Path, mooring: Mooring) -> None:
    assert mooring("sync", "--prefix", "env", "--environment", "dev").code == 0
    as_conda_records(locked / "env")
    said = mooring("verify", "env", "--environment", "dev")
    assert said.code == 0, said.out + said.err


def test_what_is_no_prefix(locked: Path, mooring: Mooring, channel: CondaChannelFolder) -> None:
    (locked / "other").mkdir()
    (locked / "other/mine.txt").write_text("mine")
    assert mooring("sync", "--prefix", "other").code == 2
    assert (locked / "other/mine.txt").read_text() == "mine"
    assert mooring("verify", "other").code == 3
    assert mooring("verify", "absent").code == 3
    assert "name the conda prefix" in mooring("verify").err
    assert mooring("verify", "other", "--repair").code == 2
    assert mooring("verify", "--container", "anything").code == 2
    assert mooring("sync", "here", "--prefix", "env").code == 2
    toml = locked / "mooring.toml"
    others = [name for name in ("linux-64", "linux-aarch64", "win-64") if name != HERE]
    toml.write_text(mooring_toml(channel, "python 3.11.*", platforms=tuple(others)))
    assert mooring("lock").code == 0
    said = mooring("sync", "--prefix", "env")
    assert said.code == 2
    assert f"the lock is not for {HERE}" in said.err
    assert not (locked / "env").exists()


def test_bytes_that_are_not_the_locked_ones_are_not_installed(
    locked: Path, mooring: Mooring, channel: CondaChannelFolder
) -> None:
    for path in channel.folder.glob("*/libwave-*"):
        path.write_bytes(path.read_bytes() + b"\0")
    said = mooring("sync", "--prefix", "env")
    assert said.code == 3
    assert "libwave" in said.err
    assert not (locked / "env").exists()


def test_a_prefix_is_verified_by_a_bare_lock(locked: Path, mooring: Mooring) -> None:
    assert mooring("sync", "--prefix", "env", "--lock", "conda-lock.yml").code == 0
    (locked / "mooring.toml").unlink()
    assert mooring("verify", "env", "--lock", "conda-lock.yml").code == 0
    (locked / "env/lib/python3.11/os.py").unlink()
    said = mooring("verify", "env", "--lock", "conda-lock.yml", "--output", "sarif=out.sarif")
    assert said.code == 1
    report = json.loads((locked / "out.sarif").read_text())
    assert report["runs"][0]["results"][0]["ruleId"].startswith("MOR1")


def test_images_are_rendered_for_every_platform_of_linux(locked: Path, mooring: Mooring) -> None:
    toml = locked / "mooring.toml"
    toml.write_text(toml.read_text() + '[image]\nbase = "debian:bookworm-slim"\nfiles = ["src"]\n')
    said = mooring("render", "--no-base")
    assert said.code == 0, said.err
    written = {path.name for path in locked.iterdir()}
    assert written == {
        ".dockerignore",
        "Dockerfile",
        "conda-lock.yml",
        "environment.yml",
        "mooring.conda.amd64.txt",
        "mooring.conda.arm64.txt",
        "mooring.requirements.txt",
        "mooring.toml",
    }
    listed = (locked / "mooring.conda.arm64.txt").read_text()
    assert listed == mooring("export", "--platform", "linux/arm64").out
    ignored = (locked / ".dockerignore").read_text().splitlines()
    assert {"!mooring.conda.amd64.txt", "!mooring.conda.arm64.txt", "!src"} <= set(ignored)
    assert mooring("lock", "--check", "--no-base").code == 0  # what is rendered declares nothing
    assert mooring("render", "--no-base", "--check").code == 0
    assert mooring("render", "--no-base", "--template", "simple").code == 2
    assert mooring("render", "--no-base", "--template", "conda").code == 0


def test_a_declared_environment_yml_is_left_alone(
    project: Path, channel: CondaChannelFolder, mooring: Mooring
) -> None:
    text = environment_yml(channel, "python=3.12", more='variables: {A: "1 $x"}\n')
    (project / "environment.yml").write_text(text)
    (project / "mooring.toml").write_text('[image]\nbase = "debian:bookworm-slim"\n')
    assert mooring("lock", "--no-base").code == 0
    assert mooring("render", "--no-base").code == 0
    assert (project / "environment.yml").read_text() == text
    dockerfile = (project / "Dockerfile").read_text()
    assert 'ENV A="1 \\$x"\n' in dockerfile
    assert 'ENV PATH="/opt/env/bin:$PATH" CONDA_PREFIX=/opt/env' in dockerfile


def test_verbs_without_conda_packages_know_their_own(project: Path, mooring: Mooring) -> None:
    (project / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "test"\npackages = []\n'
    )
    said = mooring("export", "--lock", "pylock.toml", "--format", "explicit")
    assert said.code == 2
    assert "requirements, pylock" in said.err
    assert mooring("sync", "--lock", "pylock.toml", "--prefix", "env").code == 2
