"""The terminal: one file a verb, the only place that knows click."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the `mooring` command and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from mooring import __version__  # the one answer that needs no option parser

        sys.stdout.write(f"mooring {__version__}\n")
        return
    from mooring.cli.group import cli
    from mooring.cli.outcome import run

    sys.exit(run(cli, sys.argv[1:]))
