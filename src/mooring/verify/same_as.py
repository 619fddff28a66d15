"""Two inventories side by side: what one environment has and the other has not.

The other side is what is expected.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mooring.manifest.model import VerifyPolicy
from mooring.verify import rules
from mooring.verify.compare import SEEDS
from mooring.verify.findings import Finding, Verification
from mooring.verify.folding import folded
from mooring.verify.inventory import Distribution, Interpreter, Inventory, SeenFile
from mooring.verify.origin import parse_origin
from mooring.verify.same_files import Counted, Pair, compare_files, differ
from mooring.verify.shown import shown
from mooring.verify.strays import check_strays


def compare_inventories(
    inventory: Inventory, other: Inventory, policy: VerifyPolicy
) -> Verification:
    """Compare an environment with another one; every finding counts until it is judged.

    Args:
        inventory: The environment that is verified.
        other: What it should be the same as.
        policy: For the packages that either side may have besides.
    """
    here, there = _by_name(inventory), _by_name(other)
    compared = sorted(here.keys() & there.keys())
    hashed = inventory.hashed and other.hashed
    counted = Counted()
    found = chain(
        _interpreters(inventory, other),
        _only_on_one_side(here, there, policy),
        _strays(inventory, other),
        _system(inventory, other),
        *(
            _packages(Pair(name=name, hashed=hashed), here[name], there[name], counted)
            for name in compared
        ),
    )
    findings = tuple(folded(found, policy.ignore))
    return Verification(
        findings=findings,
        packages=len(compared),
        checked_files=counted.files,
        checked_bytes=counted.size,
        failing=findings,
    )


def _by_name(inventory: Inventory) -> dict[str, list[Distribution]]:
    found: dict[str, list[Distribution]] = defaultdict(list)
    for distribution in inventory.distributions:
        found[canonicalize_name(distribution.name)].append(distribution)
    return dict(found)


def _interpreters(inventory: Inventory, other: Inventory) -> Iterator[Finding]:
    seen, wanted = inventory.interpreter, other.interpreter
    if None in (seen.version, wanted.version):
        if seen.version != wanted.version:
            yield Finding(
                rule=rules.UNVERIFIABLE,
                message="the version of its Python, or of the other one's, cannot be told",
                expected=_text(wanted.version),
                actual=_text(seen.version),
            )
        return
    other_kind = differ(seen.implementation, wanted.implementation)
    if other_kind or seen.version != wanted.version:
        same_minor = _minor(seen) == _minor(wanted) and not other_kind
        yield Finding(
            rule=rules.PYTHON.at("warning") if same_minor else rules.PYTHON,
            message="the other environment has another Python",
            expected=_text(f"{wanted.implementation or ''} {wanted.version}".strip()),
            actual=_text(f"{seen.implementation or ''} {seen.version}".strip()),
        )


def _minor(interpreter: Interpreter) -> list[str]:
    return (interpreter.version or "").split(".")[:2]


def _only_on_one_side(
    here: Mapping[str, Sequence[Distribution]],
    there: Mapping[str, Sequence[Distribution]],
    policy: VerifyPolicy,
) -> Iterator[Finding]:
    allowed = {canonicalize_name(name) for name in policy.allow_extra}
    for name in sorted(there.keys() - here.keys() - allowed):
        yield Finding(
            rule=rules.MISSING.at("info") if name in SEEDS else rules.MISSING,
            message="the other environment has it, this one has not",
            package=name,
            expected=shown(there[name][0].version),
        )
    for name in sorted(here.keys() - there.keys() - allowed):
        yield Finding(
            rule=rules.EXTRA.at("info") if name in SEEDS else rules.EXTRA,
            message="this environment has it, the other one has not",
            package=name,
            actual=shown(here[name][0].version),
        )


def _strays(inventory: Inventory, other: Inventory) -> Iterator[Finding]:
    """Compare the files that no package lists; of most of them only the presence is known."""
    theirs = {(stray.path, stray.kind): stray for stray in other.strays}
    mine = {(stray.path, stray.kind): stray for stray in inventory.strays}
    fresh = []
    for key, stray in mine.items():
        same = theirs.get(key)
        if same is None or stray.kind == "unexamined" or stray.digest != same.digest:
            fresh.append(stray)
        elif stray.kind in ("module", "plugin") and stray.digest is None:
            yield Finding(
                rule=rules.UNVERIFIABLE,
                message="no package brought it to either side, and its content is not compared",
                path=shown(stray.path),
            )
    yield from check_strays(replace(inventory, strays=tuple(fresh)), frozenset())
    for key, stray in theirs.items():
        if key not in mine and stray.kind != "known":
            yield Finding(
                rule=rules.STRAY.at("warning"),
                message="the other environment has it, without any package, this one has not",
                path=shown(stray.path),
                expected=stray.digest,
            )


def _system(inventory: Inventory, other: Inventory) -> Iterator[Finding]:
    """Compare the files of the system's packages, where both sides read their contents."""
    here, there = _system_files(inventory), _system_files(other)
    hashed = inventory.hashed and other.hashed
    for key in sorted(here.keys() | there.keys()):
        mine, theirs = here.get(key), there.get(key)
        gone = mine is None or mine.kind == "missing"
        if mine == theirs or (gone and (theirs is None or theirs.kind == "missing")):
            continue
        if mine is not None and theirs is not None and not gone and theirs.kind != "missing":
            if not hashed or mine.actual == theirs.actual:
                continue
            rule, message = rules.MODIFIED, "the content differs"
        elif gone:
            rule, message = rules.REMOVED, "the other environment has this file"
        else:
            rule, message = rules.STRAY, "the other environment has not this file"
        yield Finding(
            rule=rule,
            message=message,
            package=shown(key[0]),
            path=shown(key[1]),
            expected=theirs.actual if theirs else None,
            actual=mine.actual if mine else None,
        )


def _system_files(inventory: Inventory) -> dict[tuple[str, str], SeenFile]:
    return {
        (package.name, file.path): file for package in inventory.system for file in package.files
    }


def _packages(
    pair: Pair, here: Sequence[Distribution], there: Sequence[Distribution], counted: Counted
) -> Iterator[Finding]:
    if len(here) > 1 or len(there) > 1:
        yield from _duplicates(pair, here, there)
        return
    mine, theirs = here[0], there[0]
    if not _same_version(mine.version, theirs.version):
        yield Finding(
            rule=rules.VERSION,
            message="the other environment has another version",
            package=pair.name,
            expected=shown(theirs.version),
            actual=shown(mine.version),
        )
        return
    yield from _origins(pair, mine, theirs)
    if sorted(mine.tags) != sorted(theirs.tags):
        yield Finding(
            rule=rules.ARTIFACT,
            message="the other environment has the same version from another artifact",
            package=pair.name,
            expected=shown(", ".join(sorted(theirs.tags))),
            actual=shown(", ".join(sorted(mine.tags))),
        )
    yield from compare_files(pair, mine, theirs, counted)


def _duplicates(
    pair: Pair, here: Sequence[Distribution], there: Sequence[Distribution]
) -> Iterator[Finding]:
    """Several installations on one side cannot be told apart: they are named, not compared."""
    yield Finding(
        rule=rules.DUPLICATE,
        message="it is installed more than once, and its files are not compared",
        package=pair.name,
        expected=shown(", ".join(f"{each.site}/{each.info}" for each in there)),
        actual=shown(", ".join(f"{each.site}/{each.info}" for each in here)),
    )


def _same_version(one: str, other: str) -> bool:
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _origins(pair: Pair, mine: Distribution, theirs: Distribution) -> Iterator[Finding]:
    """Compare editable installs and commits; addresses may differ where the content does not."""
    one, other = (parse_origin(each.direct_url or "") for each in (mine, theirs))
    editable = one is not None and one.editable
    if editable or (other is not None and other.editable):
        side = "this" if editable else "the other"
        yield Finding(
            rule=rules.EDITABLE,
            message=f"in {side} environment its code is read from a folder, and not compared",
            package=pair.name,
        )
    commits = [origin.commit if origin else None for origin in (other, one)]
    if commits[0] != commits[1]:
        yield Finding(
            rule=rules.COMMIT,
            message="the other environment has it from another commit, or from none",
            package=pair.name,
            expected=_text(commits[0]),
            actual=_text(commits[1]),
        )


def _text(value: str | None) -> str | None:
    return None if value is None else shown(value)
