"""The terminal: one file a verb, the only place that knows click."""

from __future__ import annotations

import gc
import signal
import sys

_GARBAGE = 50_000
"""New objects between two searches for cycles; Python's own number is 700."""

_INTERRUPTED = 130


def main() -> None:
    """Run the `mooring` command and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from mooring import __version__  # the one answer that needs no option parser

        sys.stdout.write(f"mooring {__version__}\n")
        return
    _end_like_an_interrupt()
    # What a verb makes is many small values without cycles: looking for those takes longer.
    gc.set_threshold(_GARBAGE)
    try:
        from mooring.cli.group import cli
        from mooring.cli.outcome import run

        code = run(cli, sys.argv[1:])
    except KeyboardInterrupt:  # while modules were loaded, or while the first one was handled
        sys.stderr.write("interrupted\n")
        code = _INTERRUPTED
    sys.exit(code)


def _end_like_an_interrupt() -> None:
    """Let a cancelled CI job or a closed terminal end the command as Ctrl-C does.

    Their signals would end it on the spot, and leave temporary files and running builds behind.
    A signal that is ignored already (`nohup`) stays ignored.
    """
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
