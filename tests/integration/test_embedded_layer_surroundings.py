"""One layer, whatever surrounds its writing; and never more memory than a few pieces."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from tests.embedded_wheels import DATA, INFO, METADATA, WHEEL, demo_wheel

pytestmark = pytest.mark.process

MOST_MB = 60

WRITE = """
import contextlib, hashlib, json, os, sys
from pathlib import Path
from mooring.build.embedded.interface import LayerPlan, Place
from mooring.build.embedded.layers.cache import LayerCache
from mooring.build.embedded.layers.writer import write_layer
from mooring.build.embedded.wheels.wheel import open_wheel
from mooring.build.embedded.wheels.entries import entries_of
from mooring.oci.blob_store import BlobStore
from mooring.platforms import PythonVersion

os.umask(int(sys.argv[3], 8))
place = Place(root="/opt/env", python=PythonVersion(minor=12), interpreter="/usr/bin/python3.12")
path = Path(sys.argv[1])
with path.open("rb") as stream:
    sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
store = BlobStore(Path(sys.argv[2]) / "blobs")

@contextlib.contextmanager
def entries():
    with open_wheel(path, name="demo", version="1.0", sha256=sha256) as wheel:
        yield entries_of(wheel, place)

plan = LayerPlan(title="demo", key={"schema": 1, "wheel": sha256}, entries=entries)
cache = LayerCache(Path(sys.argv[2]) / "layers", store=store)
layer, _ = cache.layer(plan, lambda entries: write_layer(entries, str, {"/opt"}, store))
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps([layer.diff_id, layer.descriptor.digest, layer.descriptor.size, int(peak)]))
"""


def written(
    wheel: Path, cache: Path, *, umask: str = "022", cwd: Path | None = None, **variables: str
) -> tuple[str, str, int, int]:
    """Write the wheel's layer in a process of its own; return what it is, and its peak in kB."""
    done = subprocess.run(
        [sys.executable, "-c", WRITE, wheel, cache, umask],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr
    diff_id, digest, size, peak = json.loads(done.stdout)
    return diff_id, digest, size, peak


def test_neither_time_zone_nor_umask_nor_hash_seed_nor_folder_moves_a_byte(tmp_path: Path) -> None:
    files = {f"demo/{n}.py": b"x = %d\n" % n * n for n in range(300)}
    files[f"{DATA}/scripts/tool"] = b"#!python\n"
    files[f"{INFO}/entry_points.txt"] = b"[console_scripts]\na = b:c\nd = e:f\n"
    wheel = demo_wheel(tmp_path, files)
    first = written(wheel, tmp_path / "1", PYTHONHASHSEED="1", TZ="UTC")
    second = written(
        wheel,
        tmp_path / "elsewhere" / "2",
        umask="077",
        cwd=tmp_path,
        PYTHONHASHSEED="4242",
        TZ="Pacific/Kiritimati",
        LC_ALL="C",
        SOURCE_DATE_EPOCH="1",
    )
    assert first[:3] == second[:3]


def large_wheel(folder: Path, megabytes: int) -> Path:
    """Write a wheel of one large file, half of which cannot be compressed."""
    wheel = folder / "demo-1.0-py3-none-any.whl"
    piece = random.Random(1).randbytes(1 << 19) + bytes(1 << 19)
    digest = hashlib.sha256()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        with archive.open("demo/large.so", "w") as stream:
            for _ in range(megabytes):
                stream.write(piece)
                digest.update(piece)
        rows = [("demo/large.so", digest.digest(), megabytes << 20)]
        for name, data in ((f"{INFO}/METADATA", METADATA), (f"{INFO}/WHEEL", WHEEL)):
            archive.writestr(name, data)
            rows.append((name, hashlib.sha256(data).digest(), len(data)))
        lines = [
            f"{name},sha256={base64.urlsafe_b64encode(value).decode().rstrip('=')},{size}\n"
            for name, value, size in rows
        ]
        archive.writestr(f"{INFO}/RECORD", "".join([*lines, f"{INFO}/RECORD,,\n"]))
    return wheel


def test_memory_does_not_grow_with_a_wheel(tmp_path: Path) -> None:
    *_, size, peak = written(large_wheel(tmp_path, 300), tmp_path / "cache")
    assert size > 150 << 20
    assert peak < MOST_MB << 10, f"{peak >> 10} MB"


def start(wheel: Path, cache: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WRITE, str(wheel), str(cache), "022"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_writer_and_three_at_once_leave_one_whole_layer(tmp_path: Path) -> None:
    wheel, cache = large_wheel(tmp_path, 20), tmp_path / "cache"
    killed = start(wheel, cache)
    begun = time.monotonic()
    while not list(cache.glob("blobs/sha256/.new-*")) and time.monotonic() - begun < 60:
        time.sleep(0.005)
    killed.kill()
    killed.communicate()
    assert not list(cache.glob("layers/*"))
    several = [start(wheel, cache) for _ in range(3)]
    answers = [process.communicate(timeout=120) for process in several]
    assert [process.returncode for process in several] == [0, 0, 0], answers
    assert len({tuple(json.loads(out)[:3]) for out, _ in answers}) == 1
    diff_id, digest, size, _ = written(wheel, cache)
    assert [diff_id, digest, size] == json.loads(answers[0][0])[:3]
    [blob] = cache.glob("blobs/sha256/[0-9a-f]*")
    assert digest == "sha256:" + hashlib.sha256(blob.read_bytes()).hexdigest()
    assert len(list(cache.glob("layers/*"))) == 1


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    limited = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited + WRITE, large_wheel(tmp_path, 20), tmp_path / "c", "022"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "BlobError" in done.stderr
    assert "the blob cannot be kept: File too large" in done.stderr
    assert [path for path in (tmp_path / "c").rglob("*") if path.is_file()] == []
