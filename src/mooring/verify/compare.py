"""A selection and an inventory in, findings out; nothing is read here."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mooring.lock.alternatives import Ranks, newest, ranks_of
from mooring.lock.model import Artifact, Selected, Selection
from mooring.manifest.model import VerifyPolicy
from mooring.platforms import PythonVersion
from mooring.verify import rules
from mooring.verify.artifact import check_artifact, check_tags
from mooring.verify.bytecode import check_bytecode
from mooring.verify.caches import check_shared
from mooring.verify.deep import Contents, check_deep, pairs_of
from mooring.verify.facts import check_facts, running_platform
from mooring.verify.files import check_files, compared_files
from mooring.verify.findings import SEVERITIES, Finding, Verification
from mooring.verify.folding import folded
from mooring.verify.inventory import Distribution, Inventory
from mooring.verify.origin import check_origin
from mooring.verify.remedy import install_locked
from mooring.verify.shown import shown
from mooring.verify.strays import check_strays
from mooring.verify.system import check_system

SEEDS = frozenset({"pip", "setuptools", "uv", "wheel"})
"""What virtual environments are created with; as extras they are told, but fail nothing."""

# What an environment says of itself may be anything; its Python is X.Y and whatever follows.
_SEEN_PYTHON = re.compile(r"3\.([0-9]{1,2})(?![0-9])")

_Installed = dict[str, list[Distribution]]
_Left = Mapping[str, frozenset[str]]


def compare(
    selection: Selection,
    inventory: Inventory,
    policy: VerifyPolicy,
    *,
    variables: Mapping[str, str] | None = None,
    contents: Contents | None = None,
) -> Verification:
    """Compare what is installed with what is locked.

    A locked package that is absent or cannot be checked is always among the failing findings, so
    an environment in which nothing could be compared is never clean.

    Args:
        selection: What is locked.
        inventory: What is there.
        policy: What fails.
        variables: The environment variables that are declared for the image, by name; compared
            where the inventory knows those of the target.
        contents: What locked wheels hold, by file name, where that was asked for; see
            `wheels_to_read`.
    """
    installed = _installed(selection, inventory)
    pairs = [
        (selected, _closest(selected, installed[selected.package.name]))
        for selected in selection.packages
        if selected.package.name in installed
    ]
    fix = install_locked(inventory, selection)
    left = _left_behind(selection, inventory, installed)
    findings = chain(
        check_facts(selection, inventory, variables or {}, fix),
        _missing(selection, inventory, installed, left),
        _extra(selection, inventory, installed, policy),
        _packages(selection, inventory, pairs, installed),
        check_strays(inventory, frozenset().union(*left.values())),
        check_system(inventory),
        check_bytecode(inventory, fix),
        _deep(selection, installed, contents, fix),
    )
    files = [compared_files(distribution) for _, distribution in pairs]
    ordered = tuple(sorted(folded(findings, policy.ignore), key=_order))
    return Verification(
        findings=ordered,
        packages=len(pairs),
        checked_files=sum(count for count, _ in files),
        checked_bytes=sum(size for _, size in files),
        failing=tuple(finding for finding in ordered if _fails(finding, policy)),
    )


def wheels_to_read(selection: Selection, inventory: Inventory) -> tuple[Artifact, ...]:
    """Return the locked wheels whose lists of files nothing in the lock proves."""
    deep = pairs_of(selection, _installed(selection, inventory))
    return tuple(pair.wheel for pair in deep if pair.wheel is not None and not pair.proved)


def _deep(
    selection: Selection, installed: _Installed, contents: Contents | None, fix: str
) -> Iterator[Finding]:
    if contents is not None:
        for pair in pairs_of(selection, installed):
            yield from check_deep(pair, contents, fix)


def _installed(selection: Selection, inventory: Inventory) -> _Installed:
    """Return what is installed, by name; the system's packages only in place of locked ones.

    What the system's packager brought is nobody's extra, and Python prefers what pip installed.
    """
    installed: _Installed = defaultdict(list)
    system: _Installed = defaultdict(list)
    for distribution in inventory.distributions:
        found = installed if distribution.owner is None else system
        found[canonicalize_name(distribution.name)].append(distribution)
    for selected in selection.packages:
        name = selected.package.name
        if name not in installed and name in system:
            installed[name] = system[name]
    return installed


def _fails(finding: Finding, policy: VerifyPolicy) -> bool:
    rule = finding.rule
    strictly = rule.unverifiable and not rule.lenient
    return strictly or SEVERITIES.index(rule.severity) >= SEVERITIES.index(policy.fail_on)


def _order(finding: Finding) -> tuple[str, str, bool, str, str]:
    several = finding.count > 1
    return finding.package or "", finding.rule.id, several, finding.path or "", finding.message


def _closest(selected: Selected, found: Sequence[Distribution]) -> Distribution:
    """Return the installation to compare: one of the locked version when there is one."""
    return next((d for d in found if _same_version(selected, d)), found[0])


def _same_version(selected: Selected, distribution: Distribution) -> bool:
    locked = selected.package.version
    if locked is None:
        return True
    try:
        return Version(locked) == Version(distribution.version)
    except InvalidVersion:
        return locked == distribution.version


def _left_behind(selection: Selection, inventory: Inventory, installed: _Installed) -> _Left:
    """Return the modules and programs of missing packages, by the name of the package."""
    named: dict[str, set[str]] = defaultdict(set)
    for stray in inventory.strays:
        if stray.kind in ("module", "program"):
            name = stray.path.rpartition("/")[2].partition(".")[0]
            named[canonicalize_name(name)].add(stray.path)
    return {
        name: frozenset(named[name])
        for selected in selection.packages
        if (name := selected.package.name) not in installed and name in named
    }


def _missing(
    selection: Selection, inventory: Inventory, installed: _Installed, left: _Left
) -> Iterator[Finding]:
    for selected in selection.packages:
        package = selected.package
        if package.name not in installed:
            path = min(left.get(package.name, ()), default=None)
            message = "it is locked, but not installed"
            yield Finding(
                rule=rules.MISSING,
                message=f"{message}; its metadata is gone, its files are not" if path else message,
                package=package.name,
                path=shown(path) if path else None,
                expected=package.version,
                fix=install_locked(inventory, selection),
            )


def _extra(
    selection: Selection, inventory: Inventory, installed: _Installed, policy: VerifyPolicy
) -> Iterator[Finding]:
    locked = {selected.package.name for selected in selection.packages}
    allowed = {canonicalize_name(name) for name in policy.allow_extra}
    for name, found in installed.items():
        if name in locked or name in allowed:
            continue
        seed = name in SEEDS
        yield Finding(
            rule=rules.EXTRA.at("info") if seed else rules.EXTRA,
            message="the environment was created with it"
            if seed
            else "it is installed, but not locked",
            package=name,
            actual=shown(found[0].version),
            fix=install_locked(inventory, selection),
        )
    for path in inventory.leftovers:
        yield Finding(
            rule=rules.EXTRA.at("warning"),
            message="a metadata folder that names no package, such as pip leaves when interrupted",
            path=shown(path),
            fix="remove the folder",
        )


def _packages(
    selection: Selection,
    inventory: Inventory,
    pairs: Iterable[tuple[Selected, Distribution]],
    installed: _Installed,
) -> Iterator[Finding]:
    fix = install_locked(inventory, selection)
    supported = _supported(selection, inventory)
    for selected, distribution in pairs:
        name = selected.package.name
        yield from _duplicates(name, installed[name], fix)
        if _same_version(selected, distribution):
            yield from check_artifact(selected, distribution, supported, fix)
            yield from check_origin(selected, distribution, fix)
        else:
            yield Finding(
                rule=rules.VERSION,
                message="another version is installed",
                package=name,
                expected=selected.package.version,
                actual=shown(distribution.version),
                fix=fix,
            )
        if distribution.owner is not None:
            continue
        yield from check_tags(name, distribution, supported, fix)
        yield from check_files(
            name, distribution, fix, hashed=inventory.hashed, looked=inventory.looked
        )
        shared = check_shared(name, distribution, fix)
        if shared is not None:
            yield shared


def _duplicates(name: str, found: Sequence[Distribution], fix: str) -> Iterator[Finding]:
    if len(found) > 1:
        yield Finding(
            rule=rules.DUPLICATE,
            message="several installations claim this name",
            package=name,
            expected="one",
            actual=", ".join(shown(f"{each.site}/{each.info}") for each in found),
            fix=fix,
        )


def _supported(selection: Selection, inventory: Inventory) -> Ranks:
    """Return the wheel tags that run there, best first; its libc counts where it is known."""
    python = _running(selection, inventory)
    platform, known = running_platform(selection.platform, inventory.facts)
    return ranks_of(platform if known else newest(platform), python)


def _running(selection: Selection, inventory: Inventory) -> PythonVersion:
    """Return the Python that the environment really has, for what it supports."""
    if seen := _SEEN_PYTHON.match(inventory.interpreter.version or ""):
        return PythonVersion(minor=int(seen[1]))
    return selection.python
