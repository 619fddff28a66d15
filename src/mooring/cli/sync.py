"""`mooring sync`."""

from __future__ import annotations

from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.outcome import counted
from mooring.cli.project import any_project
from mooring.cli.verify_table import show_table
from mooring.errors import InputError
from mooring.platforms import PythonVersion
from mooring.workflow.selecting import LockedProject
from mooring.workflow.syncing import StillDiffersError, Synced, sync_project


@click.command("sync")
@click.argument("path", required=False, type=options.EXISTING, metavar="[PATH]")
@options.project_option
@options.lock_option
@options.environment_option
@click.option(
    "--python",
    metavar="X.Y",
    help="Python of the environment, where the project leaves the choice.",
)
@click.option(
    "--prefix",
    type=options.EXISTING,
    metavar="DIR",
    help="Conda prefix to make, for a lock with conda packages.",
)
@click.option("--offline", is_flag=True, help="Use caches only.")
@options.record_ids_option
@options.frozen_option
@options.format_option
@options.talk_options
def command(
    path: Path | None,
    project: Path,
    lock_file: Path | None,
    environment: str,
    python: str | None,
    prefix: Path | None,
    offline: bool,
    record_ids: bool,
    frozen: bool,
    form: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Make the virtual environment PATH (default .venv) match the lock, and verify it.

    Only locked artifacts are installed, their hashes checked; what is not locked is removed; what
    drifted is installed again. With conda packages, --prefix names the conda prefix to make.
    """
    if prefix is not None and (path is not None or python is not None):
        raise click.UsageError("--prefix is a conda prefix: it goes with neither PATH nor --python")
    opened = any_project(project, lock_file, frozen=frozen)
    reporter = options.reporter(quiet, verbose)
    if not isinstance(opened, LockedProject):
        from mooring.cli.sync_conda import sync_and_show  # loads rattler

        if prefix is None:
            raise InputError(
                "the lock holds conda packages, which no virtual environment can hold",
                where=str(opened.path),
                hint="name the conda prefix to make: `mooring sync --prefix DIR`",
            )
        sync_and_show(opened, prefix, environment, offline, form, reporter)
        return 0
    if prefix is not None:
        raise InputError(
            "the lock holds no conda packages",
            where=str(opened.path),
            hint="make a virtual environment: `mooring sync PATH`",
        )
    if record_ids:
        from mooring.workflow.filling import with_record_ids  # only for this option

        opened = with_record_ids(opened, offline=offline, reporter=reporter)
    try:
        synced = sync_project(
            opened,
            environment=environment,
            path=path,
            python=PythonVersion.parse(python, "--python") if python else None,
            offline=offline,
            reporter=reporter,
        )
    except StillDiffersError as error:
        reporter.finish()
        if form == "json":
            options.print_json(_document(error.synced))
        else:
            show_table(error.synced.verified, quiet=quiet, verbose=verbose)
        raise
    if form == "json":
        options.print_json(_document(synced))
    checked = synced.verified.verification
    reporter.finish(
        f"{synced.result.path}: {_changes(synced)}; {counted(checked.packages, 'package')} and "
        f"{counted(checked.checked_files, 'file')} match the lock"
    )
    return 0


def _changes(synced: Synced) -> str:
    result = synced.result
    parts = [
        f"{len(names)} {word}"
        for names, word in (
            (result.installed, "installed"),
            (result.removed, "removed"),
            (synced.reinstalled, "repaired"),
        )
        if names
    ]
    return ", ".join(parts) or "nothing to change"


def _document(synced: Synced) -> dict[str, object]:
    result = synced.result
    return {
        "schema": "sync/1",
        "path": str(result.path),
        "created": result.created,
        "installed": list(result.installed),
        "removed": list(result.removed),
        "reinstalled": list(synced.reinstalled),
        "packages": synced.verified.verification.packages,
        "files": synced.verified.verification.checked_files,
        "failing": [
            {
                "rule": finding.rule.id,
                "package": finding.package,
                "path": finding.path,
                "message": finding.message,
                "fix": finding.fix,
            }
            for finding in synced.verified.verification.failing
        ],
    }
