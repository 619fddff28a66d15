"""Hostile tar streams: bounded in time and memory, refused or reported, never followed outside."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.environments import install, make_venv, record_row

from mooring.process import run

pytestmark = pytest.mark.process

SECONDS = 60
PEAK_MB = 150

# The stream is made by another process: what is measured is the reader alone.
_READER = """\
import contextlib, json, resource, subprocess, sys
from mooring.errors import MooringError
from mooring.verify.collectors.tar import TarCollector
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
writer = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
said = {}
try:
    inventory = TarCollector(
        lambda: contextlib.nullcontext(writer.stdout), "container", "hostile", "/env"
    ).collect()
    said["files"] = {
        file.path: [file.kind, file.problem]
        for each in inventory.distributions for file in each.files
    }
except MooringError as error:
    said["refused"] = str(error)
writer.kill()
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
said["peak"] = int(peak) // 1024
print(json.dumps(said))
"""

_HEADER = """\
import sys, tarfile
out = sys.stdout.buffer
def header(name, size=0, type=tarfile.REGTYPE, **more):
    info = tarfile.TarInfo(name)
    info.size, info.type = size, type
    for key, value in more.items():
        setattr(info, key, value)
    out.write(info.tobuf(tarfile.GNU_FORMAT))
zeros = bytes(1 << 20)
"""


class Said:
    """What the reader found, and how much memory it took."""

    def __init__(self, writer: str) -> None:
        done = run([sys.executable, "-c", _READER, _HEADER + writer], timeout=SECONDS)
        assert done.ok, done.stderr
        assert "MemoryError" not in done.stderr
        answer = json.loads(done.stdout)
        self.refused: str = answer.get("refused", "")
        self.files: dict[str, list[str | None]] = answer.get("files", {})
        assert answer["peak"] < PEAK_MB, f"{answer['peak']} MB"


@pytest.mark.parametrize(
    ("writer", "refused"),
    [
        ("header('env/big', 4 << 30)\nout.write(zeros)", "breaks off"),
        ("out.write(zeros[:300])", "breaks off"),
        ("", "breaks off"),
        ("out.write(b'x' * 4096)", "damaged"),
        ("header('n', 1 << 40, b'L')\nwhile True: out.write(b'n' * 4096)", "extended header"),
        ("header('n', 1 << 40, b'x')\nwhile True: out.write(b'n' * 4096)", "extended header"),
        ("for n in range(10 ** 9): header(f'env/{n}')", "more than"),
        ("for n in range(10 ** 9): header('env/same')", "more than"),
        (
            (
                "for n in range(10 ** 9):\n"
                "    header(f'env/lib/{n}.dist-info/RECORD', 1 << 22)\n    out.write(zeros * 4)"
            ),
            "metadata is larger",
        ),
        ("header('env/a', type=b'2', linkname='b')\nout.write(zeros)", "no Python environment"),
    ],
)
def test_refused(writer: str, refused: str) -> None:
    assert refused in Said(writer).refused


def test_a_tar_cut_anywhere_is_refused(tmp_path: Path) -> None:
    tar = packed(tmp_path, lambda site: None)
    whole = tar.read_bytes()
    for at in (600, len(whole) // 3, len(whole) // 2 + 1, len(whole) - 10_239):
        (tmp_path / "cut.tar").write_bytes(whole[:at])
        assert "breaks off" in Said(_sending(tmp_path / "cut.tar")).refused


def test_links_out_of_the_stream(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    rows = ["hard.py", "soft.py", "above.py", "loop.py"]

    def plant(site: Path) -> None:
        record = next(site.glob("*.dist-info")) / "RECORD"
        with record.open("a") as stream:
            stream.writelines(record_row(row, b"secret") + "\n" for row in rows)

    tar = packed(
        tmp_path,
        plant,
        link("hard.py", str(tmp_path / "secret"), tarfile.LNKTYPE),
        link("soft.py", str(tmp_path / "secret")),
        link("above.py", "../../../../../secret"),
        link("loop.py", "loop.py"),
    )
    files = Said(_sending(tar)).files
    assert all(files[row][1] for row in rows), files


def test_sparse_members_are_not_expanded(tmp_path: Path) -> None:
    bomb = tarfile.TarInfo("env/lib/python3.11/site-packages/bomb.bin")
    bomb.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": bomb.name,
        "GNU.sparse.realsize": str(1 << 40),
    }

    def plant(site: Path) -> None:
        with (next(site.glob("*.dist-info")) / "RECORD").open("a") as stream:
            stream.write(record_row("bomb.bin", b"") + "\n")

    files = Said(_sending(packed(tmp_path, plant, bomb))).files
    assert files["bomb.bin"][1] == "it is stored with holes and was not read"


def test_a_large_stream_takes_no_more_memory(tmp_path: Path) -> None:
    tar = packed(tmp_path, lambda site: None)
    whole = tar.read_bytes().rstrip(b"\0")
    (tmp_path / "start.tar").write_bytes(whole + bytes(-len(whole) % 512))
    writer = (
        f"out.write(open({str(tmp_path / 'start.tar')!r}, 'rb').read())\n"
        "for n in range(1000):\n    header(f'env/lib/{n}.so', 1 << 20)\n    out.write(zeros)\n"
        "out.write(zeros[:1024])"
    )
    assert Said(writer).files["pkg/__init__.py"] == ["file", None]


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    made = tarfile.TarInfo(f"env/lib/python3.11/site-packages/{name}")
    made.type, made.linkname = kind, target
    return made


def packed(tmp_path: Path, plant: Callable[[Path], None], *more: tarfile.TarInfo) -> Path:
    """Pack an environment as `docker cp` does, with further members at its end."""
    site = make_venv(tmp_path / "env")
    install(site, "pkg")
    plant(site)
    path = tmp_path / "env.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(tmp_path / "env", "env")
        for member in more:
            tar.addfile(member, io.BytesIO())
    return path


def _sending(path: Path) -> str:
    return f"out.write(open({str(path)!r}, 'rb').read())"
