"""Reading through another root: its links are followed inside, and never by this system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.environments import install, make_venv

from mooring.verify.collectors.path import NoEnvironmentError, PathCollector
from mooring.verify.collectors.process import ProcessCollector, variables_of
from mooring.verify.collectors.rooted import Root, RootedEntries
from mooring.verify.collectors.tar_stream import TarError


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Return a folder like /proc with one process, 12, whose root is `tmp_path/root`."""
    (tmp_path / "root").mkdir()
    folder = tmp_path / "proc" / "12"
    folder.mkdir(parents=True)
    (folder / "root").symlink_to(tmp_path / "root")
    (folder / "exe").symlink_to("/usr/bin/python3.11")
    (folder / "cwd").symlink_to("/srv")
    (folder / "cmdline").write_bytes(b"python\0-m\0web\0")
    (folder / "environ").write_bytes(b"PATH=/opt/env/bin:/bin\0SECRET_TOKEN=abc\0TZ=UTC\0PATH=/x\0")
    return tmp_path / "proc"


def environment(proc: Path, at: str = "opt/env") -> Path:
    root = proc.parent / "root" / at
    install(make_venv(root), "pkg", files={"pkg/a.py": b"a", "pkg/b.py": b"b"})
    (root / "bin" / "python").symlink_to("/usr/bin/python3")
    return root


def test_the_same_as_on_disk(proc: Path) -> None:
    root = environment(proc)
    (root / "lib/python3.11/site-packages/pkg/a.py").write_bytes(b"changed")
    found = ProcessCollector(12, proc=str(proc)).collect()
    assert found.distributions == PathCollector(root).collect().distributions
    assert (found.kind, found.target, found.root) == ("process", "process 12", "/opt/env")


def test_only_variables_that_matter_are_recorded(proc: Path) -> None:
    environment(proc)
    facts = ProcessCollector(12, proc=str(proc)).collect().facts
    assert facts is not None
    assert facts.variables == (("PATH", "/opt/env/bin:/bin"), ("TZ", "UTC"))


@pytest.mark.parametrize(
    ("cmdline", "environ"),
    [
        (b"/opt/env/bin/python3\0", b""),
        (b"../opt/env/bin/python\0", b""),
        (b"python3\0", b"VIRTUAL_ENV=/opt/env"),
        (b"gunicorn\0", b"VIRTUAL_ENV=/opt/env"),
        (b"python\0", b"PATH=relative:/bin:/opt/env/bin"),
    ],
    ids=["absolute", "relative", "variable", "program", "path"],
)
def test_which_environment_a_process_uses(proc: Path, cmdline: bytes, environ: bytes) -> None:
    environment(proc)
    (proc / "12" / "cmdline").write_bytes(cmdline)
    (proc / "12" / "environ").write_bytes(environ)
    assert ProcessCollector(12, proc=str(proc)).collect().root == "/opt/env"


def test_it_cannot_be_told(proc: Path) -> None:
    with pytest.raises(NoEnvironmentError, match="which environment") as caught:
        ProcessCollector(12, proc=str(proc)).collect()
    assert caught.value.exit_code == 3


def test_absolute_links_lead_from_the_process_root(proc: Path) -> None:
    environment(proc, "srv/real")
    (proc.parent / "root" / "opt").symlink_to("/srv")
    (proc.parent / "root" / "srv" / "env").symlink_to("../../srv/real")
    found = ProcessCollector(12, "/opt/env", proc=str(proc)).collect()
    assert found.root == "/srv/real"
    assert len(found.distributions) == 1


def test_nothing_outside_is_read(proc: Path, tmp_path: Path) -> None:
    root = environment(proc)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_bytes(b"a")
    package = root / "lib/python3.11/site-packages/pkg"
    (package / "a.py").unlink()
    (package / "a.py").symlink_to(outside / "a.py")
    os.mkfifo(root / "fifo")
    found = ProcessCollector(12, proc=str(proc)).collect()
    [file] = [f for d in found.distributions for f in d.files if f.path == "pkg/a.py"]
    assert file.actual is None
    package.rename(outside / "pkg")
    package.symlink_to(outside / "pkg")
    found = ProcessCollector(12, proc=str(proc)).collect()
    assert all(
        f.actual is None for d in found.distributions for f in d.files if "pkg/" in f.path[:4]
    )


def test_a_folder_that_becomes_a_link_is_not_followed(proc: Path, tmp_path: Path) -> None:
    root = environment(proc)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"secret")
    opened = Root(str(proc / "12" / "root"), "web")
    seen = []
    try:
        reader = RootedEntries(opened, ["opt", "env"], "web", most=1000)
        for entry in reader.entries():
            seen.append(entry.path)
            if entry.path == "opt/env/lib":
                (root / "lib").rename(root / "gone")
                (root / "lib").symlink_to(tmp_path / "outside")
    finally:
        opened.close()
    assert "opt/env/lib" in seen
    assert not any("secret" in path for path in seen)


def test_a_file_that_is_replaced_while_it_is_read(proc: Path, tmp_path: Path) -> None:
    root = environment(proc)
    (tmp_path / "secret").write_bytes(b"secret")
    opened = Root(str(proc / "12" / "root"), "web")
    try:
        reader = RootedEntries(opened, ["opt", "env"], "web", most=1000)
        for entry in reader.entries():
            if entry.path == "opt/env/pyvenv.cfg":
                (root / "pyvenv.cfg").unlink()
                (root / "pyvenv.cfg").symlink_to(tmp_path / "secret")
                with pytest.raises(TarError, match="cannot be read"):
                    list(reader.pieces())
    finally:
        opened.close()


def test_links_in_a_circle(proc: Path) -> None:
    (proc.parent / "root" / "a").symlink_to("b")
    (proc.parent / "root" / "b").symlink_to("a")
    with pytest.raises(NoEnvironmentError, match="nowhere"):
        ProcessCollector(12, "/a/env", proc=str(proc)).collect()


def test_too_many_files(proc: Path) -> None:
    root = environment(proc)
    opened = Root(str(proc / "12" / "root"), "web")
    for number in range(30):
        (root / str(number)).write_bytes(b"")
    try:
        with pytest.raises(TarError, match="more than 20"):
            list(RootedEntries(opened, ["opt", "env"], "web", most=20).entries())
    finally:
        opened.close()


def test_no_such_process(proc: Path) -> None:
    with pytest.raises(NoEnvironmentError, match="no such process"):
        ProcessCollector(13, proc=str(proc)).collect()
    (proc / "14").mkdir()
    with pytest.raises(NoEnvironmentError, match="cannot be read"):
        ProcessCollector(14, proc=str(proc)).collect()


def test_variables() -> None:
    assert variables_of(b"A=1\0B=x=y\0A=2\0none\0") == {"A": "1", "B": "x=y"}
