"""What an installed wheel is in an image."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import posixpath
import random
import stat
import tarfile
from pathlib import Path

import pytest
from tests.embedded_wheels import (
    DATA,
    INFO,
    METADATA,
    PLACE,
    SITE,
    WHEEL,
    demo_wheel,
    named,
    opened,
    record_hash,
)

from mooring.build.embedded.interface import EmbeddedBuildError, Entry
from mooring.build.embedded.layers.writer import write_layer
from mooring.build.embedded.wheels.entries import entries_of, paths_of
from mooring.build.embedded.wheels.refused import WheelRefused
from mooring.oci.blob_store import BlobStore

# Frozen: other bytes are other digests of every image (a new LAYER_FORMAT and a changelog entry).
GOLDEN_PLAIN = "sha256:22d440a3eb50817349da1a6a8bc1dc4b2e8525fee7043595595eec2f76b5ae6b"
GOLDEN_PACKED = "sha256:023e0d99d8eff4087819c073a22154534dd5835c5a3818e48a247aef567f7853"

LARGE = b"#!python -u\n" + b"print('demo')\n" * 100_000
FILES = {
    "demo/__init__.py": b"answer = 42\n",
    'demo/data, "odd".txt': b"odd\n",
    f"{DATA}/purelib/pure.py": b"pure\n",
    f"{DATA}/platlib/plat.so": b"plat\n",
    f"{DATA}/headers/demo.h": b"header\n",
    f"{DATA}/data/share/demo/x.json": b"{}\n",
    f"{DATA}/data/lib64/demo.conf": b"conf\n",
    f"{DATA}/scripts/shipped": b"#!python\nprint(1)\n",
    f"{DATA}/scripts/large": LARGE,
    f"{DATA}/scripts/shell": b"#!/bin/sh\n",
    f"{DATA}/scripts/command-script.py": b"#!python\n",
    f"{INFO}/entry_points.txt": b"[console_scripts]\ncommand = demo:main\n",
    f"{INFO}/licenses/LICENSE": b"MIT\n",
    f"{INFO}/RECORD.jws": b"signature",
    f"{INFO}/INSTALLER": b"elsewhere\n",
}


def content(entry: Entry) -> bytes:
    assert entry.open is not None
    with entry.open() as source:
        data = source.read()
    assert len(data) == entry.size
    return data


def tree(path: Path, direct_url: bytes | None = None) -> dict[str, tuple[bytes, int]]:
    """Return path to content and mode of everything that the wheel is in the image."""
    with opened(path) as wheel:
        entries = entries_of(wheel, PLACE, direct_url=direct_url)
        assert [entry.path for entry in entries] == sorted({entry.path for entry in entries})
        assert {entry.kind for entry in entries} == {"file"}
        return {entry.path: (content(entry), entry.mode) for entry in entries}


def test_every_file_has_its_place(tmp_path: Path) -> None:
    tool = named("demo/tool", mode=stat.S_IFREG | 0o744)
    found = tree(demo_wheel(tmp_path, FILES, infos=[(tool, b"tool\n")]))
    record = found.pop(f"{SITE}/{INFO}/RECORD")[0]
    command = found.pop("/opt/env/bin/command")
    assert command[1] == 0o755
    assert command[0].startswith(b"#!/opt/env/bin/python\n")
    assert found == {
        "/opt/env/bin/large": (LARGE.replace(b"#!python", b"#!/opt/env/bin/python"), 0o755),
        "/opt/env/bin/shell": (b"#!/bin/sh\n", 0o755),
        "/opt/env/bin/shipped": (b"#!/opt/env/bin/python\nprint(1)\n", 0o755),
        "/opt/env/include/site/python3.12/demo/demo.h": (b"header\n", 0o644),
        "/opt/env/lib/demo.conf": (b"conf\n", 0o644),
        "/opt/env/share/demo/x.json": (b"{}\n", 0o644),
        f"{SITE}/demo/__init__.py": (b"answer = 42\n", 0o644),
        f'{SITE}/demo/data, "odd".txt': (b"odd\n", 0o644),
        f"{SITE}/demo/tool": (b"tool\n", 0o755),
        f"{SITE}/plat.so": (b"plat\n", 0o644),
        f"{SITE}/pure.py": (b"pure\n", 0o644),
        f"{SITE}/{INFO}/INSTALLER": (b"mooring\n", 0o644),
        f"{SITE}/{INFO}/METADATA": (METADATA, 0o644),
        f"{SITE}/{INFO}/WHEEL": (WHEEL, 0o644),
        f"{SITE}/{INFO}/entry_points.txt": (FILES[f"{INFO}/entry_points.txt"], 0o644),
        f"{SITE}/{INFO}/licenses/LICENSE": (b"MIT\n", 0o644),
    }
    rows = list(csv.reader(io.StringIO(record.decode())))
    assert rows[-1] == [f"{INFO}/RECORD", "", ""]
    assert rows[:-1] == sorted(rows[:-1])
    listed = {posixpath.normpath(f"{SITE}/{row[0]}"): row[1:] for row in rows[:-1]}
    assert rows[0][0] == "../../../bin/command"
    everything = found | {"/opt/env/bin/command": command}
    assert len(listed) == len(everything)
    for path, (data, _) in everything.items():
        assert listed[path] == [record_hash(data), str(len(data))]


def test_a_wheel_that_came_from_an_address_says_so(tmp_path: Path) -> None:
    url = b'{"archive_info": {}, "url": "https://example.com/demo.whl"}'
    path = demo_wheel(tmp_path, {f"{INFO}/direct_url.json": b"elsewhere", "demo.py": b"x"})
    assert f"{SITE}/{INFO}/direct_url.json" not in tree(path)
    found = tree(path, url)
    assert found[f"{SITE}/{INFO}/direct_url.json"] == (url, 0o644)
    assert b"direct_url.json" in found[f"{SITE}/{INFO}/RECORD"][0]


def test_paths_are_told_without_reading_contents(tmp_path: Path) -> None:
    lie = record_hash(b"never read")
    path = demo_wheel(
        tmp_path,
        {"demo.py": b"content", f"{DATA}/scripts/x": b"#!python\n"},
        record=lambda rows: [(p, lie if p == "demo.py" else h, n) for p, h, n in rows],
    )
    with opened(path) as wheel:
        found = paths_of(wheel, PLACE)
        assert found[f"{SITE}/demo.py"] == lie
        assert found["/opt/env/bin/x"] == record_hash(b"#!/opt/env/bin/python\n")
        assert set(found) == {entry.path for entry in entries_of(wheel, PLACE)}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (f"{DATA}/scripts/python", "/opt/env/bin/python, which belongs to the environment"),
        (f"{DATA}/data/bin/python3.12", "belongs to the environment"),
        (f"{DATA}/data/pyvenv.cfg", "belongs to the environment"),
        (f"{DATA}/data/share/mooring/pylock.toml", "belongs to the environment"),
        (f"{DATA}/data/lib64", "belongs to the environment"),
        (f"{DATA}/purelib/demo/a.py", "two of its files go to .*site-packages/demo/a.py"),
        (f"{DATA}/data/lib/python3.12/site-packages/demo/a.py", "two of its files go to"),
        (f"{DATA}/data/bin/command", "two of its files go to /opt/env/bin/command"),
    ],
)
def test_a_file_in_a_place_that_is_taken_is_refused(
    tmp_path: Path, path: str, message: str
) -> None:
    files = {
        "demo/a.py": b"a",
        f"{INFO}/entry_points.txt": b"[gui_scripts]\ncommand = demo:main\n",
        path: b"another",
    }
    with opened(demo_wheel(tmp_path, files)) as wheel, pytest.raises(WheelRefused, match=message):
        entries_of(wheel, PLACE)


def test_one_file_in_two_ways_is_one_file(tmp_path: Path) -> None:
    found = tree(demo_wheel(tmp_path, {"demo/a.py": b"a", f"{DATA}/purelib/demo/a.py": b"a"}))
    assert found[f"{SITE}/demo/a.py"] == (b"a", 0o644)
    assert found[f"{SITE}/{INFO}/RECORD"][0].count(b"demo/a.py") == 1


def test_a_command_named_python_is_refused(tmp_path: Path) -> None:
    files = {f"{INFO}/entry_points.txt": b"[console_scripts]\npython3 = demo:main\n"}
    with (
        opened(demo_wheel(tmp_path, files)) as wheel,
        pytest.raises(WheelRefused, match="belongs to the environment"),
    ):
        entries_of(wheel, PLACE)


def test_the_layer_of_a_wheel_is_frozen(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    with opened(demo_wheel(tmp_path, FILES)) as wheel:
        layer = write_layer(entries_of(wheel, PLACE), str, ("/opt",), store)
    assert (layer.diff_id, layer.descriptor.digest) == (GOLDEN_PLAIN, GOLDEN_PACKED)
    with store.open(layer.descriptor.digest) as stream:
        plain = gzip.decompress(stream.read())
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        assert archive.getmember("opt/env/bin/command").mode == 0o755
        assert "opt" not in archive.getnames()


def test_a_wheel_that_lies_gives_no_layer(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "blobs")
    path = demo_wheel(
        tmp_path,
        record=lambda rows: [
            (p, record_hash(b"x") if p[0] == "d" and "init" in p else h, n) for p, h, n in rows
        ],
    )
    with opened(path) as wheel, pytest.raises(WheelRefused, match="not what its RECORD says"):
        write_layer(entries_of(wheel, PLACE), str, (), store)
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def read_all(path: Path) -> None:
    with opened(path) as wheel:
        for entry in entries_of(wheel, PLACE):
            promised = paths_of(wheel, PLACE)[entry.path]
            assert record_hash(content(entry)) == promised


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_wheel_is_refused_or_is_none(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    files = {name: data for name, data in FILES.items() if data is not LARGE}
    path = demo_wheel(tmp_path, files)
    read_all(path)
    whole = path.read_bytes()
    for _ in range(15):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.choice(
                (0, 1, 0x50, 0xFF, chance.randrange(256))
            )
        path.write_bytes(data)
        with contextlib.suppress(EmbeddedBuildError):
            read_all(path)
