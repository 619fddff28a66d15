"""`mooring lock` for projects with conda packages."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import click

from mooring.cli import options
from mooring.cli.lock_shown import base_line, written_line
from mooring.cli.outcome import counted
from mooring.cli.terminal import TerminalReporter
from mooring.cli.versions import moves
from mooring.lock.conda import CondaLock
from mooring.manifest.model import Manifest
from mooring.workflow.conda_locking import CondaLockResult, lock_conda
from mooring.workflow.locking import LockOptions

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def lock_and_show(
    manifest: Manifest,
    wanted: LockOptions,
    form: str,
    reporter: TerminalReporter,
) -> None:
    """Lock a project with conda packages and say what came of it."""
    names = frozenset(map(_conda_name, wanted.upgrade_packages))
    result = lock_conda(manifest, replace(wanted, upgrade_packages=names), reporter)
    if form == "json":
        options.print_json(_document(result))
    for line in _moves(result):
        reporter.note(line)
    counts = _counts(result.lock)
    packages = ", ".join(
        f"{counted(number, 'package')} on {name}" for name, number in counts.items()
    )
    base = base_line(manifest, wanted.base) if wanted.with_base else None
    reporter.finish(written_line(result.written, packages, base))


def _conda_name(name: str) -> str:
    """Return the name as channels have it; unlike on PyPI, `_` and `-` differ."""
    if not _NAME.fullmatch(name):
        raise click.BadParameter(f"{name!r} is not a package name")
    return name.lower()


def _counts(lock: CondaLock) -> dict[str, int]:
    found = Counter(str(row.platform) for row in lock.conda)
    found.update(str(row.platform) for row in lock.pypi)
    return {str(platform): found[str(platform)] for platform in lock.platforms}


def _moves(result: CondaLockResult) -> list[str]:
    """Say which versions moved against the lock that was there."""
    if result.previous is None or result.previous is result.lock:
        return []
    return moves(_versions(result.previous), _versions(result.lock))


def _versions(lock: CondaLock) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for row in lock.conda:
        package = row.package
        found.setdefault(package.name, set()).add(package.version)
    for each in lock.pypi:
        found.setdefault(f"{each.name} (PyPI)", set()).add(each.version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _document(result: CondaLockResult) -> dict[str, object]:
    return {
        "schema": "conda-lock/1",
        "lock": str(result.path),
        "written": [str(path) for path in result.written],
        "conda": len(result.lock.conda),
        "pypi": len(result.lock.pypi),
        "moves": _moves(result),
        "platforms": _counts(result.lock),
    }
