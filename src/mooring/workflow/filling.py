"""Fill: add the record ids that a lock lacks, for the verbs that use a lock."""

from __future__ import annotations

from dataclasses import replace

from mooring.errors import InputError
from mooring.files import one_writer, write_files
from mooring.lock.formats import pylock
from mooring.reporting import SILENT, Reporter
from mooring.workflow.record_ids import find_record_ids
from mooring.workflow.selecting import LockedProject


def with_record_ids(
    project: LockedProject, *, offline: bool = False, reporter: Reporter = SILENT
) -> LockedProject:
    """Return the project with the record id of every wheel that its targets select, and write it.

    The ids come from the locked wheels themselves, as for `mooring lock --record-ids`: from the
    locked address, or from a file that has the locked SHA-256. What is installed is never asked:
    it may come from a cache that drifted together with its RECORD, and would prove itself.

    Args:
        project: A project with its own lock.
        offline: Whether wheels must not be fetched.
        reporter: Told what is fetched.

    Raises:
        InputError: The lock is another tool's, or belongs to no project.
        MooringError: A wheel cannot be had (exit code 3).
    """
    manifest = project.manifest
    if manifest is None or project.lock.provenance is None:
        raise InputError(
            "record ids are added to the lock of a project, and this lock belongs to none",
            where=str(project.path),
            hint="run `mooring lock --record-ids`",
        )
    lock = find_record_ids(
        project.lock,
        folder=manifest.root,
        indexes=manifest.indexes,
        offline=offline,
        reporter=reporter,
    )
    if lock is not project.lock:
        with one_writer(manifest.root):
            write_files({project.path: pylock.write(lock).encode("utf-8")})
    return replace(project, lock=lock)
