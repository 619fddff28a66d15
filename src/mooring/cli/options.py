"""Options that several verbs share, spelled and described once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from mooring.cli.terminal import TerminalReporter

F = TypeVar("F", bound=Callable[..., Any])

EXISTING = click.Path(path_type=Path)


def project_option(function: F) -> F:
    """Add `--project`: where the manifest is."""
    return click.option(
        "--project",
        "-C",
        type=EXISTING,
        default=Path(),
        metavar="DIR",
        help="Project folder, or a manifest file.  [default: this folder]",
    )(function)


def environment_option(function: F) -> F:
    """Add `--environment`: which named selection."""
    return click.option(
        "--environment",
        "-e",
        default="default",
        metavar="NAME",
        help="Named environment.  [default: default]",
    )(function)


def image_environment_option(function: F) -> F:
    """Add `--environment` for verbs about the image: the image's own is the default."""
    return click.option(
        "--environment",
        "-e",
        metavar="NAME",
        help="Named environment.  [default: that of [tool.mooring.image]]",
    )(function)


def target_environment_option(function: F) -> F:
    """Add `--environment` for verification: an image may say itself what it was made of."""
    return click.option(
        "--environment",
        "-e",
        metavar="NAME",
        help="Named environment.  [default: default; for images the one they were made of]",
    )(function)


def platform_option(function: F) -> F:
    """Add `--platform`: conda subdir or OCI name."""
    return click.option(
        "--platform",
        "platform",
        metavar="PLATFORM",
        help="linux-64, linux-aarch64, osx-arm64, win-64, ... or linux/amd64, linux/arm64.",
    )(function)


def lock_option(function: F) -> F:
    """Add `--lock`: a lock file to use instead of the project's."""
    return click.option(
        "--lock",
        "lock_file",
        type=EXISTING,
        metavar="FILE",
        help="Use this lock: pylock.toml, conda-lock.yml, pixi.lock or an @EXPLICIT .txt; no "
        "manifest is needed.",
    )(function)


def frozen_option(function: F) -> F:
    """Add `--frozen`: do not ask whether the lock is fresh."""
    return click.option(
        "--frozen", is_flag=True, help="Use the lock as it is, even when it is stale."
    )(function)


def record_ids_option(function: F) -> F:
    """Add `--record-ids`: lock what the wheels say of their files, before they are used."""
    return click.option(
        "--record-ids",
        is_flag=True,
        help="First lock what each wheel says of its files, where the lock lacks it.",
    )(function)


def format_option(function: F) -> F:
    """Add `--format`: for people or for machines."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        help="What goes to standard output.",
    )(function)


def talk_options(function: F) -> F:
    """Add `--quiet` and `--verbose`."""
    function = click.option("--quiet", "-q", is_flag=True, help="Only warnings and errors.")(
        function
    )
    return click.option("--verbose", "-v", is_flag=True, help="Also what outside tools print.")(
        function
    )


def reporter(quiet: bool, verbose: bool) -> TerminalReporter:
    """Make the reporter that `--quiet` and `--verbose` ask for.

    It is closed with the command, so that an error never stands behind a live line.
    """
    made = TerminalReporter(quiet=quiet, verbose=verbose)
    click.get_current_context().call_on_close(made.close)
    return made


def print_json(document: Mapping[str, object]) -> None:
    """Print a document on standard output."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if not text.isprintable():
        # Line feeds apart, a name may hold what no terminal should see, or what is no UTF-8.
        text = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    click.echo(text)
