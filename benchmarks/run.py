"""Mooring beside its peers, both in the same run: `make bench`, or `python benchmarks/run.py lock`.

Sections: startup, lock, check, verify, verify-speed, drift, build, embedded. Timings need a quiet
machine and the index that uv and pip are set up for; numbers are medians, claims are ratios.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import drift_table
import embedded_speed
import verify_speed
from local_index import serve
from measure import Command, Measured, show, side_by_side, verdict

BIN = Path(sys.executable).parent
MOORING, PYTHON = BIN / "mooring", Path(sys.executable)
INPUTS = {
    "small": ["flask"],
    "data": ["pandas", "scikit-learn", "matplotlib", "jupyterlab"],
    "medium": ["apache-airflow==2.10.*"],
}
PLATFORMS = ["linux-64", "linux-aarch64", "osx-arm64", "win-64"]
PYTHON_VERSION = f"3.{min(sys.version_info.minor, 12)}"
MEMORY_MB = 150


def project(folder: Path, requirements: list[str]) -> Path:
    """Write a project for Mooring and, beside it, the same one for uv and for pip-compile."""
    listed = ", ".join(f'"{r}"' for r in requirements)
    head = f'[project]\nname = "bench"\nversion = "0"\nrequires-python = "=={PYTHON_VERSION}.*"\n'
    tables = {
        "mooring": f'[tool.mooring]\nplatforms = {PLATFORMS}\npython = "{PYTHON_VERSION}"\n',
        "uv": (
            "[tool.uv]\npackage = false\nenvironments = [\n"
            + "".join(f'  "{marker}",\n' for marker in _markers())
            + "]\n"
        ),
    }
    for tool, table in tables.items():
        (folder / tool).mkdir(parents=True)
        (folder / tool / "pyproject.toml").write_text(
            f"{head}dependencies = [{listed}]\n{table}".replace("'", '"')
            if tool == "mooring"
            else f"{head}dependencies = [{listed}]\n{table}"
        )
    (folder / "requirements.in").write_text("\n".join(requirements) + "\n")
    return folder


def _markers() -> list[str]:
    from mooring.platforms import Platform

    return [Platform.parse(name).marker for name in PLATFORMS]


def removing(*paths: Path) -> Callable[[], None]:
    """Return a preparation that removes files of an earlier run."""

    def prepare() -> None:
        for path in paths:
            path.unlink(missing_ok=True)

    return prepare


def memory(results: list[Measured]) -> str:
    """Return the claim about Mooring's memory."""
    peak = max(r.peak_mb for r in results if r.name.startswith("mooring"))
    return f"peak memory {peak:.0f} MB, limit {MEMORY_MB}: {verdict(peak < MEMORY_MB)}"


def bench_startup(folder: Path, runs: int) -> None:
    commands = [
        Command(name="mooring --version", argv=[MOORING, "--version"], cwd=folder),
        Command(name="import click", argv=[PYTHON, "-c", "import click"], cwd=folder),
        Command(name="mooring lock --help", argv=[MOORING, "lock", "--help"], cwd=folder),
    ]
    ours, click, _ = results = side_by_side(commands, max(runs, 15))
    ratio = ours.seconds / click.seconds
    show("Start-up", results, [f"{ratio:.2f}x import click, limit 1.5: {verdict(ratio <= 1.5)}"])


def bench_lock(folder: Path, runs: int) -> None:
    """Compare warm locks without an earlier lock, all against one copy of the index here."""
    with serve(folder / "index") as index:
        for name, requirements in INPUTS.items():
            _bench_lock(project(folder / name, requirements), name, index, runs)


def _bench_lock(where: Path, name: str, index: str, runs: int) -> None:
    env = {
        key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))
    } | {"UV_DEFAULT_INDEX": index, "PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull}
    env |= {"UV_CACHE_DIR": str(where / "uv-cache"), "NO_PROXY": "127.0.0.1"}
    commands = [
        Command(
            name="mooring lock",
            argv=[MOORING, "lock", "--quiet"],
            cwd=where / "mooring",
            env=env,
            prepare=removing(where / "mooring" / "pylock.toml"),
        ),
        Command(
            name="uv lock",
            argv=[BIN / "uv", "lock", "--quiet"],
            cwd=where / "uv",
            env=env,
            prepare=removing(where / "uv" / "uv.lock"),
        ),
    ]
    if name != "small":
        commands.append(_pip_compile(where, env))
    for command in commands:  # fill the caches of all before anything is measured
        done = subprocess.run(
            command.argv, cwd=command.cwd, env=env, check=False, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"{command.name}: {done.stderr}")
    results = side_by_side(commands, runs)
    ours, uv = results[:2]
    limit = 1.25 * uv.seconds + 0.15
    claim = (
        f"{ours.seconds / uv.seconds:.2f}x uv lock; {ours.seconds * 1000:.0f} ms of "
        f"{limit * 1000:.0f} ms (1.25x + 150 ms): {verdict(ours.seconds <= limit)}"
    )
    lines = [claim, memory(results)]
    if name != "small":
        ratio = results[2].seconds / ours.seconds
        lines.append(f"{ratio:.0f}x faster than pip-compile, at least 10: {verdict(ratio >= 10)}")
    show(f"Lock, {name}: {', '.join(INPUTS[name])}", results, lines)


def _pip_compile(where: Path, env: dict[str, str]) -> Command:
    argv = [str(PYTHON), "-m", "piptools", "compile", "--quiet", "--generate-hashes"]
    return Command(
        name="pip-compile (one platform)",
        argv=[*argv, "--output-file", "out.txt", "requirements.in"],
        cwd=where,
        env=env,
        prepare=removing(where / "out.txt"),
    )


def bench_check(folder: Path, runs: int) -> None:
    for name, requirements in INPUTS.items():
        where = project(folder / f"check-{name}", requirements) / "mooring"
        subprocess.run([MOORING, "lock", "-q"], cwd=where, check=True)
        command = Command(name="mooring lock --check", argv=[MOORING, "lock", "--check"], cwd=where)
        results = side_by_side([command], max(runs, 9))
        took = results[0].seconds
        claim = f"{took * 1000:.0f} ms, limit 150: {verdict(took < 0.15)}"
        show(f"Freshness, {name}", results, [claim, memory(results)])


BARE_LOOP = """
import hashlib, sys
from pathlib import Path
for line in Path(sys.argv[1]).read_text().splitlines():
    with open(line, "rb") as stream:
        hashlib.sha256(stream.read()).hexdigest()
"""


def bench_verify(folder: Path, runs: int) -> None:
    where = project(folder / "verify", [*INPUTS["data"], "flask"]) / "mooring"
    manifest = where / "pyproject.toml"
    version = f"3.{sys.version_info.minor}"
    manifest.write_text(manifest.read_text().replace(PYTHON_VERSION, version))
    subprocess.run([MOORING, "lock", "-q"], cwd=where, check=True)
    subprocess.run([MOORING, "sync", "-q"], cwd=where, check=True)
    names = where / "files.txt"
    found = _recorded(where / ".venv")
    names.write_text("\n".join(found))
    commands = [
        Command(name="mooring verify", argv=[MOORING, "verify", ".venv"], cwd=where),
        Command(name="read and sha256 loop", argv=[PYTHON, "-c", BARE_LOOP, names], cwd=where),
        Command(name="pip check", argv=[*_pip_check(where)], cwd=where),
    ]
    results = side_by_side(commands, runs)
    ours, bare, _ = results
    ratio = ours.seconds / bare.seconds
    size = sum(Path(path).stat().st_size for path in found) / 1e6
    claim = f"{ratio:.2f}x the bare loop, limit 2.5: {verdict(ratio <= 2.5)}"
    count = len(list((where / ".venv").glob("lib/*/site-packages/*.dist-info")))
    title = f"Verify: {count} distributions, {len(found)} files, {size:.0f} MB"
    show(title, results, [claim, memory(results)])


def _pip_check(where: Path) -> list[str]:
    return [str(PYTHON), "-m", "pip", "--python", str(where / ".venv" / "bin" / "python"), "check"]


def _recorded(venv: Path) -> list[str]:
    """List every file that a RECORD names with a hash."""
    import csv

    found: list[str] = []
    for record in sorted(venv.glob("lib/*/site-packages/*.dist-info/RECORD")):
        site = record.parent.parent
        with record.open(newline="") as stream:
            found += [str(site / row[0]) for row in csv.reader(stream) if len(row) > 1 and row[1]]
    return found


def bench_build(folder: Path, runs: int) -> None:
    base = os.environ.get("MOORING_TEST_BASE", "mooring-test/base:bookworm")
    done = subprocess.run(["docker", "image", "inspect", base], capture_output=True, check=False)
    if done.returncode != 0:
        print(f"\nBuild: left out, no engine or no image {base} (set MOORING_TEST_BASE)")
        return
    where = project(folder / "build", INPUTS["small"]) / "mooring"
    image = f'[tool.mooring.image]\nbase = "{base}"\nrepository = "mooring-bench/unchanged"\n'
    with (where / "pyproject.toml").open("a") as stream:
        stream.write(image)
    subprocess.run([MOORING, "lock", "-q"], cwd=where, check=True)
    subprocess.run([MOORING, "build", "-q"], cwd=where, check=True)
    command = Command(name="mooring build, unchanged", argv=[MOORING, "build"], cwd=where)
    results = side_by_side([command], max(runs, 9))
    took = results[0].seconds
    claim = f"{took * 1000:.0f} ms, limit 500: {verdict(took < 0.5)}"
    show("Build, unchanged", results, [claim, memory(results)])
    names = subprocess.run(
        ["docker", "image", "ls", "-q", "mooring-bench/unchanged"],
        capture_output=True,
        text=True,
        check=True,
    )
    for image_id in names.stdout.split():
        subprocess.run(["docker", "image", "rm", "-f", image_id], capture_output=True, check=False)


def bench_drift(folder: Path, runs: int) -> None:
    """Print what the tools say of planted drifts; once, as nothing is timed."""
    drift_table.main(folder)


def bench_embedded(folder: Path, runs: int) -> None:
    embedded_speed.speed(folder / "embedded", runs)


SECTIONS = {
    "startup": bench_startup,
    "check": bench_check,
    "lock": bench_lock,
    "verify": bench_verify,
    "verify-speed": lambda folder, runs: verify_speed.speed(folder / "speed", runs),
    "drift": bench_drift,
    "build": bench_build,
    "embedded": bench_embedded,
}


def main() -> None:
    """Run the sections that are asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="default: all")
    parser.add_argument("--runs", type=int, default=5, help="runs of each command")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mooring-bench-"))
    try:
        for name in options.sections or SECTIONS:
            SECTIONS[name](folder, options.runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
