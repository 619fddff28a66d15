"""Ways to run the probe somewhere else: over ssh, and in a running container."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO

from mooring import process
from mooring.errors import InputError
from mooring.urls import redact
from mooring.verify.collectors.probe import NoPythonError, ProbeError

SSH_VARIABLE = "MOORING_SSH"
"""Names the ssh command to use."""

PYTHON_OPTIONS = ("-I", "-S", "-B", "-")
"""Isolated, without site (no `.pth`, no sitecustomize), writing no byte code, from stdin."""

_SECONDS = 900.0
_CONNECT_SECONDS = 20
_NO_SUCH_COMMAND = (126, 127)
_SSH_FAILED = 255
_HOST = re.compile(r"[A-Za-z0-9_][^\s\x00-\x1f\x7f]*")


class CommandTransport:
    """Feeds a script to a command that is a Python somewhere else.

    Args:
        argv: The command.
        where: How messages name the target.
        seconds: After which it is ended.
    """

    def __init__(self, argv: Sequence[str], where: str, *, seconds: float = _SECONDS) -> None:
        self._argv = tuple(argv)
        self._where = where
        self._seconds = seconds

    def run(self, script: bytes, *, most_output: int) -> str:
        """Feed the script to the Python, and return what it printed.

        Raises:
            NoPythonError: There is no such Python.
            ProbeError: It failed.
            ProcessError: It took too long, or printed too much.
        """
        ended = process.run(
            self._argv, stdin=script, timeout=self._seconds, most_output=most_output
        )
        if ended.ok:
            return ended.stdout
        said = redact(ended.stderr.strip().rpartition("\n")[2])
        if ended.returncode in _NO_SUCH_COMMAND:
            raise NoPythonError(f"there is no Python: {said}", where=self._where)
        if ended.returncode == _SSH_FAILED:
            raise ProbeError(
                f"it cannot be reached: {said}",
                where=self._where,
                hint="`ssh -o BatchMode=yes HOST true` must work without a question",
            )
        raise ProbeError(
            f"its Python failed with exit code {ended.returncode}: {said}", where=self._where
        )


def ssh_transport(host: str, environ: Mapping[str, str] | None = None) -> CommandTransport:
    """Return the way to the `python3` of another machine.

    Raises:
        InputError: The name is no host's.
    """
    words = [*_ssh(host, environ), shlex.join(("python3", *PYTHON_OPTIONS))]
    return CommandTransport(words, host)


@contextmanager
def ssh_tar(
    host: str, folder: str, environ: Mapping[str, str] | None = None
) -> Iterator[IO[bytes]]:
    """Give a folder of a machine without Python as a tar stream.

    Raises:
        ProcessError: There is no such folder, or no tar either.
    """
    words = [*_ssh(host, environ), f"tar -cf - -C {shlex.quote(folder)} ."]
    with process.streamed(words) as stream:
        yield stream


def _ssh(host: str, environ: Mapping[str, str] | None) -> list[str]:
    # What begins with a dash would be an option of ssh.
    if not _HOST.fullmatch(host):
        raise InputError(f"{host!r} is no host", where="--host", hint="write user@host")
    variables = os.environ if environ is None else environ
    timeout = f"ConnectTimeout={_CONNECT_SECONDS}"
    command = variables.get(SSH_VARIABLE) or "ssh"
    return [command, "-T", "-o", "BatchMode=yes", "-o", timeout, "--", host]


def exec_transport(docker: str, container: str, python: str, where: str) -> CommandTransport:
    """Return the way to a Python in a running container.

    Args:
        docker: The Docker command.
        container: Id of the container.
        python: Path of the Python inside.
        where: How messages name the container.
    """
    return CommandTransport([docker, "exec", "-i", container, python, *PYTHON_OPTIONS], where)
