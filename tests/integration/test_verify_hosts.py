"""Other machines: through a stand-in for ssh, and through a real sshd where there is one."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines import absent
from tests.environments import install, make_venv

from mooring.errors import InputError, MooringError
from mooring.process import ProcessError
from mooring.verify.collectors.path import PathCollector
from mooring.verify.collectors.probe import NoPythonError, ProbeCollector, ProbeError
from mooring.verify.collectors.transports import CommandTransport, ssh_transport
from mooring.workflow.inspecting import inspect_target
from mooring.workflow.target import Target

pytestmark = pytest.mark.process


@pytest.fixture
def env(tmp_path: Path) -> Path:
    site = make_venv(tmp_path / "env")
    install(site, "pkg", files={"pkg/a.py": b"a", "pkg/b.py": b"b"})
    (site / "pkg" / "a.py").write_bytes(b"changed")
    return tmp_path / "env"


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a command that runs what follows the host, in a folder of few programs."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    for name in ("sh", "tar", "cat"):
        (programs / name).symlink_to(str(shutil.which(name)))
    path = tmp_path / "ssh"
    path.write_text(
        f'#!/bin/sh\nwhile [ "$1" != -- ]; do echo "$1" >> {tmp_path}/options; shift; done\n'
        f'shift 2\ncd {tmp_path}\nPATH={programs}\nexec sh -c "$*"\n'
    )
    path.chmod(0o755)
    monkeypatch.setenv("MOORING_SSH", str(path))
    return programs


def test_another_machine(env: Path, fake_ssh: Path, tmp_path: Path) -> None:
    before = sorted(str(path) for path in env.rglob("*"))
    found = inspect_target(Target(form="host", name="me@there", root=str(env)))
    local = PathCollector(env).collect()
    assert found.inventory.distributions == local.distributions
    assert (found.inventory.kind, found.inventory.target) == ("host", "me@there")
    assert found.machine is not None
    assert found.machine.subdir.startswith("linux-")
    assert sorted(str(path) for path in env.rglob("*")) == before
    assert "BatchMode=yes" in (tmp_path / "options").read_text().split()
    relative = inspect_target(Target(form="host", name="there", root="env"))
    assert relative.inventory.root == str(env)


def test_a_machine_without_python(env: Path, fake_ssh: Path) -> None:
    (fake_ssh / "python3").unlink()
    found = inspect_target(Target(form="host", name="there", root=str(env)))
    assert found.inventory.distributions == PathCollector(env).collect().distributions
    assert (found.inventory.kind, found.inventory.root) == ("host", str(env))


def test_a_machine_without_anything(env: Path, fake_ssh: Path) -> None:
    for name in ("python3", "tar"):
        (fake_ssh / name).unlink()
    with pytest.raises(MooringError) as caught:
        inspect_target(Target(form="host", name="there", root=str(env)))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("echo no route >&2; exit 255", ProbeError, "cannot be reached: no route"),
        ("echo not found >&2; exit 127", NoPythonError, "no Python: not found"),
        ("echo Traceback >&2; exit 1", ProbeError, "exit code 1: Traceback"),
        ("echo hello", ProbeError, "printed 'hello'"),
        ("kill -9 $$", ProbeError, "exit code -9"),
        ("exec sleep 60", ProcessError, "did not end within"),
        ("exec yes", ProcessError, "printed more than"),
        ("exec head -c 200000000 /dev/zero", ProcessError, "printed more than"),
    ],
)
def test_a_machine_that_does_not_answer(line: str, error: type[MooringError], message: str) -> None:
    class Small(CommandTransport):
        def run(self, script: bytes, *, most_output: int) -> str:
            assert most_output > 60 << 20
            return super().run(script, most_output=1 << 20)

    seconds = 0.5 if "sleep" in line else 60.0
    transport = Small(["sh", "-c", line], "there", seconds=seconds)
    with pytest.raises(error, match=message) as caught:
        ProbeCollector(transport, "host", "there", "/env").collect()
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "", "a b", "a\nb"])
def test_names_that_are_no_host(host: str) -> None:
    with pytest.raises(InputError):
        ssh_transport(host, {})


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Run a real server for this user, with keys and a configuration of its own."""
    server = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
    if server is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        absent("there is no sshd here")
    if os.getuid() == 0 and not Path("/run/sshd").is_dir():
        absent("sshd has no folder /run/sshd to lock itself up in")
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True
        )
    shutil.copy(tmp_path / "user.pub", tmp_path / "authorized")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {tmp_path}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {tmp_path}/authorized\nStrictModes no\nPermitRootLogin yes\n"
        "PasswordAuthentication no\n"
    )
    running = subprocess.Popen(
        [server, "-D", "-e", "-f", str(tmp_path / "sshd_config")], stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield port, tmp_path / "user"
    finally:
        running.terminate()
        running.wait(20)


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    absent("sshd does not start here")


@pytest.mark.network
def test_a_real_server(
    env: Path, sshd: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, key = sshd
    command = tmp_path / "ssh-there"
    command.write_text(
        f"#!/bin/sh\nexec ssh -F none -p {port} -i {key} -o StrictHostKeyChecking=no "
        '-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("MOORING_SSH", str(command))
    name = f"{getpass.getuser()}@127.0.0.1"
    found = inspect_target(Target(form="host", name=name, root=str(env)))
    assert found.inventory.distributions == PathCollector(env).collect().distributions
    with pytest.raises(ProbeError, match="cannot be read there"):
        inspect_target(Target(form="host", name=name, root=f"{env}/none"))
