"""The example with conda packages, against a channel with real records."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.functional.command import Mooring, in_process

from mooring.process import run

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "conda-science"
CHANNEL = Path(
    os.environ.get("CONDA_TEST_CHANNEL")
    or Path(__file__).resolve().parents[3] / "shared" / "channel"
)
PLATFORMS = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        not (CHANNEL / "unpack").is_file(), reason="the channel with real records is absent"
    ),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("real") / "channel"
    subprocess.run([CHANNEL / "unpack", folder], check=True, capture_output=True, cwd=CHANNEL)
    return folder.as_uri()


@pytest.fixture
def mooring(capsys: pytest.CaptureFixture[str]) -> Mooring:
    return in_process(capsys)


@pytest.fixture
def folder(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mooring: Mooring) -> Path:
    """Return a locked copy of the example that asks this channel."""
    made = tmp_path / EXAMPLE.name
    shutil.copytree(EXAMPLE, made, ignore=shutil.ignore_patterns("env", "conda-lock.yml"))
    declared = made / "environment.yml"
    declared.write_text(declared.read_text().replace("- conda-forge", f"- {url}"))
    monkeypatch.chdir(made)
    said = mooring("lock", "--no-base")
    assert said.code == 0, said.err
    return made


def test_the_readme_runs(folder: Path, mooring: Mooring) -> None:
    before = (folder / "environment.yml").read_text()
    assert mooring("lock", "--check", "--no-base").code == 0
    for platform in PLATFORMS:
        listed = mooring("export", "--platform", platform)
        assert listed.code == 0
        assert 30 <= listed.out.count("#sha256:") < 60
    assert mooring("export", "--environment", "notebook").out.count("#sha256:") > 140
    said = mooring("export", "--format", "environment-yml", "--pin", "version")
    assert "scikit-learn=" in said.out
    assert mooring("render", "--no-base").code == 0
    assert (folder / "environment.yml").read_text() == before
    (folder / "environment.yml").write_text(before.replace("numpy >=2", "numpy >=1.26"))
    stale = mooring("lock", "--check", "--no-base")
    assert stale.code == 1
    assert 'changed "numpy >=2" to "numpy >=1.26"' in stale.err


def test_conda_lock_reads_it_and_makes_the_same_list(folder: Path, mooring: Mooring) -> None:
    code = (
        "import pathlib, sys\n"
        "from conda_lock.lockfile import parse_conda_lock_file\n"
        "from conda_lock.conda_lock import render_lockfile_for_platform\n"
        "found = parse_conda_lock_file(pathlib.Path('conda-lock.yml'))\n"
        "for platform in sys.argv[1:]:\n"
        "    print(*render_lockfile_for_platform(lockfile=found, include_dev_dependencies=False,\n"
        "        extras=None, kind='explicit', platform=platform), sep='\\n')\n"
    )
    done = run([sys.executable, "-W", "ignore", "-c", code, *PLATFORMS], cwd=folder)
    assert done.ok, done.stderr
    theirs = {line.partition("#")[0] for line in done.stdout.splitlines() if "://" in line}
    ours = set()
    for platform in PLATFORMS:
        lines = mooring("export", "--platform", platform).out.splitlines()
        ours |= {line.partition("#")[0] for line in lines if "://" in line}
    assert theirs == ours


def test_a_check_loads_no_solver(folder: Path) -> None:
    code = (
        "import sys\nfrom mooring.cli.group import cli\nfrom mooring.cli.outcome import run\n"
        "assert run(cli, ['lock', '--check', '--no-base', '-q']) == 0\nprint(*sys.modules)"
    )
    done = run([sys.executable, "-c", code], cwd=folder)
    assert done.ok, done.stderr
    assert {"rattler", "uv", "docker", "jinja2"} & set(done.stdout.split()) == set()
