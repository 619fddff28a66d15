"""T4: is what is installed the locked artifact itself, whatever its RECORD says?

A RECORD that was edited together with a file passes every check of the environment against
itself. Here the list of files comes from the locked wheel.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from packaging.version import InvalidVersion, Version

from mooring.artifacts.record import NoIdentity, installed_lines, is_library
from mooring.lock.alternatives import file_tags
from mooring.lock.model import Artifact, Selected, Selection
from mooring.verify import rules
from mooring.verify.artifact import installed_tags
from mooring.verify.findings import Finding, Rule
from mooring.verify.identity import judge
from mooring.verify.inventory import Distribution
from mooring.verify.origin import parse_origin
from mooring.verify.shown import shown

Lines = Mapping[str, str]
"""SHA-256 in hex by path: the body of a wheel's record document."""

Contents = Mapping[str, "Lines | str"]
"""By the file name of a wheel: what it holds, or why that is not known."""

_UNCHECKED: Rule = replace(rules.UNVERIFIABLE, lenient=True)
_MOST_NAMED = 20
_BUILT = "it was built on some machine, so there is no artifact with its files"

_Change = Literal["changed", "added", "gone"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deep:
    """One installation that is compared with its artifact.

    Attributes:
        wheel: The locked wheel that was installed; None for what was built.
        proved: Whether its locked record id proves its RECORD already.
        told: Whether that id says already that it is another artifact.
    """

    name: str
    distribution: Distribution
    wheel: Artifact | None
    proved: bool = False
    told: bool = False


def pairs_of(selection: Selection, installed: Mapping[str, list[Distribution]]) -> Iterator[Deep]:
    """Yield what can be compared: installations of a locked version that have a RECORD."""
    for selected in selection.packages:
        name = selected.package.name
        for distribution in installed.get(name, ())[:1]:
            if (
                distribution.owner is None
                and distribution.has_record
                and distribution.problem is None
                and _same_version(selected, distribution)
            ):
                yield _pair(selected, distribution)


def _pair(selected: Selected, distribution: Distribution) -> Deep:
    name = selected.package.name
    origin = parse_origin(distribution.direct_url) if distribution.direct_url else None
    built = origin is not None and origin.kind != "archive"
    if built or not selected.artifact.name.endswith(".whl"):
        return Deep(name=name, distribution=distribution, wheel=None)
    wheel = _installed_wheel(selected, distribution)
    judgement = judge(selected, distribution)
    ids = dict(selected.package.record_ids)
    proved = judgement is not None and judgement.actual in (judgement.expected, ids.get(wheel.name))
    return Deep(
        name=name,
        distribution=distribution,
        wheel=wheel,
        proved=proved,
        told=judgement is not None,
    )


def _installed_wheel(selected: Selected, distribution: Distribution) -> Artifact:
    """Return the locked wheel that has the installed tags; a newer machine may prefer another."""
    tags = installed_tags(distribution)
    fitting = (wheel for wheel in selected.package.wheels if file_tags(wheel) & tags)
    if file_tags(selected.artifact) & tags:
        return selected.artifact
    return next(fitting, selected.artifact)


def _same_version(selected: Selected, distribution: Distribution) -> bool:
    locked = selected.package.version
    if locked is None:
        return True
    try:
        return Version(locked) == Version(distribution.version)
    except InvalidVersion:
        return locked == distribution.version


def check_deep(pair: Deep, contents: Contents, fix: str) -> Iterator[Finding]:
    """Yield how an installation differs from its artifact, or that it could not be compared."""
    if pair.proved:
        return
    known = _BUILT if pair.wheel is None else contents.get(pair.wheel.name, "it was not read")
    if isinstance(known, str):
        yield Finding(
            rule=_UNCHECKED,
            message=f"its files were not compared with the locked artifact: {shown(known)}",
            package=pair.name,
            expected=shown(pair.wheel.name) if pair.wheel else None,
        )
        return
    changes = _changes(pair.distribution, known)
    if not changes:
        return  # a list of files that cannot be read is told already
    if len(changes) <= _MOST_NAMED and f"{pair.distribution.info}/WHEEL" not in changes:
        for path, change in sorted(changes.items()):
            yield _finding(pair, path, change, known, fix)
    elif not pair.told:
        yield Finding(
            rule=rules.ARTIFACT,
            message=f"it is another build: {len(changes):,} files are not as in the locked wheel",
            package=pair.name,
            expected=shown(pair.wheel.name) if pair.wheel else None,
            fix=fix,
        )


def _changes(distribution: Distribution, lines: Lines) -> dict[str, _Change] | None:
    rows = ((file.path, file.recorded) for file in distribution.files)
    try:
        mine = installed_lines(rows, info=distribution.info, site=distribution.site)
    except NoIdentity:
        return None
    changes: dict[str, _Change] = {
        path: "changed" if path in mine else "gone"
        for path, digest in lines.items()
        if mine.get(path) != digest
    }
    if is_library(distribution.site):
        # In flat layouts installers put scripts and data among the packages.
        changes |= dict.fromkeys(mine.keys() - lines.keys(), "added")
    return changes


def _finding(pair: Deep, path: str, change: _Change, lines: Lines, fix: str) -> Finding:
    distribution = pair.distribution
    found = next((file for file in distribution.files if file.path == path), None)
    expected = f"sha256:{lines[path]}" if path in lines else None
    actual = found.actual if found else None
    where = posixpath.normpath(posixpath.join(distribution.site, path))
    message = {
        "changed": "it is not the file of the locked wheel, and RECORD was edited to fit",
        "added": "RECORD lists it, and the locked wheel has no such file",
        "gone": "the locked wheel has it, and RECORD does not list it",
    }[change]
    rule = rules.MODIFIED if change == "changed" else rules.RECORD
    if change == "changed" and actual == expected:
        rule, message = rules.RECORD, "it is the file of the locked wheel, and RECORD says another"
    return Finding(
        rule=rule,
        message=message,
        package=pair.name,
        path=shown(where),
        expected=expected,
        actual=actual,
        fix=fix,
    )
