"""`mooring verify`."""

from __future__ import annotations

from pathlib import Path

import click

from mooring.cli import options
from mooring.cli.project import locked_project
from mooring.cli.verify_table import show_table
from mooring.digests import sha256_hex
from mooring.verify.report.json_report import document
from mooring.workflow.containers import verify_container, verify_image
from mooring.workflow.selecting import LockedProject
from mooring.workflow.verifying import Verified, verify_path


@click.command("verify")
@click.argument("path", required=False, type=options.EXISTING, metavar="[PATH]")
@click.option("--container", metavar="NAME", help="Verify a container, running or stopped.")
@click.option("--image", metavar="IMAGE", help="Verify an image; it is not started.")
@options.project_option
@options.lock_option
@options.target_environment_option
@options.frozen_option
@options.format_option
@options.talk_options
def command(
    path: Path | None,
    container: str | None,
    image: str | None,
    project: Path,
    lock_file: Path | None,
    environment: str | None,
    frozen: bool,
    form: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Compare an environment with the lock: names, versions, artifacts and every file's content.

    PATH is a virtual environment (default .venv). Exit code 0: it matches; 1: it drifted; 3: it
    could not be checked.
    """
    if sum(target is not None for target in (path, container, image)) > 1:
        raise click.UsageError("give one of PATH, --container and --image")
    opened = locked_project(project, lock_file, frozen=frozen)
    verified = _verify(opened, path, container, image, environment)
    if form == "json":
        options.print_json(
            document(
                verified.verification,
                verified.inventory,
                lock_path=str(opened.path),
                lock_sha256=sha256_hex(opened.path.read_bytes()),
                selection=verified.selection,
            )
        )
    else:
        show_table(verified, quiet=quiet, verbose=verbose)
    return exit_code(verified)


def _verify(
    opened: LockedProject,
    path: Path | None,
    container: str | None,
    image: str | None,
    environment: str | None,
) -> Verified:
    if container is not None:
        return verify_container(opened, container, environment=environment)
    if image is not None:
        return verify_image(opened, image, environment=environment)
    return verify_path(opened, path or opened.root / ".venv", environment=environment or "default")


def exit_code(verified: Verified) -> int:
    """Return 0 when clean, 1 for drift, 3 when all that fails could not be checked."""
    failing = verified.verification.failing
    if not failing:
        return 0
    return 3 if all(finding.rule.unverifiable for finding in failing) else 1
