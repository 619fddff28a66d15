"""`mooring lock`."""

from __future__ import annotations

from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.lock_shown import base_line, written_line
from mooring.cli.outcome import counted
from mooring.cli.terminal import TerminalReporter
from mooring.cli.versions import moves
from mooring.lock.model import Lock
from mooring.manifest.model import Manifest
from mooring.manifest.reader import load
from mooring.workflow.locking import (
    MOORING_LOCK_NAME,
    Freshness,
    LockOptions,
    LockResult,
    check_lock,
    lock_project,
)


@click.command("lock")
@options.project_option
@click.option("--check", is_flag=True, help="Only say whether the lock is fresh (no network).")
@click.option("--upgrade", "-U", is_flag=True, help="Let every pin move.")
@click.option(
    "--upgrade-package",
    "-P",
    "upgrade_packages",
    multiple=True,
    metavar="NAME",
    help="Let this pin move, and others only as far as they must.",
)
@click.option("--upgrade-base", is_flag=True, help="Resolve the tag of the base image again.")
@click.option("--base", metavar="IMAGE", help="Base image instead of the manifest's.")
@click.option("--no-base", is_flag=True, help="Lock packages only, no base image.")
@click.option("--only-wheels", is_flag=True, help="Fail when a platform would build from source.")
@click.option(
    "--record-ids",
    is_flag=True,
    help="Also lock what each wheel says of its files, so that verify knows it again.",
)
@click.option("--offline", is_flag=True, help="Use caches only.")
@options.format_option
@options.talk_options
def command(
    project: Path,
    check: bool,
    form: str,
    quiet: bool,
    verbose: bool,
    base: str | None,
    no_base: bool,
    upgrade_packages: tuple[str, ...],
    **flags: bool,
) -> int:
    """Resolve the declared requirements for every platform into pylock.toml (PEP 751).

    With conda packages the lock is a conda-lock.yml. Pins stay where they are unless an upgrade is
    asked for; nothing is solved when the inputs have not changed. --check exits with 1 and says
    which input changed.
    """
    manifest = load(project)
    if check:
        freshness = _checked(manifest, base, with_base=not no_base)
        held = None if no_base or not freshness.fresh else base_line(manifest, base)
        return _show_freshness(freshness, held, form, quiet)
    reporter = options.reporter(quiet, verbose)
    if manifest.conda:
        from mooring.cli.lock_conda import lock_and_show  # not needed without conda packages

        wanted = LockOptions(
            upgrade_packages=frozenset(upgrade_packages),
            base=base,
            with_base=not no_base,
            **flags,
        )
        lock_and_show(manifest, wanted, form, reporter)
        return 0
    result = lock_project(
        manifest,
        LockOptions(
            upgrade_packages=frozenset(map(_normalised, upgrade_packages)),
            base=base,
            with_base=not no_base,
            **flags,
        ),
        reporter,
    )
    if form == "json":
        options.print_json(_document(result))
    _show_result(result, None if no_base else base_line(manifest, base), reporter)
    return 0


def _checked(manifest: Manifest, base: str | None, *, with_base: bool) -> Freshness:
    if manifest.conda is None:
        return check_lock(manifest, base=base, with_base=with_base)
    from mooring.workflow.conda_locking import check_conda  # not needed without conda packages

    return check_conda(manifest, base=base, with_base=with_base)


def _normalised(name: str) -> str:
    from packaging.utils import InvalidName, canonicalize_name

    try:
        return canonicalize_name(name, validate=True)
    except InvalidName as error:
        raise click.BadParameter(f"{name!r} is not a package name") from error


def _show_freshness(freshness: Freshness, base: str | None, form: str, quiet: bool) -> int:
    if form == "json":
        options.print_json(
            {
                "schema": "lock-check/1",
                "lock": str(freshness.path),
                "fresh": freshness.fresh,
                "changes": list(freshness.changes),
            }
        )
    if freshness.fresh:
        with_base = f", {MOORING_LOCK_NAME} too: {base}" if base else ""
        options.reporter(quiet, False).finish(f"{freshness.path.name} is fresh{with_base}")
        return 0
    click.echo(f"{freshness.path.name} is stale:", err=True)
    for change in freshness.changes:
        click.echo(f"  {change}", err=True)
    click.echo("run `mooring lock` to refresh it", err=True)
    return 1


def _show_result(result: LockResult, base: str | None, reporter: TerminalReporter) -> None:
    for line in _moves(result):
        reporter.note(line)
    for reached in result.coverage:
        if reached.sdists:
            reporter.warn(
                f"{reached.target.environment} on {reached.target.platform}: built from source: "
                + ", ".join(reached.sdists)
            )
    platforms = sorted({str(c.target.platform) for c in result.coverage})
    packages = (
        f"{counted(len(result.lock.packages), 'package')}, "
        f"proved for {counted(len(result.coverage), 'environment and platform pair')}"
        f" ({', '.join(platforms)})"
    )
    reporter.finish(written_line(result.written, packages, base))


def _moves(result: LockResult) -> list[str]:
    """Say which versions moved against the lock that was there."""
    if result.previous is None or result.previous is result.lock:
        return []
    return moves(_versions(result.previous), _versions(result.lock))


def _versions(lock: Lock) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for package in lock.packages:
        found.setdefault(package.name, []).append(package.version or "(direct)")
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _document(result: LockResult) -> dict[str, object]:
    return {
        "schema": "lock/1",
        "lock": str(result.path),
        "written": [str(path) for path in result.written],
        "packages": len(result.lock.packages),
        "record_ids": sum(len(package.record_ids) for package in result.lock.packages),
        "moves": _moves(result),
        "coverage": [
            {
                "environment": reached.target.environment,
                "platform": str(reached.target.platform),
                "python": str(reached.target.python),
                "wheels": reached.wheels,
                "sdists": list(reached.sdists),
            }
            for reached in result.coverage
        ],
    }
