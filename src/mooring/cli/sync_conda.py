"""`mooring sync --prefix`: conda prefixes."""

from __future__ import annotations

from pathlib import Path

from mooring.cli import options
from mooring.cli.outcome import counted
from mooring.cli.terminal import TerminalReporter
from mooring.workflow.conda_selecting import CondaProject
from mooring.workflow.conda_syncing import CondaSynced, sync_conda


def sync_and_show(
    project: CondaProject,
    prefix: Path,
    environment: str,
    offline: bool,
    form: str,
    reporter: TerminalReporter,
) -> None:
    """Make a conda prefix match the lock and say what was done."""
    synced = sync_conda(
        project, prefix, environment=environment, offline=offline, reporter=reporter
    )
    if form == "json":
        options.print_json(_document(synced))
    checked = synced.verified.verification
    reporter.finish(
        f"{synced.result.path}: {_changes(synced)}; {counted(checked.packages, 'package')} and "
        f"{counted(checked.checked_files, 'file')} match the lock"
    )


def _installed(synced: CondaSynced) -> list[str]:
    return sorted({*synced.result.installed, *synced.result.pypi_installed})


def _removed(synced: CondaSynced) -> list[str]:
    gone = {*synced.result.removed, *synced.result.pypi_removed}
    return sorted(gone.difference(_installed(synced)))


def _changes(synced: CondaSynced) -> str:
    parts = [
        f"{len(names)} {word}"
        for names, word in (
            (_installed(synced), "installed"),
            (_removed(synced), "removed"),
            (synced.reinstalled, "repaired"),
        )
        if names
    ]
    return ", ".join(parts) or "nothing to change"


def _document(synced: CondaSynced) -> dict[str, object]:
    return {
        "schema": "sync/1",
        "path": str(synced.result.path),
        "created": synced.result.created,
        "installed": _installed(synced),
        "removed": _removed(synced),
        "reinstalled": list(synced.reinstalled),
        "packages": synced.verified.verification.packages,
        "files": synced.verified.verification.checked_files,
        "skipped-scripts": list(synced.result.skipped_scripts),
    }
