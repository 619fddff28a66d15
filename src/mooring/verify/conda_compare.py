"""A conda selection and a prefix in, findings out; nothing is read here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.utils import canonicalize_name

from mooring.lock.conda import CondaPackage, CondaSelection
from mooring.lock.conda_pypi import pypi_selection
from mooring.manifest.model import VerifyPolicy
from mooring.urls import strip_credentials
from mooring.verify import rules
from mooring.verify.compare import compare
from mooring.verify.conda_files import (
    check_conda_files,
    compared_conda_files,
    is_about_file,
    packaged_digests,
)
from mooring.verify.conda_inventory import CondaInstalled, PrefixInventory
from mooring.verify.findings import SEVERITIES, Finding, Rule, Verification
from mooring.verify.inventory import Distribution, Interpreter, Inventory
from mooring.verify.remedy import install_locked
from mooring.verify.shown import shown

_TOKEN = re.compile(r"(?<=/)t/[^/]+/")
_SITE = "site-packages/"


def compare_prefix(
    selection: CondaSelection, inventory: PrefixInventory, policy: VerifyPolicy
) -> Verification:
    """Compare what a conda prefix holds with what is locked, conda's part and that of PyPI.

    Args:
        selection: What is locked.
        inventory: What is there.
        policy: What fails.

    Raises:
        InputError: The lock has PyPI packages but no Python.
    """
    fix = install_prefix(inventory.base, selection)
    locked = {package.name: package for package in selection.packages}
    installed = _by_name(inventory.packages)
    beside = {str(canonicalize_name(each.name)): each for each in inventory.base.distributions}
    findings = [
        *_missing(locked, installed, fix),
        *_extra(locked, installed, policy, fix),
        *_packages(locked, installed, inventory, beside, fix),
    ]
    pypi = _pypi(selection, inventory, policy, fix)
    findings = sorted([*findings, *pypi.findings], key=_order)
    compared = [found[0] for name, found in installed.items() if name in locked]
    counts = [compared_conda_files(each) for each in compared]
    return Verification(
        findings=tuple(findings),
        packages=len(compared) + pypi.packages,
        checked_files=sum(count for count, _ in counts) + pypi.checked_files,
        checked_bytes=sum(size for _, size in counts) + pypi.checked_bytes,
        failing=tuple(finding for finding in findings if _fails(finding, policy)),
    )


def install_prefix(base: Inventory, selection: CondaSelection) -> str:
    """Return what makes the prefix hold the locked packages and nothing else."""
    named = selection.environment
    choice = f" --environment {shlex.quote(named)}" if named and named != "default" else ""
    if base.kind == "path":
        return f"mooring sync --prefix {shlex.quote(shown(base.target))}{choice}"
    return f"mooring build{choice}"


def _by_name(packages: Sequence[CondaInstalled]) -> dict[str, list[CondaInstalled]]:
    found: dict[str, list[CondaInstalled]] = {}
    for package in packages:
        found.setdefault(package.name, []).append(package)
    return found


def _missing(
    locked: Mapping[str, CondaPackage], installed: Mapping[str, object], fix: str
) -> Iterator[Finding]:
    for name, package in locked.items():
        if name not in installed:
            yield Finding(
                rule=rules.MISSING,
                message="it is locked, but not installed",
                package=name,
                expected=f"{package.version} {package.build}",
                fix=fix,
            )


def _extra(
    locked: Mapping[str, CondaPackage],
    installed: Mapping[str, Sequence[CondaInstalled]],
    policy: VerifyPolicy,
    fix: str,
) -> Iterator[Finding]:
    allowed = {canonicalize_name(name) for name in policy.allow_extra}
    for name, found in installed.items():
        if name not in locked and canonicalize_name(name) not in allowed:
            yield Finding(
                rule=rules.EXTRA,
                message="it is installed, but not locked",
                package=shown(name),
                actual=shown(f"{found[0].version} {found[0].build}"),
                fix=fix,
            )


def _packages(
    locked: Mapping[str, CondaPackage],
    installed: Mapping[str, Sequence[CondaInstalled]],
    inventory: PrefixInventory,
    beside: Mapping[str, Distribution],
    fix: str,
) -> Iterator[Finding]:
    packaged = packaged_digests(inventory.packages)
    for name, found in installed.items():
        if name not in locked:
            continue
        if len(found) > 1:
            yield _several(name, found, fix)
        there = found[0]
        yield from _same_package(locked[name], there, fix)
        files = list(check_conda_files(there, packaged, fix, hashed=inventory.base.hashed))
        over = _over(there, beside, files, fix)
        if over is None:
            yield from files
        else:
            yield over
            yield from (each for each in files if not _is_pythons(each))


def _several(name: str, found: Sequence[CondaInstalled], fix: str) -> Finding:
    return Finding(
        rule=rules.DUPLICATE,
        message="several records claim this name",
        package=shown(name),
        expected="one",
        actual=", ".join(shown(each.record) for each in found),
        fix=fix,
    )


def _same_package(package: CondaPackage, there: CondaInstalled, fix: str) -> Iterator[Finding]:
    """Compare version, build, digests, origin and file list, in this order."""
    if there.problem is not None and not there.build:
        return  # its record cannot be read, which is told with its files
    if there.version != package.version:
        yield _different(rules.VERSION, "another version is installed", package, there, fix)
        return
    if (there.build, there.subdir) != (package.build, package.subdir):
        yield _different(rules.CONDA, "another build is installed", package, there, fix)
        return
    digests = [
        (kind, one, other)
        for kind, one, other in (
            ("sha256", package.sha256, there.sha256),
            ("md5", package.md5, there.md5),
        )
        if one and other
    ]
    if digests and digests[0][1] != digests[0][2]:
        kind, expected, actual = digests[0]
        yield Finding(
            rule=rules.CONDA,
            message="another archive of this build is installed",
            package=package.name,
            path=shown(there.record),
            expected=f"{kind}:{expected}",
            actual=shown(f"{kind}:{actual}"),
            fix=fix,
        )
        return
    yield from _same_origin(package, there, fix, proved=bool(digests))
    yield from _same_list(package, there, fix)


def _different(
    rule: Rule, message: str, package: CondaPackage, there: CondaInstalled, fix: str
) -> Finding:
    return Finding(
        rule=rule,
        message=message,
        package=package.name,
        path=shown(there.record),
        expected=f"{package.version} {package.build} ({package.subdir})",
        actual=shown(f"{there.version} {there.build} ({there.subdir})"),
        fix=fix,
    )


def _same_origin(
    package: CondaPackage, there: CondaInstalled, fix: str, *, proved: bool
) -> Iterator[Finding]:
    """Compare where it came from; the same bytes from a mirror are no drift."""
    if not there.url or _public(package.url) == there.url:
        return
    said = "it came from another place than the locked one"
    yield Finding(
        rule=rules.CONDA.at("info") if proved else rules.CONDA,
        message=f"{said}, with the same digest" if proved else said,
        package=package.name,
        path=shown(there.record),
        expected=shown(_public(package.url)),
        actual=shown(there.url),
        fix=None if proved else fix,
    )


def _same_list(package: CondaPackage, there: CondaInstalled, fix: str) -> Iterator[Finding]:
    """Compare the list of files with the one that the locked archive publishes."""
    if package.paths_id is None or package.paths_id == there.paths_id:
        return
    broken = there.paths_id is None
    yield Finding(
        rule=rules.RECORD if broken else rules.ARTIFACT,
        message="its record lists its files in no usable way, the locked archive does"
        if broken
        else "its list of files is not that of the locked archive",
        package=package.name,
        path=shown(there.record),
        expected=package.paths_id,
        actual=there.paths_id,
        fix=fix,
    )


def _over(
    there: CondaInstalled,
    beside: Mapping[str, Distribution],
    files: Sequence[Finding],
    fix: str,
) -> Finding | None:
    """Return that pip installed over a package, where it did."""
    name = next((each for each in there.distributions if each in beside), None)
    changed = [each for each in files if is_about_file(each)]
    installers = [each for each in changed if (each.path or "").endswith("-info/INSTALLER")]
    if name is None and not installers:
        return None
    count = sum(1 for each in changed if _is_pythons(each))
    damage = f": {count} of its files are gone or changed" if count else ""
    by = (beside[name].installer if name else None) or "another installer"
    return Finding(
        rule=rules.DUPLICATE,
        message=f"{shown(by)} installed {shown(name or there.name)} over it{damage}",
        package=there.name,
        path=shown(f"{beside[name].site}/{beside[name].info}") if name else installers[0].path,
        expected=there.version,
        actual=shown(beside[name].version) if name else None,
        fix=fix,
    )


def _is_pythons(finding: Finding) -> bool:
    """Whether a finding is about a file that pip replaces or removes."""
    path = finding.path or ""
    return is_about_file(finding) and (_SITE in path or path.startswith(("bin/", "Scripts/")))


def _pypi(
    selection: CondaSelection, inventory: PrefixInventory, policy: VerifyPolicy, fix: str
) -> Verification:
    """Compare what others installed; what pip put over conda's is told with conda's."""
    pypi = pypi_selection(selection)
    wanted = {selected.package.name for selected in pypi.packages}
    claimed = {name for package in inventory.packages for name in package.distributions} - wanted
    base = replace(
        inventory.base,
        # Its Python is a conda package, and compared as such.
        interpreter=Interpreter(version=str(pypi.python)),
        distributions=tuple(
            each
            for each in inventory.base.distributions
            if canonicalize_name(each.name) not in claimed
        ),
    )
    found = compare(pypi, base, policy)
    other = install_locked(base, pypi)
    return replace(
        found,
        findings=tuple(
            replace(each, fix=each.fix.replace(other, fix) if each.fix else None)
            for each in found.findings
        ),
    )


def _public(url: str) -> str:
    return _TOKEN.sub("", strip_credentials(url))


def _fails(finding: Finding, policy: VerifyPolicy) -> bool:
    rule = finding.rule
    return rule.unverifiable or SEVERITIES.index(rule.severity) >= SEVERITIES.index(policy.fail_on)


def _order(finding: Finding) -> tuple[str, str, str, str]:
    return finding.package or "", finding.rule.id, finding.path or "", finding.message
