"""How close verification comes to what the machine can do: `python benchmarks/verify_speed.py`.

Each part measures Mooring and the limit in the same run, in turns: listing and reading metadata,
reading and hashing the same files on threads, the host for a container.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import Command, Measured, show, side_by_side, verdict

if TYPE_CHECKING:
    from mooring.verify.inventory import Inventory
    from mooring.workflow.selecting import LockedProject

BIN = Path(sys.executable).parent
MOORING, PYTHON = BIN / "mooring", Path(sys.executable)
VERIFY = (MOORING, "verify")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
REQUIREMENTS = ("pandas", "scikit-learn", "matplotlib", "jupyterlab", "flask", "pip")
PEAK_MB = 100
LARGE_BYTES = 3 << 30

# The floor: threads that read and hash, the files spread evenly by size, nothing compared.
HASH_ALL = """
import csv, hashlib, os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
paths = []
for record in Path(sys.argv[1]).glob("lib/*/site-packages/*.dist-info/RECORD"):
    site = os.fspath(record.parent.parent)
    with record.open(newline="") as stream:
        rows = [row for row in csv.reader(stream) if len(row) > 2 and row[1]]
    paths += [(f"{site}/{row[0]}", int(row[2] or 0)) for row in rows]
threads = min(8, 2 * (os.cpu_count() or 1))
total, chunks, room = sum(size + 16384 for _, size in paths), [], 0
for path, size in paths:
    if room <= 0:
        chunks.append([])
        room = total // (8 * threads)
    chunks[-1].append(path)
    room -= size + 16384
def hashed(chunk):
    for path in chunk:
        with open(path, "rb", buffering=0) as stream:
            digest = hashlib.sha256()
            while piece := stream.read(1 << 20):
                digest.update(piece)
            digest.hexdigest()
with ThreadPoolExecutor(threads) as pool:
    list(pool.map(hashed, chunks))
"""

# What pip does once it is loaded.
PIP_CHECK = """
import statistics, time
from pip._internal.operations.check import check_package_set, create_package_set_from_installed
times = []
for _ in range(7):
    begin = time.perf_counter()
    check_package_set(create_package_set_from_installed()[0])
    times.append(time.perf_counter() - begin)
print(statistics.median(times))
"""

# The limit of the cores: as many bytes as there are, from memory.
HASH_MEMORY = """
import hashlib, os, sys
from concurrent.futures import ThreadPoolExecutor
threads = os.cpu_count() or 1
data = bytes(1 << 20)
def hashed(_):
    digest = hashlib.sha256()
    for _ in range((int(sys.argv[1]) >> 20) // threads):
        digest.update(data)
with ThreadPoolExecutor(threads) as pool:
    list(pool.map(hashed, range(threads)))
"""


def speed(folder: Path, runs: int) -> None:
    """Measure every part on one environment of more than a hundred packages."""
    lab = _environment(folder / "lab")
    metadata(lab, runs)
    content(lab, runs)
    large(folder / "large", runs)
    container(lab, runs)


def _environment(folder: Path) -> Path:
    folder.mkdir(parents=True)
    listed = "".join(f'    "{each}",\n' for each in REQUIREMENTS)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "bench"\nversion = "0"\nrequires-python = "=={MINOR}.*"\n'
        f"dependencies = [\n{listed}]\n"
        f'[tool.mooring]\nplatforms = ["linux-64"]\npython = "{MINOR}"\n'
    )
    for verb in ("lock", "sync"):
        subprocess.run([MOORING, verb, "--quiet"], cwd=folder, check=True)
    return folder


def metadata(lab: Path, runs: int) -> None:
    """Compare T1 with the bare reading of METADATA in one process, and both quick ways with pip."""
    env = lab / ".venv"
    bare, seen, compared = _in_turns(
        runs * 4, lambda: _heads(env), lambda: _metadata(env), lambda: _compared(lab)
    )
    ratio = seen / bare
    commands = [
        Command(name="mooring verify --metadata", argv=[*VERIFY, "--metadata"], cwd=lab),
        Command(name="mooring verify --quick", argv=[*VERIFY, "--quick"], cwd=lab),
        Command(name="pip check", argv=_pip_check(env), cwd=lab),
        Command(name="pip check of its own pip", argv=_own_pip_check(env), cwd=lab),
    ]
    first, quick, pip, own = results = side_by_side(commands, runs)
    checked = _pip_in_process(env)
    in_process = [
        Measured(name=f"{name} (in process)", seconds=seconds, peak_mb=0, runs=4 * runs)
        for name, seconds in (
            ("METADATA heads", bare),
            ("T1 collected", seen),
            ("T1 collected and compared", compared),
            ("pip check", checked),
        )
    ]
    lines = [
        f"T1 is {ratio:.1f}x the bare heads, limit 3: {verdict(ratio <= 3)}",
        _faster("T1 compared, in process", checked / compared),
        _faster("--metadata", pip.seconds / first.seconds),
        _faster("--metadata against its own pip", own.seconds / first.seconds),
        _faster("--quick", pip.seconds / quick.seconds),
        _memory(results),
    ]
    count = len(list(env.glob("lib/*/site-packages/*.dist-info")))
    show(f"Metadata: {count} packages", [*in_process, *results], lines)


def _faster(what: str, times: float) -> str:
    return f"{what}: {times:.1f}x faster than pip check, at least 5: {verdict(times >= 5)}"


def _heads(env: Path) -> None:
    found = []
    for site in env.glob("lib/*/site-packages"):
        for name in os.listdir(site):  # noqa: PTH208 (the floor: names, not paths)
            if name.endswith(".dist-info"):
                with open(f"{site}/{name}/METADATA", "rb") as stream:  # noqa: PTH123
                    head = stream.read(4096)
                found.append(re.findall(rb"^(?:Name|Version): *(.+)$", head, re.MULTILINE)[:2])
    assert all(len(pair) == 2 for pair in found)


def _metadata(env: Path) -> Inventory:
    from mooring.verify.collectors.path import PathCollector
    from mooring.verify.tiers import METADATA

    # As `mooring verify --metadata` does where the lock has no record ids.
    return PathCollector(env, tiers=replace(METADATA, records=False)).collect()


def _compared(lab: Path) -> None:
    from mooring.platforms import Platform
    from mooring.workflow.verifying import verify_inventory

    inventory = _metadata(lab / ".venv")
    verify_inventory(_project(lab), inventory, Platform.current(), environment="default")


@functools.cache
def _project(lab: Path) -> LockedProject:
    from mooring.manifest.reader import load
    from mooring.workflow.selecting import open_project

    return open_project(load(lab))


def _pip_in_process(env: Path) -> float:
    done = subprocess.run(
        [env / "bin" / "python", "-c", PIP_CHECK], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _own_pip_check(env: Path) -> list[str | Path]:
    return [env / "bin" / "python", "-m", "pip", "check"]


def content(lab: Path, runs: int) -> None:
    """Compare T3 with threads that read and hash the same files, caches warm."""
    env = lab / ".venv"
    commands = [
        Command(name="mooring verify", argv=[MOORING, "verify"], cwd=lab),
        Command(name="read and sha256 on threads", argv=[PYTHON, "-c", HASH_ALL, env], cwd=lab),
    ]
    ours, bare = results = side_by_side(commands, runs)
    ratio = ours.seconds / bare.seconds
    size = sum(p.stat().st_size for p in env.rglob("*") if p.is_file()) / 1e6
    claim = f"{ratio:.2f}x the bare threads, limit 1.4: {verdict(ratio <= 1.4)}"
    show(f"Content, warm: {size:.0f} MB", results, [claim, _memory(results)])


def large(folder: Path, runs: int) -> None:
    """Compare T3 on some GB with the sha256 limit of the cores."""
    # What this process needs at most, the processes it starts count as their own.
    subprocess.run([PYTHON, __file__, folder], check=True)
    commands = [
        Command(
            name="mooring verify",
            argv=[MOORING, "verify", "env", "--lock", "pylock.toml", "--frozen"],
            cwd=folder,
        ),
        Command(
            name="sha256 of memory on all cores",
            argv=[PYTHON, "-c", HASH_MEMORY, str(LARGE_BYTES)],
            cwd=folder,
        ),
    ]
    for command in commands:
        subprocess.run(command.argv, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    ours, limit = results = side_by_side(commands, runs)
    ratio = ours.seconds / limit.seconds
    claim = f"{ratio:.2f}x the limit of the cores, limit 1.3: {verdict(ratio <= 1.3)}"
    show(f"Content, large: {LARGE_BYTES / 1e9:.1f} GB", results, [claim, _memory(results)])
    shutil.rmtree(folder)


def _write_large(folder: Path) -> None:
    """Write an environment of few packages whose libraries are as large as those for GPUs."""
    from tests.environments import install, make_venv

    site = make_venv(folder / "env", version=f"{MINOR}.1")
    piece = os.urandom(1 << 20)
    files = 24
    locked = [f'lock-version = "1.0"\ncreated-by = "bench"\nrequires-python = "=={MINOR}.*"\n']
    for n in range(files):
        library = piece * (LARGE_BYTES // files >> 20)
        install(site, f"lib{n}", files={f"lib{n}/lib.so": library})
        locked.append(
            f'[[packages]]\nname = "lib{n}"\nversion = "1.0"\n[[packages.wheels]]\n'
            f'name = "lib{n}-1.0-py3-none-any.whl"\nurl = "https://packages.example.org/{n}.whl"\n'
            f'hashes = {{ sha256 = "{"a" * 64}" }}\n'
        )
    (folder / "pylock.toml").write_text("\n".join(locked))


def container(lab: Path, runs: int) -> None:
    """Compare T3 of a container with T3 of the same environment on this machine."""
    base = os.environ.get("MOORING_TEST_BASE", "mooring-test/base:bookworm")
    done = subprocess.run(["docker", "image", "inspect", base], capture_output=True, check=False)
    if done.returncode != 0:
        print(f"\nContainer: left out, no engine or no image {base} (set MOORING_TEST_BASE)")
        return
    with _container(base, lab / ".venv") as name:
        commands = [
            Command(name="mooring verify", argv=[MOORING, "verify"], cwd=lab),
            Command(
                name="mooring verify --container",
                argv=[MOORING, "verify", "--container", name],
                cwd=lab,
            ),
        ]
        host, there = results = side_by_side(commands, runs)
    ratio = there.seconds / host.seconds
    claim = f"{ratio:.1f}x the host, limit 2: {verdict(ratio <= 2)}"
    show("Content of a running container", results, [claim, _memory(results)])


@contextmanager
def _container(base: str, env: Path) -> Iterator[str]:
    words = ["docker", "run", "--detach", "--env", "VIRTUAL_ENV=/opt/env", base]
    words += ["sleep", "infinity"]
    name = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    try:
        subprocess.run(["docker", "cp", "--quiet", f"{env}/.", f"{name}:/opt/env"], check=True)
        yield name
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


def _in_turns(runs: int, *parts: Callable[[], object]) -> list[float]:
    times: list[list[float]] = [[] for _ in parts]
    for _ in range(runs):
        for part, taken in zip(parts, times):
            start = time.perf_counter()
            part()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in times]


def _pip_check(env: Path) -> list[str | Path]:
    return [PYTHON, "-m", "pip", "--python", env / "bin" / "python", "check"]


def _memory(results: list[Measured]) -> str:
    peak = max(r.peak_mb for r in results if r.name.startswith("mooring"))
    return f"peak memory {peak:.0f} MB, limit {PEAK_MB}: {verdict(peak < PEAK_MB)}"


def main() -> None:
    """Measure everything in a folder that is removed afterwards."""
    if sys.argv[1:]:
        _write_large(Path(sys.argv[1]))
        return
    folder = Path(tempfile.mkdtemp(prefix="mooring-speed-"))
    try:
        speed(folder, 5)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
