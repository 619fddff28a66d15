"""conda-lock itself reads, renders and rewrites what Mooring writes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.lock.conda_locks import BASE, LINUX, LOCK, MAC, package, pypi, row

from mooring.lock.conda import CondaLock, select_conda
from mooring.lock.formats import conda_lock, explicit

pytestmark = pytest.mark.process

# Importing conda-lock takes half a second and starts what it likes: a process of its own.
ORACLE = """\
import json, pathlib, sys
from conda_lock.conda_lock import render_lockfile_for_platform
from conda_lock.lockfile import parse_conda_lock_file, write_conda_lock_file
path, again = map(pathlib.Path, sys.argv[1:])
lock = parse_conda_lock_file(path)
rendered = {
    f"{kind} {platform}": render_lockfile_for_platform(
        lockfile=lock, include_dev_dependencies=True, extras={"docs"}, kind=kind,
        platform=platform, suppress_warning_for_pip_and_explicit=True,
    )
    for kind in ("explicit", "env")
    for platform in lock.metadata.platforms
}
write_conda_lock_file(lock, again, metadata_choices=None)
rows = [[p.manager, p.name, p.platform, sorted(p.categories)] for p in lock.package]
print(json.dumps({
    "rendered": rendered, "rows": rows, "custom": lock.metadata.custom_metadata,
    "channels": [c.url for c in lock.metadata.channels],
}))
"""

ODD = CondaLock(
    channels=("forge", "forge/label/dev", BASE),
    platforms=(LINUX, MAC),
    conda=(
        row(package("y", "2024.1", "0", "noarch", ("python >=3.12", "python <3.13", "on"))),
        row(package("on", "1!2.0", "py_0", depends=("y", "__glibc >=2.17,<3.0.a0"))),
        row(package("_libgcc_mutex", "0.1", "conda_forge")),
        row(package("r-base", "4.3", "h_1e5", depends=("abi 3.12.* *_cp312",)), LINUX, ("dev",)),
        row(package("abi", "3.12", "5_cp312")),
        row(package("python", "3.12.4", "h0_0"), LINUX),
    ),
    pypi=(
        pypi("a"),
        replace(pypi("b", categories=("dev", "docs")), dependencies=(("a", ""), ("c", "*"))),
        replace(pypi("c"), url="git+https://code.example.org/c.git@" + "a" * 40, sha256=None),
    ),
    sources=("environment.yml", "sub dir/é.yml"),
)


def ask(lock: CondaLock, folder: Path) -> tuple[dict[str, object], str]:
    """Return what conda-lock says of a lock, and how it writes it again."""
    path, again = folder / "conda-lock.yml", folder / "again.yml"
    path.write_text(conda_lock.write(lock), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", ORACLE, path, again], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return said, again.read_text(encoding="utf-8")


def urls(lines: list[str]) -> set[str]:
    return {line for line in lines if not line.startswith(("#", "@")) or line.startswith("# pip")}


@pytest.mark.parametrize("lock", [LOCK, ODD], ids=["usual", "odd"])
def test_conda_lock_renders_what_mooring_selects(lock: CondaLock, tmp_path: Path) -> None:
    said, _ = ask(lock, tmp_path)
    rendered = said["rendered"]
    assert isinstance(rendered, dict)
    assert said["channels"] == list(lock.channels)
    for platform in lock.platforms:
        ours = explicit.write(select_conda(lock, platform, ("dev", "docs")), hashes="md5")
        theirs = urls(rendered[f"explicit {platform.subdir}"])
        assert urls(ours.splitlines()) == theirs
        files = [line for line in rendered[f"explicit {platform.subdir}"] if "git+" not in line]
        assert explicit.read("\n".join(files), "theirs").platforms == (platform,)


def test_conda_lock_sees_the_categories(tmp_path: Path) -> None:
    rows = ask(LOCK, tmp_path)[0]["rows"]
    assert ["conda", "six", "linux-64", ["dev", "docs"]] in rows  # type: ignore[operator]
    assert ["conda", "python", "osx-arm64", ["main"]] in rows  # type: ignore[operator]


@pytest.mark.parametrize("lock", [LOCK, ODD], ids=["usual", "odd"])
def test_what_conda_lock_writes_again_is_the_same_lock(lock: CondaLock, tmp_path: Path) -> None:
    _, again = ask(lock, tmp_path)
    before = conda_lock.read(conda_lock.write(lock), "before")
    after = conda_lock.read(again, "after")
    assert after == before
    if lock.facts is not None:
        assert after.facts is not None
        assert not after.facts.edited
        assert after.facts.inputs == lock.facts.inputs
    assert conda_lock.write(after) == conda_lock.write(lock)
