"""Builds that are killed, and builds at once: caches, layouts and registries stay usable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.embedded_lab import Lab, check_blobs, digests, leftovers, publish, write_base
from tests.fakes import FakeIndex
from tests.registries import MemoryRegistry, served

pytestmark = [pytest.mark.process, pytest.mark.network]

MOMENTS = 12


@pytest.fixture
def lab(tmp_path: Path, fake_index: FakeIndex) -> Lab:
    publish(fake_index)
    write_base(tmp_path / "base")
    found = Lab(folder=tmp_path)
    found.declare(fake_index)
    return found


@pytest.fixture
def memory() -> Iterator[tuple[MemoryRegistry, str]]:
    registry = MemoryRegistry()
    with served(registry) as address:
        yield registry, address


def check_cache(cache: Path) -> None:
    """Compare every blob and artifact with its name, and every layer's record with its blob."""
    for name in ("blobs", "artifacts"):
        check_blobs(cache / name / "sha256")
    for record in (cache / "layers").glob("*.json"):
        blob = json.loads(record.read_text())["blob"]
        assert (cache / "blobs" / "sha256" / blob[7:]).is_file()


def check_registry(registry: MemoryRegistry) -> None:
    """Follow what every manifest names."""
    for (repository, _), (_, body) in list(registry.manifests.items()):
        document = json.loads(body)
        for entry in document.get("manifests", ()):
            assert (repository, entry["digest"]) in registry.manifests
        for entry in (document.get("config"), *document.get("layers", ())):
            assert entry is None or (repository, entry["digest"]) in registry.blobs


def test_killed_at_any_moment(lab: Lab, memory: tuple[MemoryRegistry, str]) -> None:
    registry, address = memory
    words = ["--push", "--repository", f"{address}/team/lab", "--output"]
    begun = time.monotonic()
    whole = lab.build(*words, f"oci:{lab.folder / 'whole'}", env=_cache(lab.folder / "first"))
    took = time.monotonic() - begun
    killed = 0
    for moment in range(MOMENTS):
        registry.blobs.clear()
        registry.manifests.clear()
        cache, layout = lab.folder / f"cache-{moment}", lab.folder / f"layout-{moment}"
        run = ["build", "--quiet", "--platform", "linux/amd64", *words, f"oci:{layout}"]
        process = lab.start(*run, env=_cache(cache))
        try:
            # The first third of the time is Python's start.
            process.wait(took * (0.3 + 0.7 * moment / MOMENTS))
        except subprocess.TimeoutExpired:
            killed += 1
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
        check_cache(cache)
        check_registry(registry)
        if (layout / "index.json").exists():
            digests(layout)
        # What it left there is no hindrance, and the next one does what it could not.
        again = lab.build(*words, f"oci:{layout}", env=_cache(cache))
        assert again["digest"] == whole["digest"]
        assert digests(layout) == {whole["digest"]}
        check_registry(registry)
    assert killed > MOMENTS // 3
    check_leftovers_go(lab)


def check_leftovers_go(lab: Lab) -> None:
    old = time.time() - 3 * 86400
    kept = {path: leftovers(path) for path in lab.folder.glob("cache-*")}
    cache = max(kept, key=lambda path: len(kept[path]))
    assert kept[cache], "no kill came while a file was written"
    layout = lab.folder / cache.name.replace("cache", "layout")
    more = layout / "blobs" / "sha256" / ".0123.abc.tmp"
    more.touch()
    for path in (*kept[cache], more):
        os.utime(path, (old, old))
    young = cache / "blobs" / "sha256" / ".new-of-another"
    young.touch()
    (lab.folder / "app.py").write_text("print('other')\n")
    lab.build("--output", f"oci:{layout}", env=_cache(cache))
    assert leftovers(cache, layout) == [young]


def test_two_at_once_share_cache_and_layout(lab: Lab, memory: tuple[MemoryRegistry, str]) -> None:
    registry, address = memory
    words = ["--platform", "linux/amd64,linux/arm64", "--format", "json", "--push"]
    words += ["--repository", f"{address}/team/lab", "--output", f"oci:{lab.folder / 'layout'}"]
    both = [lab.start("build", *words) for _ in range(2)]
    found = set()
    for process in both:
        out, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
        found.add(json.loads(out)["digest"])
    assert found == digests(lab.folder / "layout")
    assert len(found) == 1
    check_registry(registry)
    cache = Path(os.environ["MOORING_CACHE_DIR"])
    check_cache(cache)
    assert not leftovers(cache, lab.folder / "layout")


def _cache(folder: Path) -> dict[str, str]:
    return {"MOORING_CACHE_DIR": str(folder)}
