"""Conda packages with packages of PyPI beside them, and channels that are served."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml
from tests.conda_channels import CondaChannelFolder, http_channel, library_recipe, noarch_recipe
from tests.fakes import FakeIndex
from tests.functional.command import Mooring
from tests.functional.conda_projects import channel, environment_yml

__all__ = ["channel"]

pytestmark = [pytest.mark.process, pytest.mark.network]


def mixed(channel: CondaChannelFolder, index: FakeIndex, pip: str = "alpha") -> str:
    pip_part = f"  - pip:\n    - --index-url {index.url}\n    - {pip}\n"
    return environment_yml(channel, "python=3.12", "beta") + pip_part


@pytest.fixture
def with_beta(channel: CondaChannelFolder) -> CondaChannelFolder:
    channel.add(noarch_recipe("beta", "1.0"))
    channel.index()
    return channel


def test_what_conda_provides_is_not_taken_from_pypi(
    project: Path, with_beta: CondaChannelFolder, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "environment.yml").write_text(mixed(with_beta, stocked))
    said = mooring("lock")
    assert said.code == 0, said.err
    rows = yaml.safe_load((project / "conda-lock.yml").read_text())["package"]
    pip = {(row["name"], row["platform"]) for row in rows if row["manager"] == "pip"}
    assert pip == {
        ("alpha", "linux-64"),
        ("alpha", "linux-aarch64"),
        ("alpha", "osx-arm64"),
        ("alpha", "win-64"),
        ("winonly", "win-64"),
    }
    assert mooring("lock", "--check").code == 0
    part = tomllib.loads(mooring("export", "--format", "pylock").out)
    assert [row["name"] for row in part["packages"]] == ["alpha", "winonly"]
    listed = mooring("export", "--platform", "win-64").out
    assert "# pip alpha @ " in listed
    declared = yaml.safe_load(
        mooring("export", "--format", "environment-yml", "--pin", "intent").out
    )
    assert declared["dependencies"] == ["python 3.12.*", "beta", "pip", {"pip": ["alpha"]}]
    pinned = mooring("export", "--format", "environment-yml", "--platform", "linux-64").out
    [wheel] = yaml.safe_load(pinned)["dependencies"][-1]["pip"]
    assert wheel.startswith("alpha==1.1 --hash=sha256:")


def test_a_distribution_from_both_is_an_error_that_names_both(
    project: Path, with_beta: CondaChannelFolder, stocked: FakeIndex, mooring: Mooring
) -> None:
    (project / "environment.yml").write_text(mixed(with_beta, stocked, "beta>=2"))
    said = mooring("lock")
    assert said.code == 2, said.err
    assert "beta" in said.err
    assert "conda" in said.err.lower()
    assert not (project / "conda-lock.yml").exists()


def test_a_channel_that_is_served_and_then_is_not(
    project: Path, tmp_path: Path, mooring: Mooring
) -> None:
    with http_channel(tmp_path / "served") as (made, asked):
        made.add(library_recipe())
        made.index()
        (project / "mooring.toml").write_text(
            'platforms = ["linux-64"]\n[conda]\n'
            f'channels = ["{made.url}"]\ndependencies = ["libwave"]\n'
        )
        assert mooring("lock").code == 0
        assert asked
        asked.clear()
        assert mooring("lock", "--check").code == 0
        assert asked == []
        assert mooring("sync", "--prefix", "env").code == 0
        for path in made.folder.glob("*/repodata.json"):
            path.unlink()
        gone = mooring("lock", "--upgrade")
        assert gone.code in (2, 3)
        assert gone.err.count("error: ") == 1
    before = (project / "conda-lock.yml").read_bytes()
    down = mooring("lock", "--upgrade")
    assert down.code == 3, down.err
    assert down.err.count("error: ") == 1
    assert "127.0.0.1" in down.err
    assert (project / "conda-lock.yml").read_bytes() == before
    assert mooring("lock", "--check").code == 0
    assert mooring("sync", "--prefix", "env", "--offline").code == 0
    assert mooring("verify", "env").code == 0
