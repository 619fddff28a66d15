"""The Docker engine and the registry that tests may use, and what happens where they are absent."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Never, Self

import pytest

STARTUP_SECONDS = 20.0


def absent(what: str) -> Never:
    """Skip for want of something, or fail where the whole of it was promised."""
    if os.environ.get("MOORING_REQUIRE_ENGINE") == "1":
        pytest.fail(f"{what} (MOORING_REQUIRE_ENGINE=1 demands it)", pytrace=False)
    pytest.skip(what)


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerCli:
    """The Docker command of the engine that tests may use."""

    path: Path

    @classmethod
    def find(cls) -> Self:
        """Return `MOORING_DOCKER` or the first `docker` on the path, when an engine answers it."""
        named = os.environ.get("MOORING_DOCKER") or shutil.which("docker")
        if named is None:
            absent("there is no docker command")
        cli = cls(path=Path(named))
        try:
            cli.run("version", "--format", "{{.Server.Version}}", timeout=30)
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            absent(f"no Docker engine answers: {error}")
        return cli

    def run(self, *words: str, check: bool = True, timeout: float = 120) -> str:
        """Run `docker` and return its standard output without the last newline."""
        done = subprocess.run(
            [self.path, *words], capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == 0 or not check, f"docker {' '.join(words)}: {done.stderr}"
        return done.stdout.rstrip("\n")


@contextmanager
def serve_registry(folder: Path, *, more: str = "") -> Iterator[str]:
    """Run a registry that stores in a folder and give its `host:port`.

    Args:
        folder: An empty folder.
        more: Further top-level settings in YAML, such as `auth: {htpasswd: {...}}`.
    """
    program = shutil.which("docker-registry")
    if program is None:
        absent("there is no docker-registry command")
    address = f"127.0.0.1:{_free_port()}"
    settings = folder / "config.yml"
    settings.write_text(
        "version: 0.1\n"
        "log: {level: warn, accesslog: {disabled: true}}\n"
        "storage:\n"
        f"  filesystem: {{rootdirectory: '{folder / 'data'}'}}\n"
        "  delete: {enabled: true}\n"
        f"http: {{addr: '{address}'}}\n" + more
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", settings], stdout=log, stderr=log)
        try:
            _wait_for(f"http://{address}/v2/", process, folder / "log")
            yield address
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with direct.open(url, timeout=2):
                return
        except urllib.error.HTTPError as answer:  # it wants a password, so it is there
            answer.close()
            return
        except OSError:
            time.sleep(0.05)
    absent(f"the registry does not answer: {log.read_text()[-500:]}")
