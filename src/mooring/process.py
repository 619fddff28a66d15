"""The one place that starts processes: bounded, without a shell, and without leaking secrets."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mooring.errors import MooringError
from mooring.urls import redact

KEPT_OUTPUT_BYTES = 32 << 20
GRACE_SECONDS = 3.0
"""How long a program may take to end when it is told to; CI systems wait less than ten."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """A process that ended: its exit code and what it printed, decoded as UTF-8."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        return self.returncode == 0


class ProcessError(MooringError):
    """An outside tool could not be started or did not end in time (exit code 3)."""


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | Path | None = None,
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
    most_output: int | None = None,
) -> Completed:
    """Run a program to its end and return what it said; a non-zero exit is no error here.

    Args:
        argv: Program and arguments; never a shell line.
        cwd: Working folder.
        env: The whole environment of the process; this process's own when None.
        stdin: Bytes, or a file, given on standard input; none by default.
        timeout: Seconds until it is ended.
        on_line: Called with each line of standard error as it comes, credentials removed.
        most_output: Bytes of standard output above which it is ended, for programs that are not
            trusted; without, what is above `KEPT_OUTPUT_BYTES` is dropped.

    Raises:
        ProcessError: The program is absent, cannot be started, ran out of time, or prints more
            than is accepted.
    """
    words = tuple(os.fspath(word) for word in argv)
    source = stdin.open("rb") if isinstance(stdin, Path) else None
    try:
        process = _start(words, cwd=cwd, env=env, stdin=source, feed=isinstance(stdin, bytes))
    finally:
        if source is not None:
            source.close()
    collected = _Collected(process, stdin if isinstance(stdin, bytes) else None, on_line)
    if most_output is not None:
        collected.limit(most_output, process.kill)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise ProcessError(f"`{_shown(words)}` did not end within {timeout:.0f} s") from error
    except BaseException:
        _end(process)
        raise
    stdout, stderr = collected.join()
    if collected.exceeded:
        raise ProcessError(f"`{_shown(words)}` printed more than {most_output} bytes and was ended")
    return Completed(argv=words, returncode=process.returncode, stdout=stdout, stderr=stderr)


@contextmanager
def streamed(
    argv: Sequence[str | os.PathLike[str]], *, env: Mapping[str, str] | None = None
) -> Iterator[IO[bytes]]:
    """Give the standard output of a program as a stream, for tars too large to hold.

    Raises:
        ProcessError: The program is absent, or ended with an error after the stream was read.
    """
    words = tuple(os.fspath(word) for word in argv)
    process = _start(words, cwd=None, env=env, stdin=None, feed=False)
    assert process.stdout is not None
    assert process.stderr is not None
    errors = _Drain(process.stderr, None)
    with process:
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            errors.join()  # nobody may close the pipe while it is read
            raise
        process.stdout.close()
        code = process.wait()
        said = errors.join().strip()
    if code not in (0, -13):
        raise ProcessError(f"`{_shown(words)}` failed: {redact(said) or f'exit code {code}'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program: `docker build`, for one, goes on with its work after a polite request."""
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    except BaseException:
        process.kill()
        raise


def _start(
    words: tuple[str, ...],
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdin: IO[bytes] | None,
    feed: bool,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            words,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=stdin or (subprocess.PIPE if feed else subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ProcessError(f"cannot start `{words[0]}`: {reason}") from error


class _Drain:
    """Reads a pipe to its end on a thread, keeping at most `KEPT_OUTPUT_BYTES`."""

    def __init__(self, pipe: IO[bytes], on_line: Callable[[str], None] | None) -> None:
        self.exceeded = False
        self._kept = bytearray()
        self._most = KEPT_OUTPUT_BYTES
        self._full: Callable[[], None] | None = None
        self._pipe = pipe
        self._on_line = on_line
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in iter(lambda: self._pipe.readline(1 << 16), b""):
            if len(self._kept) < self._most:
                self._kept += line
            elif self._full is not None:
                self.exceeded = True
                self._full()
                break
            if self._on_line is not None:
                self._on_line(redact(line.decode("utf-8", "replace").rstrip("\r\n")))
        self._pipe.close()

    def limit(self, most: int, full: Callable[[], None]) -> None:
        """Call `full` once when more than `most` bytes were read, or have been already."""
        self._full, self._most = full, most

    def join(self) -> str:
        """Return what was kept; called when the program has ended.

        What it started and left behind may hold the pipe for ever: silence ends the waiting.
        """
        read = -1
        while self._thread.is_alive() and read < len(self._kept):
            read = len(self._kept)
            self._thread.join(GRACE_SECONDS)
        return self._kept.decode("utf-8", "replace")


class _Collected:
    """Both output pipes of a process, drained while its input is fed."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        stdin: bytes | None,
        on_line: Callable[[str], None] | None,
    ) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._stdout = _Drain(process.stdout, None)
        self._stderr = _Drain(process.stderr, on_line)
        self._feeder: threading.Thread | None = None
        if stdin is not None and process.stdin is not None:
            self._feeder = threading.Thread(target=_feed, args=(process.stdin, stdin), daemon=True)
            self._feeder.start()

    @property
    def exceeded(self) -> bool:
        """Whether standard output was more than its limit."""
        return self._stdout.exceeded

    def limit(self, most: int, full: Callable[[], None]) -> None:
        """Call `full` when standard output is more than `most` bytes."""
        self._stdout.limit(most, full)

    def join(self) -> tuple[str, str]:
        if self._feeder is not None:
            self._feeder.join(GRACE_SECONDS)
        return self._stdout.join(), self._stderr.join()


def _feed(pipe: IO[bytes], data: bytes) -> None:
    # A program that ended without reading all of it is no error: its exit code says why.
    with suppress(OSError):
        pipe.write(data)
    with suppress(OSError):
        pipe.close()


def _shown(words: tuple[str, ...]) -> str:
    return redact(" ".join(words[:4]) + (" ..." if len(words) > 4 else ""))
