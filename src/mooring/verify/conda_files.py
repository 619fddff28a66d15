"""Are the files of a conda package those that were packaged: MOR107, MOR109, MOR124, MOR125."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence

from mooring.verify import rules
from mooring.verify.conda_inventory import CondaFile, CondaInstalled
from mooring.verify.findings import Finding, Rule
from mooring.verify.shown import shown

_NOTHING = f"sha256:{hashlib.sha256(b'').hexdigest()}"
"""What packages record as the content behind a link to a folder, or to nothing."""

_CERTIFICATES = ("ssl/cacert.pem", "ssl/cert.pem", "certifi/cacert.pem")
"""People add the certificate authority of their company to these: seen, but no breakage."""

_NAMED = 3


def packaged_digests(packages: Sequence[CondaInstalled]) -> Mapping[str, str]:
    """Return the digest as packaged of every file and link of a prefix, by its path."""
    return {
        file.path: file.packaged
        for package in packages
        for file in package.files
        if file.packaged is not None
    }


def check_conda_files(
    package: CondaInstalled, packaged: Mapping[str, str], fix: str, *, hashed: bool
) -> Iterator[Finding]:
    """Yield what differs from the package's record.

    Args:
        package: With its files as they were found.
        packaged: Digests as packaged by path, of the whole prefix.
        fix: What puts a file right.
        hashed: Whether contents were read.
    """
    if package.problem is not None:
        yield Finding(
            rule=rules.UNVERIFIABLE,
            message=f"its files cannot be checked: {shown(package.problem)}",
            package=package.name,
            path=shown(package.record),
            fix=fix,
        )
    unchecked = []
    for file in package.files:
        problem = _problem(file, packaged, hashed=hashed)
        if problem is not None:
            yield _finding(package, file, *problem, fix)
        elif file.row == "file" and file.recorded is None and file.kind == "file":
            unchecked.append(file)
        if file.owner_path is not None:
            yield Finding(
                rule=rules.DUPLICATE.at("warning"),
                message=f"another package's {shown(file.owner_path)} is in the place of its own",
                package=package.name,
                path=shown(file.path),
                fix="report it to whoever makes these packages: two of them hold one file",
            )
    if unchecked:
        yield _unchecked(package, unchecked, fix)
    shared = _shared(package, fix)
    if shared is not None:
        yield shared


def compared_conda_files(package: CondaInstalled) -> tuple[int, int]:
    """Return how many files were compared by content, and how many bytes they have."""
    sizes = [file.size or 0 for file in package.files if file.actual and file.recorded]
    return len(sizes), sum(sizes)


def is_about_file(finding: Finding) -> bool:
    """Whether a finding is about the content of one file of a conda package."""
    return finding.rule.id in (rules.REMOVED.id, rules.CONDA_FILE.id)


def _problem(
    file: CondaFile, packaged: Mapping[str, str], *, hashed: bool
) -> tuple[Rule, str] | None:
    if file.kind == "unexamined":
        return rules.UNVERIFIABLE, file.problem or "it was not looked at"
    if file.kind == "missing":
        return rules.REMOVED, "the file is gone"
    match file.row:
        case "link":
            return _link_problem(file, packaged, hashed=hashed)
        case "entry":
            said = "it is no program for Python any more"
            return None if file.script else (rules.CONDA_FILE, said)
        case "listed":
            said = "the record lists it without a digest, as conda does with an altered copy"
            return rules.CONDA_FILE, said
        case "file":
            return _content_problem(file, hashed=hashed)


def _content_problem(file: CondaFile, *, hashed: bool) -> tuple[Rule, str] | None:
    if file.actual is not None and file.actual == file.recorded:
        return None
    if file.recorded is None:
        return None
    if file.problem is not None:
        rule = rules.UNVERIFIABLE if file.kind == "file" else _rule(file)
        return rule, file.problem
    if hashed:
        return _rule(file), "the content differs"
    if None not in (file.size, file.recorded_size) and file.size != file.recorded_size:
        return _rule(file), "the size differs"
    return None


def _link_problem(
    file: CondaFile, packaged: Mapping[str, str], *, hashed: bool
) -> tuple[Rule, str] | None:
    """Accept the text of the link as recorded, or a target that has the recorded content."""
    if file.link is None:
        return _rule(file), "it was a link and is none any more"
    if file.recorded_link is not None:
        text = file.link.encode("utf-8", "surrogateescape")
        if file.recorded_link == f"sha256:{hashlib.sha256(text).hexdigest()}":
            return None
    if not hashed and file.recorded_link is None:
        return None
    if file.recorded is not None and file.recorded in (file.actual, _target(file, packaged)):
        return None
    if file.recorded in (None, _NOTHING) and file.recorded_link is None:
        return None  # it led to a folder, of which no content is recorded
    return _rule(file), f"it is a link to {shown(file.link)}"


def _target(file: CondaFile, packaged: Mapping[str, str]) -> str | None:
    """Return the digest, before the prefix was written into it, of what a link leads to."""
    assert file.link is not None
    seen = file.path
    return packaged.get(posixpath.normpath(posixpath.join(posixpath.dirname(seen), file.link)))


def _rule(file: CondaFile) -> Rule:
    if file.path.endswith(_CERTIFICATES):
        return rules.CONDA_FILE.at("warning")
    return rules.CONDA_FILE


def _finding(
    package: CondaInstalled, file: CondaFile, rule: Rule, message: str, fix: str
) -> Finding:
    return Finding(
        rule=rule,
        message=message,
        package=package.name,
        path=shown(file.path),
        expected=file.recorded_link or file.recorded,
        actual=file.actual,
        fix=fix,
    )


def _unchecked(package: CondaInstalled, files: Sequence[CondaFile], fix: str) -> Finding:
    some = ", ".join(shown(file.path) for file in files[:_NAMED])
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    return Finding(
        rule=rules.UNHASHED,
        message=f"its record gives no usable digest for {some}{more}",
        package=package.name,
        path=shown(package.record),
        fix=fix,
    )


def _shared(package: CondaInstalled, fix: str) -> Finding | None:
    files = [file for file in package.files if file.links is not None]
    if not files:
        return None
    number = "a changed file" if len(files) == 1 else f"{len(files)} changed files"
    others = max(file.links or 1 for file in files) - 1
    places = "1 other place" if others == 1 else f"{others} other places"
    return Finding(
        rule=rules.SHARED,
        message=f"{number} can be found in {places} too, such as the package cache: hard links",
        package=package.name,
        fix=f"clean the package cache of what installed it, then {fix}",
    )
