"""Builds that must be refused, and caches that were tampered with: never another image."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.embedded_lab import Lab, digests, leftovers, publish, write_base
from tests.fakes import FakeIndex
from tests.registries import MemoryRegistry, served

pytestmark = [pytest.mark.process, pytest.mark.network]


@pytest.fixture
def lab(tmp_path: Path, fake_index: FakeIndex) -> Lab:
    publish(fake_index)
    write_base(tmp_path / "base")
    found = Lab(folder=tmp_path)
    found.declare(fake_index)
    return found


def refused(lab: Lab, code: int, *words: str, env: dict[str, str] | None = None) -> str:
    """Run a build that must fail, and return what it said."""
    with lab.start("build", "--platform", "linux/amd64", *words, env=env) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Traceback" not in said
    return said


def other_digit(match: re.Match[bytes]) -> bytes:
    return match[1] + (b"1" if match[2] == b"0" else b"0")


def edited(pattern: bytes) -> Callable[[Path], None]:
    """Return what changes the digits that a pattern's second group finds, all over a file."""

    def edit(path: Path) -> None:
        before = path.read_bytes()
        after = re.sub(pattern, other_digit, before)
        assert after != before
        path.write_bytes(after)

    return edit


@pytest.mark.parametrize(
    ("files", "edit", "again"),
    [
        # Written anew out of what is sound.
        ("layers/*.json", edited(rb'("diff_id":"sha256:)(\w)'), False),
        ("facts/record-id-*.json", edited(rb'(":"[^"]{8})(\w)'), True),
        ("bytecode/sets/*.json", edited(rb"(cpython-3)(1)"), True),
        ("bytecode/sets/*.json", edited(rb'(\["/opt/env/lib/python)(3)'), True),
        ("bases/*", edited(rb'("/usr/bin/python)(3)'), True),
    ],
    ids=["diff ids", "record ids", "names of byte code", "paths of byte code", "scans"],
)
def test_a_cache_that_was_edited_makes_no_other_image(
    lab: Lab, files: str, edit: Callable[[Path], None], again: bool
) -> None:
    cache = lab.folder / "cache"
    env = {"MOORING_CACHE_DIR": str(cache)}
    lab.build("--output", "oci:first", env=env)
    paths = list(cache.glob(files))
    assert paths
    for path in paths:
        edit(path)
    if again:
        shutil.rmtree(cache / "layers")
    lab.build("--output", "oci:second", env=env)
    assert digests(lab.folder / "second") == digests(lab.folder / "first")


def test_offline_downloads_no_layer_of_a_base(lab: Lab, fake_index: FakeIndex) -> None:
    registry = MemoryRegistry()
    store(registry, lab.folder / "base")
    env = {"MOORING_CACHE_DIR": str(lab.folder / "cache")}
    with served(registry) as address:
        manifest = lab.folder / "pyproject.toml"
        manifest.write_text(manifest.read_text().replace("oci:base:1", f"{address}/base:1"))
        lab.run("lock", "--quiet", env=env)
        lab.build("--output", "oci:first", env=env)
        layer = largest_layer_of_base(lab.folder / "base")
        (lab.folder / "cache" / "blobs" / "sha256" / layer).unlink()
        registry.sent.clear()
        said = refused(lab, 3, "--output", "oci:second", "--offline", env=env)
        assert "nothing may be downloaded" in said
        assert registry.lines("GET") == []
        lab.build("--output", "oci:second", env=env)
    assert digests(lab.folder / "second") == digests(lab.folder / "first")


def store(registry: MemoryRegistry, layout: Path) -> None:
    """Put an image of a layout into a registry, as `base:1`."""
    kinds = {}
    for path in (layout / "blobs" / "sha256").iterdir():
        data = path.read_bytes()
        registry.blobs["base", f"sha256:{path.name}"] = data
        if data.startswith(b"{") and "mediaType" in (document := json.loads(data)):
            kinds[f"sha256:{path.name}"] = (document["mediaType"], data)
    [entry] = json.loads((layout / "index.json").read_text())["manifests"]
    for digest, found in kinds.items():
        registry.manifests["base", digest] = found
    registry.manifests["base", "1"] = kinds[entry["digest"]]


def largest_layer_of_base(layout: Path) -> str:
    return max((layout / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size).name


def test_an_output_takes_the_place_of_nothing_else(lab: Lab) -> None:
    for output in ("docker:app.py", "oci:app.py", "docker:base"):
        assert "error: " in refused(lab, 2, "--output", output)
    assert (lab.folder / "app.py").read_text() == "print('hello')\n"
    (lab.folder / "notes.txt").write_text("mine\n")
    assert "it is no tar" in refused(lab, 2, "--output", "docker:notes.txt")
    assert (lab.folder / "notes.txt").read_text() == "mine\n"


def test_an_output_is_not_in_the_next_image(lab: Lab) -> None:
    manifest = lab.folder / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace('files = ["app.py"]', 'files = ["parts"]'))
    (lab.folder / "parts").mkdir()
    (lab.folder / "parts" / "a.txt").write_text("a")
    for output in ("oci:parts/image", f"docker:{lab.folder}/parts/image.tar", "oci:parts"):
        assert "lies in parts" in refused(lab, 2, "--output", output)
    assert [path.name for path in (lab.folder / "parts").iterdir()] == ["a.txt"]
    lab.build("--output", "oci:image")


@pytest.mark.parametrize("tag", ["moor-0123456789abcdef", f"sha256-{'0' * 64}"])
def test_a_tag_that_stands_for_other_content_is_given_to_nothing(lab: Lab, tag: str) -> None:
    assert "stands for" in refused(lab, 2, "--output", "oci:image", "--tag", tag)
    assert not (lab.folder / "image").exists()


def test_an_interrupt_does_not_wait_for_a_silent_index(lab: Lab, fake_index: FakeIndex) -> None:
    cache = lab.folder / "cache"
    fake_index.latency = 20.0
    env = {"MOORING_CACHE_DIR": str(cache)}
    with lab.start("build", "--platform", "linux/amd64", "--output", "oci:x", env=env) as process:
        deadline = time.monotonic() + 15
        while not leftovers(cache) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert leftovers(cache), "nothing was being downloaded"
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said.splitlines()[-1]) == (130, "interrupted")
    assert time.monotonic() - begun < 8
    assert leftovers(cache) == []
