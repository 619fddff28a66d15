"""Reading a conda-lock.yml, side by side with conda-lock's own parser, in one process.

    python benchmarks/conda_lock_reading.py [FILE]

Without a file, two locks are made up: 965 rows (some 440 kB) as conda-lock writes them, and as
many of them as make 1.4 MB. Each is read by the pattern for conda-lock's layout, by the YAML
parser that takes every other layout, and by conda-lock.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from measure import verdict
from mooring.digests import sha256_hex
from mooring.lock.conda import CondaLock, CondaPackage, CondaRow
from mooring.lock.formats import conda_lock
from mooring.platforms import Platform

PLATFORMS = tuple(map(Platform.parse, ("linux-64", "linux-aarch64", "osx-arm64", "win-64")))
BASE = "https://conda.example.org/forge"
TARGET = 5.0
CHECK_SECONDS = 0.2


def main() -> int:
    """Time the readers; the exit code is 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="a conda-lock.yml to read instead")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    if options.file:
        texts = {str(options.file): options.file.read_text(encoding="utf-8")}
    else:
        texts = {"965 rows": made_up(965), "1.4 MB": made_up(2500)}
    met = [compare(name, text, options.runs) for name, text in texts.items()]
    return 0 if all(met) else 1


def made_up(rows: int) -> str:
    """Return a lock with that many rows of the usual size."""
    found = []
    for number in range(rows):
        platform = PLATFORMS[number % len(PLATFORMS)]
        depends = [
            f"package-{number - step} >={step}.1,<{step + 1}.0a0" for step in range(4, 24, 4)
        ]
        name, version, build = (
            f"package-{number}",
            f"{number % 7}.{number % 13}.1",
            f"py312h{number}_0",
        )
        url = f"{BASE}/{platform.subdir}/{name}-{version}-{build}.conda"
        package = CondaPackage(
            name=name,
            version=version,
            build=build,
            subdir=platform.subdir,
            channel=BASE,
            url=url,
            md5=sha256_hex(url.encode())[:32],
            sha256=sha256_hex(url.encode()),
            build_number=0,
            depends=(*depends, "python >=3.12,<3.13.0a0", "python_abi 3.12.* *_cp312"),
        )
        found.append(CondaRow(package=package, platform=platform, categories=("main",)))
    return conda_lock.write(CondaLock(channels=("forge",), platforms=PLATFORMS, conda=tuple(found)))


def compare(name: str, text: str, runs: int) -> bool:
    """Print the times of all readers for one text, and whether the target is met."""
    from conda_lock.lockfile import parse_conda_lock_file  # type: ignore[import-untyped]

    # A comment between two keys is a layout that the pattern does not know.
    other = text.replace("\npackage:\n", "\n# rows\npackage:\n", 1).replace(
        "  optional: false\n", "  optional: false # row\n", 1
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "conda-lock.yml"
        path.write_text(text, encoding="utf-8")
        readers: dict[str, Callable[[], object]] = {
            "mooring": lambda: conda_lock.read(text, "x"),
            "mooring, another layout": lambda: conda_lock.read(other, "x"),
            "conda-lock": lambda: parse_conda_lock_file(path),
        }
        times = in_turns(readers, runs)
    rows = text.count("\n- name: ")
    print(f"\nreading {name}: {len(text) / 1e6:.2f} MB, {rows} rows")
    for reader, seconds in times.items():
        print(f"  {reader:<24} {seconds * 1000:8.1f} ms")
    ok = True
    for reader in ("mooring", "mooring, another layout"):
        ratio = times["conda-lock"] / times[reader]
        ok = ok and ratio >= TARGET
        said = f"{ratio:.1f} times as fast (target {TARGET:g}): {verdict(ratio >= TARGET)}"
        print(f"  -> {reader}: {said}")
    quick = times["mooring"] < CHECK_SECONDS
    print(f"  -> within the {CHECK_SECONDS * 1000:g} ms of `lock --check`: {verdict(quick)}")
    return ok and quick


def in_turns(readers: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Return median seconds; the readers take turns, so that noise meets all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(runs):
        for name, reader in readers.items():
            start = time.perf_counter()
            reader()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


if __name__ == "__main__":
    sys.exit(main())
