from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from mooring.process import GRACE_SECONDS, ProcessError, run, streamed

pytestmark = pytest.mark.process

PYTHON = sys.executable


def test_output_exit_code_and_arguments() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    done = run([PYTHON, "-c", code])
    assert (done.returncode, done.ok) == (7, False)
    assert (done.stdout.strip(), done.stderr.strip()) == ("out", "err")
    assert done.argv == (PYTHON, "-c", code)


def test_arguments_are_never_a_shell_line(tmp_path: Path) -> None:
    word = "$(touch made); `touch made` && touch made"
    done = run([PYTHON, "-c", "import sys; print(sys.argv[1])", word], cwd=tmp_path)
    assert done.stdout.strip() == word
    assert list(tmp_path.iterdir()) == []


def test_environment_is_the_one_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "yes")
    code = "import os; print(os.environ.get('INHERITED'), os.environ.get('GIVEN'))"
    assert run([PYTHON, "-c", code]).stdout.split() == ["yes", "None"]
    assert run([PYTHON, "-c", code], env={"GIVEN": "g"}).stdout.split() == ["None", "g"]


def test_standard_input_of_bytes_larger_than_a_pipe() -> None:
    code = "import sys; data = sys.stdin.buffer.read(); print(len(data)); print('x' * 300_000)"
    done = run([PYTHON, "-c", code], stdin=b"a" * 500_000)
    assert done.stdout.split()[0] == "500000"
    assert len(done.stdout) > 300_000


def test_standard_input_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"hello")
    echo = "import sys; print(sys.stdin.read())"
    assert run([PYTHON, "-c", echo], stdin=path).stdout.strip() == "hello"
    assert run([PYTHON, "-c", echo]).stdout.strip() == ""


def test_a_program_that_does_not_read_its_input_is_no_error() -> None:
    assert run([PYTHON, "-c", ""], stdin=b"a" * 1_000_000).ok


def test_lines_come_as_they_are_written_without_credentials() -> None:
    lines: list[str] = []
    code = "import sys; print('one\\ntwo https://me:secret@h.example/', file=sys.stderr)"
    run([PYTHON, "-c", code], on_line=lines.append)
    assert lines == ["one", "two https://***@h.example/"]


def test_output_that_is_not_utf8_is_kept_readable() -> None:
    done = run([PYTHON, "-c", "import sys; sys.stdout.buffer.write(b'a\\xffb')"])
    assert done.stdout == "a\ufffdb"


def test_a_program_that_is_absent() -> None:
    with pytest.raises(ProcessError, match="cannot start `no-such-program-here`") as caught:
        run(["no-such-program-here"])
    assert caught.value.exit_code == 3


def test_a_word_with_a_null_byte_is_an_expected_error() -> None:
    with pytest.raises(ProcessError, match="cannot start"):
        run([PYTHON, "-c", "a\0b"])


def test_out_of_time_ends_the_program_and_shows_no_secret() -> None:
    begun = time.monotonic()
    code = "import time; time.sleep(60)"
    with pytest.raises(ProcessError, match="did not end within") as caught:
        run([PYTHON, "-c", code, "https://me:secret@h.example/"], timeout=0.3)
    assert time.monotonic() - begun < 10
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_an_interrupt_ends_a_program_that_ignores_requests() -> None:
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    begun = time.monotonic()
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    try:
        with pytest.raises(KeyboardInterrupt):
            run([PYTHON, "-c", code])
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - begun < GRACE_SECONDS + 5


@pytest.mark.skipif(sys.platform == "win32", reason="it is a shell line")
@pytest.mark.parametrize("end", ["exit 0", "wait"])
def test_what_a_program_leaves_behind_is_not_waited_for(end: str) -> None:
    begun = time.monotonic()
    try:
        run(["sh", "-c", f"echo said; sleep 20 & {end}"], timeout=1)
    except ProcessError as error:
        assert "did not end" in str(error)  # noqa: PT017  # one of the two ends in time
    assert time.monotonic() - begun < 15


def test_streamed_gives_all_of_it() -> None:
    with streamed([PYTHON, "-c", "import sys; sys.stdout.buffer.write(b'x' * 3_000_000)"]) as pipe:
        assert len(pipe.read()) == 3_000_000


def test_streamed_tells_of_a_failure_after_the_stream() -> None:
    code = "import sys; print('part'); sys.exit('no such container https://u:p@h.example')"
    with (
        pytest.raises(ProcessError, match=r"no such container https://\*\*\*@h") as caught,
        streamed([PYTHON, "-c", code]) as pipe,
    ):
        assert pipe.read().strip() == b"part"
    assert "u:p" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGPIPE is POSIX")
def test_streamed_may_be_left_early() -> None:
    code = (
        "import signal, sys\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "while True: sys.stdout.write('x' * 65536)"
    )
    with streamed([PYTHON, "-c", code]) as pipe:
        assert pipe.read(10) == b"x" * 10


def test_streamed_ends_the_program_when_the_reader_fails() -> None:
    with (
        pytest.raises(KeyError),
        streamed([PYTHON, "-c", "import time; time.sleep(60)"]),
    ):
        raise KeyError
