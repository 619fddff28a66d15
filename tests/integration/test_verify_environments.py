"""Real environments: nothing is said of clean ones, and every planted drift is found."""

from __future__ import annotations

import json
import marshal
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mooring.lock.formats import pylock
from mooring.lock.model import Selection
from mooring.lock.select import select
from mooring.manifest.model import VerifyPolicy
from mooring.platforms import Platform, PythonVersion
from mooring.uv import uv_binary
from mooring.verify.collectors.path import PathCollector
from mooring.verify.compare import compare
from mooring.verify.findings import Verification
from mooring.verify.tiers import CONTENT, DEEP, Tiers

pytestmark = pytest.mark.index

HERE = PythonVersion(minor=sys.version_info.minor)
SITE = f"lib/python{HERE}/site-packages"
REQUIREMENTS = ("flask", "requests", "pyyaml", "markupsafe<3.1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lab:
    """A lock, and a clean environment that is copied before anything is planted in it."""

    folder: Path
    lock: Path
    selection: Selection
    clean: Path


def run(*words: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def uv(*words: str | Path) -> str:
    return run(uv_binary(), *words)


def verified(path: Path, selection: Selection, tiers: Tiers = CONTENT) -> Verification:
    return compare(selection, PathCollector(path, tiers=tiers).collect(), VerifyPolicy())


def told(verification: Verification) -> list[str]:
    return [f"{f.rule.id} {f.package}: {f.path} {f.message}" for f in verification.findings]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "requirements.in").write_text("\n".join(REQUIREMENTS))
    lock = folder / "pylock.toml"
    words = ("pip", "compile", "-q", "--no-header", "--format", "pylock.toml")
    python = ("--python", sys.executable)
    uv(*words, *python, "-o", lock, folder / "requirements.in")
    parsed = pylock.read(lock.read_text(), str(lock))
    selection = select(parsed, platform=Platform.current(), python=HERE)
    clean = folder / "clean"
    # It is copied: programs of other environments name the place where they were installed.
    uv("venv", "-q", "--relocatable", "--python", sys.executable, clean)
    uv("pip", "sync", "-q", "--python", clean, "--link-mode", "copy", "--no-build", lock)
    return Lab(folder=folder, lock=lock, selection=selection, clean=clean)


def test_clean_by_uv(lab: Lab) -> None:
    verification = verified(lab.clean, lab.selection)
    assert told(verification) == []
    assert verification.packages == len(lab.selection.packages) > 8
    assert verification.checked_files > 200


def test_clean_by_uv_with_bytecode(lab: Lab, tmp_path: Path) -> None:
    uv("venv", "-q", "--python", sys.executable, tmp_path / "env")
    words = ("pip", "sync", "-q", "--python", tmp_path / "env", "--compile-bytecode", "--no-build")
    uv(*words, lab.lock)
    assert list((tmp_path / "env").rglob("*.pyc"))
    assert told(verified(tmp_path / "env", lab.selection, DEEP)) == []


def test_clean_by_pip(lab: Lab, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "env")
    pip = (tmp_path / "env" / "bin" / "python", "-m", "pip", "install", "-q")
    pins = [f"{s.package.name}=={s.package.version}" for s in lab.selection.packages]
    run(*pip, "--only-binary", ":all:", "--no-deps", *pins)
    verification = verified(tmp_path / "env", lab.selection, DEEP)
    assert list((tmp_path / "env").rglob("*.pyc"))
    assert {f.package for f in verification.findings} <= {"pip", "setuptools"}
    assert verification.clean
    assert [f.rule.severity for f in verification.findings] == ["info"] * len(verification.findings)


def test_clean_by_pip_from_the_lock(lab: Lab, tmp_path: Path) -> None:
    uv("venv", "-q", "--python", sys.executable, tmp_path / "env")
    pip = (sys.executable, "-m", "pip", "--python", tmp_path / "env", "install", "-q")
    run(*pip, "--no-deps", "-r", lab.lock)
    assert told(verified(tmp_path / "env", lab.selection)) == []


def test_clean_after_moving_and_compiling(lab: Lab, tmp_path: Path) -> None:
    env = copied(lab, tmp_path)
    run(env / "bin" / "python", "-m", "compileall", "-q", env / SITE / "flask")
    assert list(env.rglob("*.pyc"))
    assert told(verified(env, lab.selection, DEEP)) == []


def test_moved(lab: Lab, tmp_path: Path) -> None:
    uv("venv", "-q", "--python", sys.executable, tmp_path / "env")
    uv("pip", "sync", "-q", "--python", tmp_path / "env", "--no-build", lab.lock)
    verification = verified((tmp_path / "env").rename(tmp_path / "other"), lab.selection)
    assert [f.rule.id for f in verification.findings] == ["MOR126"]


def test_a_cache_that_drifted(lab: Lab, tmp_path: Path) -> None:
    links = ("--link-mode", "hardlink", "--cache-dir", tmp_path / "cache", "--no-build")
    pins = [f"{s.package.name}=={s.package.version}" for s in lab.selection.packages]
    for name in ("env", "sibling"):
        uv("venv", "-q", "--python", sys.executable, tmp_path / name)
        uv("pip", "install", "-q", "--no-deps", "--python", tmp_path / name, *links, *pins)
    with (tmp_path / "env" / SITE / "flask" / "app.py").open("a") as stream:
        stream.write("# changed\n")
    caches = {"UV_CACHE_DIR": str(tmp_path / "cache")}
    inventory = PathCollector(tmp_path / "sibling", caches=caches).collect()
    verification = compare(lab.selection, inventory, VerifyPolicy())
    assert [f.rule.id for f in verification.findings] == ["MOR106", "MOR134"]
    shared = verification.findings[1]
    assert shared.actual is not None
    assert Path(shared.actual).samefile(tmp_path / "env" / SITE / "flask" / "app.py")
    assert "1 other place" in shared.message


def test_forged_byte_code(lab: Lab, tmp_path: Path) -> None:
    env = copied(lab, tmp_path)
    run(env / "bin" / "python", "-m", "compileall", "-q", env / SITE / "flask")
    [path] = (env / SITE / "flask" / "__pycache__").glob("app.*.pyc")
    source = (env / SITE / "flask" / "app.py").read_text() + "\nprint('mine')\n"
    code = compile(source, "app.py", "exec", dont_inherit=True)
    path.write_bytes(path.read_bytes()[:16] + marshal.dumps(code))
    assert "mine" in run(env / "bin" / "python", "-c", "import flask.app")
    assert verified(env, lab.selection).findings == ()
    found = verified(env, lab.selection, DEEP).findings
    assert [(f.rule.id, f.package) for f in found] == [("MOR112", "flask")]


def copied(lab: Lab, tmp_path: Path) -> Path:
    return Path(shutil.copytree(lab.clean, tmp_path / "env", symlinks=True))


def info_of(env: Path, name: str) -> Path:
    [info] = (env / SITE).glob(f"{name}-*.dist-info")
    return info


def remove(env: Path) -> None:
    shutil.rmtree(info_of(env, "idna"))


def add(env: Path) -> None:
    uv("pip", "install", "-q", "--python", env, "six")


def downgrade(env: Path) -> None:
    uv("pip", "install", "-q", "--no-deps", "--python", env, "markupsafe==2.1.4")


def build(env: Path) -> None:
    words = ("--reinstall-package", "itsdangerous", "--no-binary", "itsdangerous")
    version = info_of(env, "itsdangerous").name.split("-")[1].removesuffix(".dist")
    uv("pip", "install", "-q", "--no-deps", "--python", env, *words, f"itsdangerous=={version}")


def foreign(env: Path) -> None:
    version = info_of(env, "markupsafe").name.split("-")[1].removesuffix(".dist")
    words = ("--reinstall", "--python-platform", "aarch64-unknown-linux-gnu", "--no-build")
    uv("pip", "install", "-q", "--no-deps", "--python", env, *words, f"markupsafe=={version}")


def from_a_file(env: Path) -> None:
    info = info_of(env, "idna")
    origin = {"url": "file:///home/me/idna.whl", "archive_info": {"hashes": {"sha256": "0" * 64}}}
    (info / "direct_url.json").write_text(json.dumps(origin))


def editable(env: Path) -> None:
    source = env.parent / "source"
    source.mkdir()
    (source / "idna.py").write_text("")
    version = info_of(env, "idna").name.split("-")[1].removesuffix(".dist")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "idna"\nversion = "{version}"\n'
        '[tool.hatch.build]\ninclude = ["idna.py"]\n'
    )
    uv("pip", "install", "-q", "--no-deps", "--python", env, "--editable", source)


def modify(env: Path) -> None:
    module = env / SITE / "flask" / "app.py"
    module.write_text(module.read_text() + "# changed\n")


def modify_compiled(env: Path) -> None:
    [library] = (env / SITE / "markupsafe").glob("*.so")
    data = bytearray(library.read_bytes())
    data[len(data) // 2] ^= 1
    library.write_bytes(data)


def modify_script(env: Path) -> None:
    (env / "bin" / "flask").write_text("#!/bin/sh\n")


def delete(env: Path) -> None:
    (env / SITE / "yaml" / "loader.py").unlink()


def drop_record(env: Path) -> None:
    (info_of(env, "idna") / "RECORD").unlink()


def drop_digests(env: Path) -> None:
    record = info_of(env, "idna") / "RECORD"
    lines = record.read_text().splitlines()
    bare = [f"{line.split(',')[0]},," if "core.py" in line else line for line in lines]
    record.write_text("\n".join(bare))


def duplicate(env: Path) -> None:
    info = info_of(env, "idna")
    old = Path(shutil.copytree(info, info.with_name("idna-0.1.dist-info")))
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: IDNA\nVersion: 0.1\n")


def leftover(env: Path) -> None:
    (env / SITE / "~dna-1.0.dist-info").mkdir()


def stray_module(env: Path) -> None:
    (env / SITE / "yaml" / "more.py").write_text("")


def stray_package(env: Path) -> None:
    shutil.copytree(env / SITE / "flask", env / SITE / "rogue")


def stray_pth(env: Path) -> None:
    (env / SITE / "rogue.pth").write_text("import sys\n")


def sitecustomize(env: Path) -> None:
    (env / SITE / "sitecustomize.py").write_text("")


def stray_data(env: Path) -> None:
    (env / SITE / "flask" / "notes.txt").write_text("")


def stray_program(env: Path) -> None:
    (env / "bin" / "rogue").write_text("#!/bin/sh\n")


def system_packages(env: Path) -> None:
    config = env / "pyvenv.cfg"
    config.write_text(config.read_text().replace("packages = false", "packages = true"))


def without_home(env: Path) -> None:
    config = env / "pyvenv.cfg"
    config.write_text(re.sub(r"home = .*", "home = /nowhere/bin", config.read_text()))


@pytest.mark.parametrize(
    ("plant", "rules"),
    [
        (remove, {("MOR101", "idna")}),
        (add, {("MOR102", "six")}),
        (downgrade, {("MOR103", "markupsafe")}),
        (build, {("MOR104", "itsdangerous")}),
        (foreign, {("MOR104", "markupsafe"), ("MOR117", "markupsafe")}),
        (from_a_file, {("MOR105", "idna")}),
        (modify, {("MOR106", "flask")}),
        (modify_compiled, {("MOR106", "markupsafe")}),
        (modify_script, {("MOR106", "flask")}),
        (delete, {("MOR107", "pyyaml")}),
        (drop_record, {("MOR109", "idna")}),
        (drop_digests, {("MOR110", "idna")}),
        (editable, {("MOR105", "idna"), ("MOR113", "idna")}),
        (duplicate, {("MOR125", "idna")}),
        (leftover, {("MOR102", None)}),
        (stray_module, {("MOR108", None)}),
        (stray_package, {("MOR108", None)}),
        (stray_pth, {("MOR108", None)}),
        (sitecustomize, {("MOR108", None)}),
        (stray_data, {("MOR108", None)}),
        (stray_program, {("MOR108", None)}),
        (system_packages, {("MOR121", None)}),
        (without_home, {("MOR126", None)}),
    ],
)
def test_planted_drift(
    lab: Lab, tmp_path: Path, plant: Callable[[Path], None], rules: set[tuple[str, str | None]]
) -> None:
    if plant is foreign and Platform.current().subdir != "linux-64":
        pytest.skip("the foreign wheel is one for aarch64")
    env = copied(lab, tmp_path)
    plant(env)
    verification = verified(env, lab.selection)
    assert {(f.rule.id, f.package) for f in verification.findings} == rules
    assert len(verification.findings) == len(rules)
    harmless = (leftover, stray_data, stray_program, system_packages)
    assert verification.clean is (plant in harmless)


def test_another_python(lab: Lab) -> None:
    other = replace(lab.selection, python=PythonVersion(minor=HERE.minor + 1))
    verification = verified(lab.clean, other)
    assert [f.rule.id for f in verification.failing] == ["MOR115"]
