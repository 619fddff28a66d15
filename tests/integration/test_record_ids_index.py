"""Released wheels: the id of the wheel is that of its installation, whoever installed it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from mooring.artifacts.record import RECORD_HEADER, document_id
from mooring.artifacts.wheel_record import read_local
from mooring.lock.formats import pylock
from mooring.lock.model import Selected
from mooring.lock.select import select
from mooring.platforms import Platform, PythonVersion
from mooring.uv import uv_binary
from mooring.verify.collectors.path import PathCollector
from mooring.verify.identity import judge
from mooring.verify.inventory import Distribution

pytestmark = pytest.mark.index

HERE = PythonVersion(minor=sys.version_info.minor)
# Scripts, compiled modules, vendored packages, data files and a namespace.
REQUIREMENTS = ("flask", "pyyaml", "setuptools", "six==1.17.0", "pip", "jupyter-core")
SIX = "sha256:f637b9e0d4f6d68cb0902d2acecd8680f413d6e1d5b062fd6a6176005d854348"
_BY_INSTALLER = """
import sys
from pathlib import Path
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

env, site, wheels = sys.argv[1:4]
scheme = {"purelib": site, "platlib": site, "scripts": env + "/bin", "data": env}
scheme["headers"] = env + "/include"
for path in Path(wheels).glob("*.whl"):
    destination = SchemeDictionaryDestination(
        scheme, env + "/bin/python", "posix", bytecode_optimization_levels=(0,)
    )
    with WheelFile.open(path) as source:
        install(source, destination, {"INSTALLER": b"installer"})
"""


def run(*words: str | Path) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Selected]]:
    """Return a folder of wheels, and their packages with the ids of these very files."""
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "in.txt").write_text("\n".join(REQUIREMENTS))
    words = ("pip", "compile", "-q", "--no-header", "--format", "pylock.toml")
    lock = folder / "pylock.toml"
    run(uv_binary(), *words, "--python", sys.executable, "-o", lock, folder / "in.txt")
    parsed = pylock.read(lock.read_text(), str(lock))
    chosen = select(parsed, platform=Platform.current(), python=HERE).packages
    wheels = folder / "wheels"
    pip = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", wheels)
    run(*pip, *(f"{each.package.name} @ {each.artifact.url}" for each in chosen))
    ids = {
        path.name: document_id(RECORD_HEADER, read_local(path).lines)
        for path in wheels.glob("*.whl")
    }
    assert ids["six-1.17.0-py2.py3-none-any.whl"] == SIX
    return (
        wheels,
        [
            replace(
                each,
                package=replace(
                    each.package, record_ids=((each.artifact.name, ids[each.artifact.name]),)
                ),
            )
            for each in chosen
        ],
    )


@pytest.mark.parametrize("tool", ["pip", "uv", "uv-bytecode", "installer"])
def test_equal_for_every_installer(
    shelf: tuple[Path, list[Selected]], tmp_path: Path, tool: str
) -> None:
    wheels, chosen = shelf
    env = tmp_path / "env"
    run(sys.executable, "-m", "venv", "--without-pip", env)
    files = sorted(wheels.glob("*.whl"))
    uv = (uv_binary(), "pip", "install", "-q", "--no-deps", "--link-mode", "copy", "--python", env)
    match tool:
        case "pip":
            run(sys.executable, "-m", "pip", "--python", env, "install", "--no-deps", *files)
        case "uv":
            run(*uv, *files)
        case "uv-bytecode":
            run(*uv, "--compile-bytecode", *files)
        case _:
            other = tmp_path / "installer"
            run(sys.executable, "-m", "venv", "--without-pip", other)
            run(uv_binary(), "pip", "install", "-q", "--python", other, "installer")
            site = env / f"lib/python{HERE}/site-packages"
            run(other / "bin/python", "-c", _BY_INSTALLER, env, site, wheels)
    distributions = PathCollector(env).collect().distributions
    installed: dict[str, Distribution] = {canonicalize_name(d.name): d for d in distributions}
    judged = {each.package.name: judge(each, installed[each.package.name]) for each in chosen}
    assert len(judged) > 10
    differing = {
        name: found for name, found in judged.items() if not found or found.actual != found.expected
    }
    assert differing == {}
