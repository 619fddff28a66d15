"""The lock file in other people's hands: pip and uv install it, packaging selects from it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.pylock import PackageWheel, Pylock
from tests.fakes import FakeIndex
from tests.functional.command import Mooring, in_process, manifest

from mooring.platforms import Platform, PythonVersion

pytestmark = [pytest.mark.process, pytest.mark.network]

PLATFORMS = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")
PYTHON = PythonVersion(minor=sys.version_info.minor)


@pytest.fixture
def mooring(capsys: pytest.CaptureFixture[str]) -> Mooring:
    return in_process(capsys)


@pytest.fixture
def locked(
    tmp_path: Path, fake_index: FakeIndex, mooring: Mooring, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return a project locked for four platforms; `native` has a wheel for each of them."""
    python = PYTHON.tag
    fake_index.add("alpha", "1.0", requires=["beta", "winonly ; sys_platform == 'win32'"])
    fake_index.add("beta", "2.0", entry_points={"beta": "beta:main"})
    fake_index.add("winonly", "0.5")
    fake_index.add("extra-one", "3.0")
    fake_index.add("tester", "7.0", requires=["beta"])
    fake_index.add(
        "native",
        "1.0",
        requires_python=">=3.9",
        tag=[
            f"{python}-{python}-{platform}"
            for platform in (
                "manylinux_2_17_x86_64",
                "manylinux_2_17_aarch64",
                "macosx_11_0_arm64",
                "win_amd64",
            )
        ],
    )
    more = '[project.optional-dependencies]\nplus = ["extra-one"]\n'
    more += '[dependency-groups]\ndev = ["tester"]\n'
    text = manifest(fake_index, dependencies='"alpha", "native"') + more
    (tmp_path / "pyproject.toml").write_text(text.replace('"3.11"', f'"{PYTHON}"'))
    monkeypatch.chdir(tmp_path)
    said = mooring("lock")
    assert said.code == 0, said.err
    return tmp_path


def make_venv(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def installed(python: Path) -> dict[str, str]:
    script = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({d.name: d.version for d in m.distributions()}))"
    )
    done = subprocess.run([python, "-I", "-c", script], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


EXPECTED = {"alpha": "1.0", "beta": "2.0", "native": "1.0"}


def test_pip_installs_the_lock(locked: Path) -> None:
    python = make_venv(locked / "by-pip")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "-q", "-r", "pylock.toml"],
        cwd=locked,
        check=True,
    )
    assert installed(python) == EXPECTED


def test_uv_installs_the_lock(locked: Path) -> None:
    python = make_venv(locked / "by-uv")
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "sync", "-q", "--python", python, "pylock.toml"],
        cwd=locked,
        check=True,
    )
    assert installed(python) == EXPECTED


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_the_exported_requirements_install_with_required_hashes(
    locked: Path, mooring: Mooring, fake_index: FakeIndex, tool: str
) -> None:
    assert mooring("export", "--output", "out.txt").code == 0
    python = make_venv(locked / tool)
    install = {
        "pip": ["pip", "--python", str(python), "install", "--no-deps"],
        "uv": ["uv", "pip", "install", "--python", str(python)],
    }[tool]
    subprocess.run(
        [
            *(sys.executable, "-m", *install, "-q", "--require-hashes"),
            *("--index-url", fake_index.url, "-r", "out.txt"),
        ],
        cwd=locked,
        check=True,
    )
    assert installed(python) == EXPECTED


@pytest.mark.parametrize("name", PLATFORMS)
def test_packaging_selects_wheels_for_every_platform(locked: Path, name: str) -> None:
    lock = Pylock.from_dict(tomllib.loads((locked / "pylock.toml").read_text()))
    platform = Platform.parse(name)
    chosen = {
        str(package.name): artifact
        for package, artifact in lock.select(
            environment=platform.marker_environment(PYTHON),  # type: ignore[arg-type]
            tags=platform.tags(PYTHON),
            extras=["plus"],
            dependency_groups=["dev"],
        )
    }
    expected = {"alpha", "beta", "native", "extra-one", "tester"}
    assert set(chosen) == (expected | {"winonly"} if name == "win-64" else expected)
    native = chosen["native"]
    assert isinstance(native, PackageWheel)
    assert native.size
    word = {"linux-64": "x86_64", "linux-aarch64": "aarch64", "osx-arm64": "arm64"}.get(name)
    assert (word or "win_amd64") in native.filename


def test_a_lock_says_what_others_leave_out(locked: Path, fake_index: FakeIndex) -> None:
    raw = tomllib.loads((locked / "pylock.toml").read_text())
    rows = {row["name"]: row for row in raw["packages"]}
    assert rows["alpha"]["dependencies"] == [{"name": "beta"}, {"name": "winonly"}]
    assert rows["native"]["requires-python"] == ">=3.9"
    assert rows["native"]["index"].rstrip("/") == fake_index.url.rstrip("/")
    assert {"upload-time", "size", "url", "hashes"} <= rows["native"]["wheels"][0].keys()
    assert raw["created-by"] == "mooring"
    text = (locked / "pylock.toml").read_text()
    assert str(locked) not in text


def test_a_lock_without_a_declared_python_serves_others(
    tmp_path: Path, fake_index: FakeIndex, mooring: Mooring, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_index.add("alpha", "1.0", requires=["old ; python_version < '3.12'"])
    fake_index.add("old", "1.0")
    text = manifest(fake_index).replace('python = "3.11"\n', "")
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert mooring("lock").code == 0
    assert mooring("sync").code == 0
    assert mooring("verify").code == 0
    refused = mooring("sync", "--python", "3.10")
    assert refused.code == 2
    assert "the lock is for Python" in refused.err
    # The environment of another Python is compared with what the lock holds for that one.
    config = tmp_path / ".venv" / "pyvenv.cfg"
    config.write_text(config.read_text().replace(f"version_info = {PYTHON}", "version_info = 3.14"))
    report = mooring("verify", "--format", "json").document
    assert report["lock"]["python"].startswith("3.14")


def test_a_declared_python_is_the_only_one(locked: Path, mooring: Mooring) -> None:
    refused = mooring("sync", "--python", "3.10")
    assert refused.code == 2
    assert f"the lock is for Python {PYTHON}" in refused.err
