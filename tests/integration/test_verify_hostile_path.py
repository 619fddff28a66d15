"""Hostile environments on disk: bounded in time and memory, reported, never followed outside."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.environments import install, make_venv, record_row

from mooring.process import Completed, run

pytestmark = pytest.mark.process

PYLOCK = """\
lock-version = "1.0"
created-by = "tests"
requires-python = "==3.11.*"

[[packages]]
name = "pkg"
version = "1.0"

[[packages.wheels]]
name = "pkg-1.0-py3-none-any.whl"
url = "https://packages.example.org/pkg-1.0-py3-none-any.whl"
hashes = { sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" }
"""

SECONDS = 60
"""Generous: each takes a second or two on a quiet machine, and none may hang."""

# Starts the command, and says on the last line of stderr how much memory it had at most.
_MEASURED = """\
import resource, sys
from mooring.cli.group import cli
from mooring.cli.outcome import run
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
code = run(cli, sys.argv[1:])
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(peak) // 1024, file=sys.stderr)
sys.exit(code)
"""


class Report:
    """What one verification said."""

    def __init__(self, done: Completed) -> None:
        assert "Traceback" not in done.stderr, done.stderr
        self.code = done.returncode
        self.said = done.stderr
        self.findings = json.loads(done.stdout)["findings"] if done.stdout else []
        self.peak_mb = int(done.stderr.splitlines()[-1])

    def rules(self) -> set[str]:
        """Return the ids of the rules that found something."""
        return {finding["rule"] for finding in self.findings}


def verified(root: Path, *options: str) -> Report:
    """Verify the environment in a process of its own, with bounded time and address space."""
    lock = root.parent / "pylock.toml"
    lock.write_text(PYLOCK)
    words = ("verify", root, "--lock", lock, "--format", "json", *options)
    return Report(
        run([sys.executable, "-c", _MEASURED, *map(str, words)], cwd=root.parent, timeout=SECONDS)
    )


def absolute_path(site: Path) -> str:
    secret = site.parents[3] / "outside.py"
    secret.write_bytes(b"secret")
    return record_row(str(secret), b"secret")


def path_above(site: Path) -> str:
    (site.parents[3] / "outside.py").write_bytes(b"secret")
    return record_row("../../../../outside.py", b"secret")


def link_outside(site: Path) -> str:
    (site.parents[3] / "outside.py").write_bytes(b"secret")
    (site / "link.py").symlink_to("../../../../outside.py")
    return record_row("link.py", b"secret")


def folder_link_outside(site: Path) -> str:
    (site.parents[3] / "outside").mkdir()
    (site.parents[3] / "outside" / "x.py").write_bytes(b"secret")
    (site / "folder").symlink_to("../../../../outside")
    return record_row("folder/x.py", b"secret")


def endless_device(site: Path) -> str:
    (site / "zero.py").symlink_to("/dev/zero")
    return record_row("zero.py", b"")


def link_loop(site: Path) -> str:
    (site / "a.py").symlink_to("b.py")
    (site / "b.py").symlink_to("a.py")
    return record_row("a.py", b"")


def folder_loop(site: Path) -> str:
    (site / "deep").symlink_to(".")
    return record_row("deep/" * 50 + "pkg/missing.py", b"")


def fifo(site: Path) -> str:
    os.mkfifo(site / "fifo.py")
    return record_row("fifo.py", b"")


def sparse(site: Path) -> str:
    with (site / "sparse.bin").open("wb") as stream:
        stream.truncate(10 << 30)
    return f"{record_row('sparse.bin', b'').rpartition(',')[0]},{10 << 30}"


def sparse_of_another_size(site: Path) -> str:
    with (site / "sparse.bin").open("wb") as stream:
        stream.truncate(5 << 30)
    return record_row("sparse.bin", b"")


def folder_for_a_file(site: Path) -> str:
    (site / "folder.py").mkdir()
    return record_row("folder.py", b"")


def name_that_is_no_text(site: Path) -> str:
    with open(os.fsencode(site) + b"/na\xefve.py", "wb") as stream:  # noqa: PTH123  # bytes
        stream.write(b"changed")
    return "na\udcefve.py," + record_row("x", b"").partition(",")[2]


@pytest.mark.parametrize(
    ("plant", "rule"),
    [
        (absolute_path, "MOR109"),
        (path_above, "MOR109"),
        (link_outside, "MOR106"),
        (folder_link_outside, "MOR106"),
        (endless_device, "MOR106"),
        (link_loop, "MOR106"),
        (folder_loop, "MOR107"),
        (fifo, "MOR106"),
        (sparse, "MOR109"),
        (sparse_of_another_size, "MOR106"),
        (folder_for_a_file, "MOR106"),
        (name_that_is_no_text, "MOR106"),
    ],
)
def test_a_row_of_record(tmp_path: Path, plant: Callable[[Path], str], rule: str) -> None:
    site = make_venv(tmp_path / "env")
    info = install(site, "pkg")
    row = plant(site)
    record = info / "RECORD"
    text = record.read_text() + row + "\n"
    record.write_text(text, errors="surrogateescape")
    report = verified(tmp_path / "env")
    assert rule in report.rules(), report.findings
    assert {f["package"] for f in report.findings if f["rule"] == rule} == {"pkg"}
    assert report.code == (3 if rule == "MOR109" else 1)
    assert report.peak_mb < 120
    assert "secret" not in json.dumps(report.findings)


def test_a_million_rows(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    info = install(site, "pkg")
    with (info / "RECORD").open("a") as stream:
        stream.writelines(f"pkg/{n}.py,,\n" for n in range(1_000_000))
    report = verified(tmp_path / "env")
    assert report.code != 0
    assert "MOR109" in report.rules()
    assert len(report.findings) < 10
    assert report.peak_mb < 200


def test_as_many_rows_as_are_read(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    info = install(site, "pkg")
    with (info / "RECORD").open("a") as stream:
        stream.writelines(f"pkg/{n}.py,,\n" for n in range(50_000))
    report = verified(tmp_path / "env")
    assert (report.code, report.rules()) == (1, {"MOR107"})
    assert report.peak_mb < 1000


def test_an_endless_record(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    record = install(site, "pkg") / "RECORD"
    with record.open("r+b") as stream:
        stream.truncate(10 << 30)
    report = verified(tmp_path / "env")
    assert (report.code, report.rules()) == (3, {"MOR109"})
    assert report.peak_mb < 200


@pytest.mark.parametrize("name", ["METADATA", "RECORD", "WHEEL", "direct_url.json", "INSTALLER"])
@pytest.mark.parametrize("kind", ["fifo", "device", "loop", "outside"])
def test_metadata_that_is_no_file(tmp_path: Path, name: str, kind: str) -> None:
    site = make_venv(tmp_path / "env")
    path = install(site, "pkg") / name
    path.unlink(missing_ok=True)
    (tmp_path / "outside").write_text("Name: secret\nVersion: 1\n")
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "loop":
            path.symlink_to(name)
        case _:
            path.symlink_to(tmp_path / "outside")
    report = verified(tmp_path / "env")
    assert "secret" not in json.dumps(report.findings)
    if name != "direct_url.json":  # what an installer did not write is not missed
        assert report.code in (1, 3)
        assert report.rules() & {"MOR106", "MOR109"}


def test_a_hundred_thousand_files_in_one_folder(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    install(site, "pkg")
    folder = os.open(site / "pkg", os.O_RDONLY)
    try:
        for n in range(100_000):
            os.link("__init__.py", f"{n}.txt", src_dir_fd=folder, dst_dir_fd=folder)
            if n % 60_000 == 59_999:  # a file has no more than 65,000 names on some systems
                os.unlink("__init__.py", dir_fd=folder)
                (site / "pkg" / "__init__.py").write_bytes(b"x = 1\n")
    finally:
        os.close(folder)
    report = verified(tmp_path / "env")
    assert report.code in (0, 1)
    assert len(report.findings) <= 100_000
    assert report.peak_mb < 250


def test_a_link_loop_of_folders_is_not_walked_for_ever(tmp_path: Path) -> None:
    site = make_venv(tmp_path / "env")
    install(site, "pkg")
    for name in ("a", "b", "c"):
        (site / "pkg" / name).symlink_to("..")
    report = verified(tmp_path / "env")
    assert report.code in (0, 1)
    assert len(report.findings) <= 3


def test_a_site_that_is_a_link_to_elsewhere(tmp_path: Path) -> None:
    elsewhere = make_venv(tmp_path / "other")
    install(elsewhere, "pkg")
    env = tmp_path / "env"
    make_venv(env).rmdir()
    (env / "lib" / "python3.11" / "site-packages").symlink_to(elsewhere)
    report = verified(env)
    assert report.code == 3
    assert report.findings == [] or report.rules() == {"MOR109"}
