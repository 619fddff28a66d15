"""What solving and writing a conda lock costs beside rattler: `python benchmarks/conda_solve.py`.

    python benchmarks/conda_solve.py CHANNEL [RUNS]

CHANNEL is a folder or URL of a channel that can solve the specifications below for four platforms.
Each run is a process of its own, in turns: rattler alone, all platforms concurrently, and Mooring,
which also makes and writes the lock. The limit is 1.3 times rattler's time and 200 ms.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SPECS = ("python 3.12.*", "numpy", "pandas", "scikit-learn", "jupyterlab")
PLATFORMS = ("linux-64", "linux-aarch64", "osx-arm64", "win-64")
LIMIT_RATIO, LIMIT_SECONDS = 1.3, 0.2

COMMON = """
import json, sys, time
started = time.perf_counter()
url, cache, specs, virtual = json.loads(sys.argv[1])
"""

RATTLER = """
import asyncio
from rattler import (BuildString, Channel, Gateway, GenericVirtualPackage, MatchSpec, PackageName,
                     Version, solve)
async def main():
    gateway = Gateway(cache_dir=cache)
    async def one(platform, listed):
        known = [GenericVirtualPackage(PackageName(n), Version(v), BuildString(b))
                 for n, v, b in (text.split("=") for text in listed)]
        return await solve([Channel(url)], [MatchSpec(text) for text in specs], gateway=gateway,
                           platforms=[platform, "noarch"], virtual_packages=known)
    return await asyncio.gather(*(one(*pair) for pair in virtual.items()))
count = sum(len(records) for records in asyncio.run(main()))
"""

MOORING = """
from pathlib import Path
from mooring.lock.formats import conda_lock
from mooring.manifest.conda import CondaChannel, CondaInputs, CondaRequirement
from mooring.manifest.model import Manifest
from mooring.platforms import Platform
from mooring.reporting import SILENT
from mooring.resolve.conda import CondaResolver, CondaResolveRequest
platforms = tuple(Platform.parse(name) for name in virtual)
inputs = CondaInputs(
    channels=(CondaChannel(name=url, url=url),),
    requirements=tuple(CondaRequirement(text=t, name=t.split()[0], where="here") for t in specs))
manifest = Manifest(root=Path(cache), path=None, inputs=(), name="bench", version=None,
                    requires_python=None, python=None, platforms=platforms, conda=inputs)
request = CondaResolveRequest(
    manifest=manifest, inputs=inputs, platforms=platforms, cache=Path(cache))
lock = CondaResolver().resolve(request, SILENT)
text = conda_lock.write(lock)
(Path(cache) / "conda-lock.yml").write_text(text, encoding="utf-8")
count = len(lock.conda)
"""

END = """
import os
print(json.dumps([time.perf_counter() - started, count]), flush=True)
os._exit(0)  # rattler's threads crash an interpreter that ends right after a solve
"""


def measure(name: str, body: str, argument: str) -> tuple[float, int]:
    """Return the seconds inside of one process, its imports included, and the packages found."""
    done = subprocess.run(
        [sys.executable, "-c", COMMON + body + END, argument],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr}")
    seconds, count = json.loads(done.stdout)
    return float(seconds), int(count)


def main() -> None:
    """Measure both in turns and print the medians, the ratio and the verdict."""
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    # Loaded here, so that the processes that are measured load it themselves.
    from mooring.platforms import Platform
    from mooring.resolve.conda.virtual import virtual_packages

    folder = Path(sys.argv[1])
    url = folder.resolve().as_uri() if folder.is_dir() else sys.argv[1]
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    virtual = {name: virtual_packages(Platform.parse(name)) for name in PLATFORMS}
    times: dict[str, list[float]] = {"rattler": [], "mooring": []}
    counts = {}
    with tempfile.TemporaryDirectory() as cache:
        argument = json.dumps([url, cache, SPECS, virtual])
        for run in range(runs + 1):
            for name, body in (("rattler", RATTLER), ("mooring", MOORING)):
                seconds, counts[name] = measure(name, body, argument)
                if run:  # the first one fills caches
                    times[name].append(seconds)
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, seconds in medians.items():
        spread = f"{min(times[name]):.3f}-{max(times[name]):.3f}"
        print(f"{name:8} {seconds:.3f} s ({spread}), {counts[name]} packages, {runs} runs")
    limit = LIMIT_RATIO * medians["rattler"] + LIMIT_SECONDS
    print(f"ratio {medians['mooring'] / medians['rattler']:.2f}, limit {limit:.3f} s")
    if counts["rattler"] != counts["mooring"]:
        sys.exit("they found different numbers of packages")
    sys.exit(0 if medians["mooring"] <= limit else "above the limit")


if __name__ == "__main__":
    main()
