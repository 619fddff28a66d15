"""Are the files of a distribution those that were installed: MOR106, MOR107, MOR109, MOR110."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence

from mooring.verify import rules
from mooring.verify.collectors.recorded import RecordedFiles
from mooring.verify.findings import Finding, Rule
from mooring.verify.inventory import Distribution, SeenFile
from mooring.verify.shown import shown

_UNHASHED_BY_NATURE = ("RECORD", "RECORD.jws", "RECORD.p7s")
_NAMED = 3
# People add the certificate authority of their company to this file: seen, but no breakage.
_CERTIFICATES = "certifi/cacert.pem"


def check_files(
    name: str, distribution: Distribution, fix: str, *, hashed: bool, looked: bool = True
) -> Iterator[Finding]:
    """Yield what differs from the distribution's own RECORD.

    Args:
        name: Normalised name.
        distribution: With its files as they were found.
        fix: What puts a file right.
        hashed: Whether contents were read.
        looked: Whether files were looked at; without, RECORD may not have been read either.
    """
    if distribution.problem is not None or not distribution.has_record:
        problem = distribution.problem or "it has no RECORD"
        yield _unverifiable(name, distribution, problem, fix)
        return
    metadata = f"{distribution.info}/METADATA"
    if (looked or distribution.files) and not covers(distribution.files, metadata):
        problem = "its RECORD does not cover its own METADATA"
        yield _unverifiable(name, distribution, problem, fix)
    unhashed = []
    for file in odd_files(distribution.files):
        if file.recorded is None and _needs_digest(file, distribution.info):
            unhashed.append(file)
        finding = _check(name, distribution.site, file, fix, hashed=hashed)
        if finding is not None:
            yield finding
    if unhashed:
        yield _unhashed(name, distribution, unhashed, fix)


def compared_files(distribution: Distribution) -> tuple[int, int]:
    """Return how many files were compared by content, and how many bytes they have."""
    if isinstance(distribution.files, RecordedFiles):
        return distribution.files.compared
    sizes = [
        file.size or 0
        for file in distribution.files
        if file.actual is not None and file.recorded is not None
    ]
    return len(sizes), sum(sizes)


def odd_files(files: Sequence[SeenFile]) -> Iterable[SeenFile]:
    """Return the files of which something may have to be said, where that is known; else all."""
    return (file for _, file in files.odd()) if isinstance(files, RecordedFiles) else files


def covers(files: Sequence[SeenFile], path: str) -> bool:
    """Whether RECORD gives a usable digest for a path."""
    if isinstance(files, RecordedFiles):
        row = files.record.find(path)
        return row is not None and row.recorded is not None
    return any(file.path == path and file.recorded for file in files)


def lists(files: Sequence[SeenFile], path: str) -> bool:
    """Whether RECORD has a row for a path."""
    if isinstance(files, RecordedFiles):
        return files.record.find(path) is not None
    return any(file.path == path for file in files)


def _check(name: str, site: str, file: SeenFile, fix: str, *, hashed: bool) -> Finding | None:
    if file.recorded is not None and file.actual == file.recorded:
        return None
    if file.kind == "unexamined":
        problem = file.problem or "it was not looked at"
        return _finding(rules.UNVERIFIABLE, name, site, file, problem, fix)
    if "__pycache__" in file.path:
        return None  # Python writes these when it likes, and their digests are not kept up to date
    if file.kind == "missing":
        return _finding(rules.REMOVED, name, site, file, "the file is gone", fix)
    if file.problem is not None and file.recorded is not None:
        rule = rules.UNVERIFIABLE if file.kind == "file" else rules.MODIFIED
        return _finding(rule, name, site, file, file.problem, fix)
    if hashed and file.recorded is not None:
        return _finding(modified(file.path), name, site, file, "the content differs", fix)
    if None not in (file.size, file.recorded_size) and file.size != file.recorded_size:
        return _finding(modified(file.path), name, site, file, "the size differs", fix)
    return None


def modified(path: str) -> Rule:
    """Return the rule for a changed file, with the severity that the path deserves."""
    if path.endswith(_CERTIFICATES):
        return rules.MODIFIED.at("warning")
    return rules.MODIFIED


def _needs_digest(file: SeenFile, info: str) -> bool:
    """Whether a row without a digest is one that installers do not write."""
    return not (
        file.kind in ("missing", "unexamined")
        or ("__pycache__" in file.path and file.path.endswith(".pyc"))
        or file.path in [f"{info}/{name}" for name in _UNHASHED_BY_NATURE]
    )


def _finding(rule: Rule, name: str, site: str, file: SeenFile, message: str, fix: str) -> Finding:
    return Finding(
        rule=rule,
        message=message,
        package=name,
        path=_path(site, file.path),
        expected=file.recorded,
        actual=file.actual,
        fix=fix,
    )


def _path(site: str, path: str) -> str:
    return shown(posixpath.normpath(posixpath.join(site, path)))


def _unverifiable(name: str, distribution: Distribution, problem: str, fix: str) -> Finding:
    return Finding(
        rule=rules.UNVERIFIABLE,
        message=f"its files cannot be checked: {shown(problem)}",
        package=name,
        path=_path(distribution.site, distribution.info),
        fix=fix,
    )


def _unhashed(name: str, distribution: Distribution, files: list[SeenFile], fix: str) -> Finding:
    some = ", ".join(shown(file.path) for file in files[:_NAMED])
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return Finding(
        rule=rules.UNHASHED,
        message=f"RECORD gives no usable digest for {some}{more}",
        package=name,
        path=_path(distribution.site, f"{distribution.info}/RECORD"),
        fix=fix,
    )
