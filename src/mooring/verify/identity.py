"""Is it the very artifact that is locked: the record id of its list of files, where both exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mooring.artifacts.record import NoIdentity, installed_record_id, is_library
from mooring.lock.model import Package, Selected
from mooring.verify.collectors.recorded import RecordedFiles
from mooring.verify.files import lists
from mooring.verify.inventory import Distribution, SeenFile
from mooring.verify.origin import parse_origin
from mooring.verify.shown import shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What the record ids say; there is none where nothing can be compared.

    Attributes:
        expected: The locked record id.
        actual: The installed one, or `none`; the same as `expected` for the locked wheel.
        other: Name of another locked wheel that is installed instead.
        edited: Why the RECORD was changed after an installer wrote it; None when nothing tells.
    """

    expected: str
    actual: str
    other: str | None = None
    edited: str | None = None


def judge(selected: Selected, distribution: Distribution) -> Judgement | None:
    """Compare the installed list of files with the locked wheel's, None without a statement.

    There is none without a locked id, without a RECORD, for what was installed from a folder or a
    repository, and in flat layouts, where installers put scripts and data among the packages.
    """
    package = selected.package
    expected = dict(package.record_ids).get(selected.artifact.name)
    if (
        expected is None
        or not distribution.has_record
        or _was_not_read(distribution.files)
        or not is_library(distribution.site)
        or _is_built(distribution)
    ):
        return None
    try:
        actual = installed_record_id(
            _claims(distribution.files),
            info=distribution.info,
            site=distribution.site,
        )
    except NoIdentity as reason:
        return Judgement(expected=expected, actual="none", edited=shown(str(reason)))
    if actual == expected:
        return Judgement(expected=expected, actual=actual)
    other = _locked_as(package, actual)
    return Judgement(
        expected=expected,
        actual=actual,
        other=other,
        edited=None if other else _evidence(distribution),
    )


def _was_not_read(files: Sequence[SeenFile]) -> bool:
    """Whether RECORD was left alone, which only metadata without record ids allows."""
    return isinstance(files, RecordedFiles) and not files.looked and not files


def _claims(files: Sequence[SeenFile]) -> Iterator[tuple[str, str | None]]:
    """Yield what RECORD says: each path with its digest."""
    if isinstance(files, RecordedFiles):
        return ((row.path, row.recorded) for row in files.record)
    return ((file.path, file.recorded) for file in files)


def _is_built(distribution: Distribution) -> bool:
    origin = parse_origin(distribution.direct_url) if distribution.direct_url else None
    return origin is not None and origin.kind != "archive"


def _locked_as(package: Package, record_id: str) -> str | None:
    return next((name for name, value in package.record_ids if value == record_id), None)


def _evidence(distribution: Distribution) -> str | None:
    """Return what no installer writes; another build of the version looks like an installation."""
    metadata = f"{distribution.info}/METADATA"
    if not lists(distribution.files, metadata):
        return "it does not list its own METADATA"
    for file in distribution.files:
        sizes = (file.recorded_size, file.size)
        if (
            file.recorded is not None
            and file.actual == file.recorded
            and None not in sizes
            and file.recorded_size != file.size
        ):
            return f"it has the digest of {shown(file.path)}, and not its size"
    return None
