"""Is a distribution the locked artifact, and made for this Python: MOR104, MOR117 (PEP 425)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from packaging.tags import Tag, parse_tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from mooring.lock.model import Artifact, Package, Selected
from mooring.platforms import Platform, PythonVersion
from mooring.verify import rules
from mooring.verify.findings import Finding
from mooring.verify.inventory import Distribution
from mooring.verify.shown import shown

_SHOWN_TAGS = 4
_NEWEST_LIBC = {"glibc": (2, 99), "musl": (1, 99), "macos": (99, 0)}
_MACHINE = re.compile(r"(?P<system>many|musl)?linux(?:\d+|_\d+_\d+)?_(?P<arch>.+)")
_MAC = re.compile(r"macosx_\d+_\d+_(?P<arch>.+)")
# What a build on somebody's machine is tagged with, before anything makes it portable.
_LOCAL = re.compile(r"any|linux_.+|macosx_.+|win.+")


def check_artifact(selected: Selected, distribution: Distribution, fix: str) -> Iterator[Finding]:
    """Yield when the installed wheel is not the locked one; an sdist's build is not comparable."""
    artifact = selected.artifact
    if artifact.kind != "wheel":
        return
    built_by_uv = f"{distribution.info}/uv_build.json"
    if distribution.direct_url is None and any(f.path == built_by_uv for f in distribution.files):
        yield _other(selected, "uv built it from source", "a local build", fix)
        return
    tags, locked = installed_tags(distribution), _file_tags(artifact)
    if not tags or not locked or tags & locked:
        return
    finding = _other(selected, *_explained(selected.package, tags), fix)
    if _may_be_renamed(selected.package, tags, locked):
        finding = replace(finding, rule=rules.ARTIFACT.at("info"))
    yield finding


def check_tags(
    name: str, distribution: Distribution, supported: frozenset[Tag], fix: str
) -> Iterator[Finding]:
    """Yield when none of the tags the distribution was built for is supported."""
    tags = installed_tags(distribution)
    if tags and not tags & supported:
        yield Finding(
            rule=rules.TAGS,
            message="it was built for another platform or Python",
            package=name,
            actual=_listed(tags),
            fix=fix,
        )


def supported_tags(platform: Platform, python: PythonVersion) -> frozenset[Tag]:
    """Return the tags that run on such a machine, however new its libc is."""
    kind = platform.floor_kind
    if kind is not None:
        platform = replace(platform, floor=_NEWEST_LIBC[kind])
    return frozenset(platform.tags(python))


def installed_tags(distribution: Distribution) -> frozenset[Tag]:
    """Return the tags of WHEEL, none where there is no valid one."""
    found: set[Tag] = set()
    for text in distribution.tags:
        try:
            found |= parse_tag(text)
        except ValueError:
            continue
    return frozenset(found)


def _file_tags(artifact: Artifact) -> frozenset[Tag]:
    try:
        return parse_wheel_filename(artifact.name)[3]
    except InvalidWheelFilename:
        return frozenset()


def _explained(package: Package, tags: frozenset[Tag]) -> tuple[str, str]:
    """Return a message, and the name of another locked wheel that has these tags."""
    for wheel in package.wheels:
        if tags & _file_tags(wheel):
            return "another of its locked wheels is installed", wheel.name
    return "its tags are not those of the locked wheel", _listed(tags)


def _may_be_renamed(package: Package, tags: frozenset[Tag], locked: frozenset[Tag]) -> bool:
    """Whether the very wheel may have been renamed after its build, as some projects do.

    Then Python and ABI agree, the platform is the same machine or `any`, no other locked wheel has
    these tags, and there is no sdist from which a local build could come.
    """
    if any(tags & _file_tags(wheel) for wheel in package.wheels):
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
