"""Why a lock cannot be used on a platform, in words: called only after a selection failed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mooring.lock.candidates import accepted, fits, parsed_marker, parsed_specifiers, tag_parts
from mooring.lock.model import Lock, Package
from mooring.platforms import Platform, PythonVersion

_MOST_PACKAGES = 5
_MOST_TAGS = 6


def explain(
    lock: Lock,
    platform: Platform,
    python: PythonVersion,
    extras: Collection[str],
    groups: Collection[str],
) -> str | None:
    """Return what is wrong, with all packages concerned, or None when nothing is found.

    The order is that of PEP 751: the Python, the platform, then each package.
    """
    where = f"{_platform_words(platform)} with Python {python}"
    if lock.requires_python and not _runs(lock.requires_python, python):
        return f"the lock requires Python {lock.requires_python}, not {python}"
    environment = platform.marker_environment(python)
    if lock.environments and not any(
        parsed_marker(text).evaluate(environment, context="requirement")
        for text in lock.environments
    ):
        return f"the lock is not for {where}; it is for: {'; '.join(lock.environments)}"
    full: dict[str, str | frozenset[str]] = {
        **environment,
        "extras": frozenset(extras),
        "dependency_groups": frozenset(groups),
    }
    wanted = [
        package
        for package in lock.packages
        if package.marker is None
        or parsed_marker(package.marker).evaluate(full, context="lock_file")
    ]
    problems = [
        *_refusing(wanted, python),
        *_ambiguous(wanted),
        *_lacking(wanted, platform, python),
    ]
    if not problems:
        return None
    more = len(problems) - _MOST_PACKAGES
    shown = "; ".join(problems[:_MOST_PACKAGES]) + (f"; and {more} more" if more > 0 else "")
    return f"nothing usable for {where}: {shown}"


def unreadable(lock: Lock, platform: Platform, python: PythonVersion) -> str:
    """Return which value of a lock `packaging` cannot evaluate."""
    environment = platform.marker_environment(python)
    for package in lock.packages:
        try:
            if package.marker is not None:
                parsed_marker(package.marker).evaluate(environment, context="lock_file")
        except (ValueError, KeyError):
            return f"the marker of {_named(package)} cannot be evaluated: {package.marker}"
    return "a marker, version or file name of the lock cannot be evaluated"


def _refusing(packages: list[Package], python: PythonVersion) -> Iterator[str]:
    for package in packages:
        if package.requires_python and not _runs(package.requires_python, python):
            yield f"{_named(package)} requires Python {package.requires_python}"


def _ambiguous(packages: list[Package]) -> Iterator[str]:
    by_name: dict[str, list[str]] = {}
    for package in packages:
        by_name.setdefault(package.name, []).append(package.version or "a direct source")
    for name, versions in by_name.items():
        if len(versions) > 1:
            yield f"{name} is locked more than once ({', '.join(versions)})"


def _lacking(packages: list[Package], platform: Platform, python: PythonVersion) -> Iterator[str]:
    tags = platform.tags(python)
    parts, supported = accepted(tags), frozenset(map(str, tags))
    for package in packages:
        if package.direct or package.sdist:
            continue
        if not any(
            fits(wheel, parts) and not supported.isdisjoint(_tags(wheel.name))
            for wheel in package.wheels
        ):
            yield f"{_named(package)} has no fitting wheel and no sdist; {_existing(package)}"


def _tags(file_name: str) -> Iterator[str]:
    interpreters, abis, platforms = tag_parts(file_name)
    return (f"{i}-{a}-{p}" for i in interpreters for a in abis for p in platforms)


def _existing(package: Package) -> str:
    """Return which wheels there are, by the tag part of their names."""
    tags = sorted({"-".join(wheel.name[:-4].rsplit("-", 3)[1:]) for wheel in package.wheels})
    if not tags:
        return "it has no wheels"
    more = len(tags) - _MOST_TAGS
    return f"its wheels are for {', '.join(tags[:_MOST_TAGS])}" + (
        f" and {more} more" if more > 0 else ""
    )


def _named(package: Package) -> str:
    return f"{package.name} {package.version}" if package.version else package.name


def _platform_words(platform: Platform) -> str:
    if platform.floor is None or platform.floor_kind is None:
        return platform.subdir
    name = "macOS" if platform.floor_kind == "macos" else platform.floor_kind
    return f"{platform.subdir} ({name} {platform.floor[0]}.{platform.floor[1]})"


def _runs(specifiers: str, python: PythonVersion) -> bool:
    return parsed_specifiers(specifiers).contains(python.full)
