"""Is a distribution the locked artifact, and made for this Python: MOR104, MOR111, MOR117."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from packaging.tags import Tag, parse_tag

from mooring.lock.alternatives import Ranks, alternatives, file_tags
from mooring.lock.model import Package, Selected
from mooring.verify import rules
from mooring.verify.files import lists
from mooring.verify.findings import Finding
from mooring.verify.identity import Judgement, judge
from mooring.verify.inventory import Distribution
from mooring.verify.shown import shown

# They pack wheels anew: what they install has other lists of files.
_REPACKERS = ("conda", "debian", "rpm")
_SHOWN_TAGS = 4
_MACHINE = re.compile(r"(?P<system>many|musl)?linux(?:\d+|_\d+_\d+)?_(?P<arch>.+)")
_MAC = re.compile(r"macosx_\d+_\d+_(?P<arch>.+)")
# What a build on somebody's machine is tagged with, before anything makes it portable.
_LOCAL = re.compile(r"any|linux_.+|macosx_.+|win.+")


def check_artifact(
    selected: Selected, distribution: Distribution, ranks: Ranks, fix: str
) -> Iterator[Finding]:
    """Yield when the installed wheel is not the locked one; an sdist's build is not comparable.

    Where the lock has the record id of the wheel, the installed list of files decides. Otherwise
    the tags and what the installer noted must do.

    Args:
        selected: The package and its locked artifact.
        distribution: What is installed of it.
        ranks: What the environment's machine runs, in the order that installers prefer.
        fix: What puts it right.
    """
    if distribution.owner is not None:
        owner = shown(distribution.owner)
        yield _other(selected, f"the system's package {owner} is installed instead", owner, fix)
        return
    if not selected.artifact.name.endswith(".whl"):
        return
    judgement = judge(selected, distribution)
    if judgement is None:
        yield from _by_tags(selected, distribution, ranks, fix)
    elif judgement.actual != judgement.expected:
        yield _by_record_id(selected, distribution, judgement, ranks, fix)


def _by_record_id(
    selected: Selected, distribution: Distribution, judgement: Judgement, ranks: Ranks, fix: str
) -> Finding:
    """Return the finding for a list of files that is not the locked wheel's."""
    finding = Finding(
        rule=rules.ARTIFACT,
        message="its list of files is not that of the locked wheel: it is another build of this "
        "version, or its RECORD was edited",
        package=selected.package.name,
        expected=judgement.expected,
        actual=judgement.actual,
        fix=fix,
    )
    if judgement.edited is not None:
        return replace(
            finding,
            rule=rules.RECORD,
            message=f"its RECORD was edited: {judgement.edited}",
            path=shown(f"{distribution.site}/{distribution.info}/RECORD"),
        )
    if distribution.installer in _REPACKERS:
        message = f"{distribution.installer} installed it, not the locked wheel"
        return replace(finding, message=message)
    newer = {wheel.name for wheel in alternatives(selected.package, selected.artifact, ranks)}
    if judgement.other is not None:
        rule = rules.ARTIFACT.at("info") if judgement.other in newer else rules.ARTIFACT
        message = f"another of its locked wheels is installed: {judgement.other}"
        return replace(finding, rule=rule, message=message)
    reason = next(_by_tags(selected, distribution, ranks, fix), None)
    if reason is None or reason.actual is None:
        return finding
    if reason.actual in newer and reason.actual not in dict(selected.package.record_ids):
        return reason  # nothing is known of that wheel but its tags
    return replace(finding, message=f"{reason.message}: {reason.actual}")


def _by_tags(
    selected: Selected, distribution: Distribution, ranks: Ranks, fix: str
) -> Iterator[Finding]:
    artifact, package = selected.artifact, selected.package
    if artifact.kind != "wheel":
        return
    built_by_uv = f"{distribution.info}/uv_build.json"
    if distribution.direct_url is None and lists(distribution.files, built_by_uv):
        yield _other(selected, "uv built it from source", "a local build", fix)
        return
    tags, locked = installed_tags(distribution), file_tags(artifact)
    if not tags or not locked or tags & locked:
        return
    finding = _other(selected, *_explained(package, tags), fix)
    newer = any(tags & file_tags(wheel) for wheel in alternatives(package, artifact, ranks))
    if newer or _may_be_renamed(package, tags, locked):
        finding = replace(finding, rule=rules.ARTIFACT.at("info"))
    yield finding


def check_tags(
    name: str, distribution: Distribution, supported: Ranks, fix: str
) -> Iterator[Finding]:
    """Yield when none of the tags the distribution was built for is supported."""
    tags = installed_tags(distribution)
    if tags and tags.isdisjoint(supported):
        yield Finding(
            rule=rules.TAGS,
            message="it was built for another platform or Python",
            package=name,
            actual=_listed(tags),
            fix=fix,
        )


def installed_tags(distribution: Distribution) -> frozenset[Tag]:
    """Return the tags of WHEEL, none where there is no valid one."""
    found: set[Tag] = set()
    for text in distribution.tags:
        try:
            found |= parse_tag(text)
        except ValueError:
            continue
    return frozenset(found)


def _explained(package: Package, tags: frozenset[Tag]) -> tuple[str, str]:
    """Return a message, and the name of another locked wheel that has these tags."""
    for wheel in package.wheels:
        if tags & file_tags(wheel):
            return "another of its locked wheels is installed", wheel.name
    return "its tags are not those of the locked wheel", _listed(tags)


def _may_be_renamed(package: Package, tags: frozenset[Tag], locked: frozenset[Tag]) -> bool:
    """Whether the very wheel may have been renamed after its build, as some projects do.

    Then Python and ABI agree, the platform is the same machine or `any`, no other locked wheel has
    these tags, and there is no sdist from which a local build could come.
    """
    if any(tags & file_tags(wheel) for wheel in package.wheels):
        return False
    pairs = {(tag.interpreter, tag.abi) for tag in locked}
    machines = {_machine(tag.platform) for tag in locked}
    related = [
        tag
        for tag in tags
        if (tag.interpreter, tag.abi) in pairs and _same_machine(tag.platform, machines)
    ]
    built_here = package.sdist is not None and all(_LOCAL.fullmatch(t.platform) for t in related)
    return bool(related) and not built_here


def _same_machine(platform: str, machines: set[tuple[str, str]]) -> bool:
    system, arch = _machine(platform)
    if platform == "any":
        return True
    return (system, arch) in machines or (
        system == "linux" and {("many", arch), ("musl", arch)} & machines != set()
    )


def _machine(platform: str) -> tuple[str, str]:
    """Return (system, architecture) of a platform tag."""
    if match := _MACHINE.fullmatch(platform):
        return match["system"] or "linux", match["arch"]
    if match := _MAC.fullmatch(platform):
        return "macos", match["arch"]
    return platform, ""


def _other(selected: Selected, message: str, actual: str, fix: str) -> Finding:
    return Finding(
        rule=rules.ARTIFACT,
        message=message,
        package=selected.package.name,
        expected=selected.artifact.name,
        actual=actual,
        fix=fix,
    )


def _listed(tags: frozenset[Tag]) -> str:
    names = sorted(map(str, tags))
    more = f" and {len(names) - _SHOWN_TAGS} more" if len(names) > _SHOWN_TAGS else ""
    return shown(", ".join(names[:_SHOWN_TAGS]) + more)
